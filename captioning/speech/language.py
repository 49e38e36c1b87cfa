"""The language of a source, by a vote of its first pieces of speech."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from curation.base.records import round_score

VOTING_PIECES = 5
"""Pieces that vote, up to 2.5 minutes of speech: one piece may be music, a name, or another speaker."""
RECORDED = 3
"""Languages whose share of the vote is written down."""

_TABLE = """
afrikaans af; albanian sq; amharic am; arabic ar; armenian hy; assamese as;
azerbaijani az; bashkir ba; basque eu; belarusian be; bengali bn; bosnian bs;
breton br; bulgarian bg; burmese my; cantonese yue; castilian es; catalan ca;
chinese zh; croatian hr; czech cs; danish da; dutch nl; english en;
estonian et; faroese fo; finnish fi; flemish nl; french fr; galician gl;
georgian ka; german de; greek el; gujarati gu; haitian ht; hausa ha;
hawaiian haw; hebrew he; hindi hi; hungarian hu; icelandic is; indonesian id;
italian it; japanese ja; javanese jw; kannada kn; kazakh kk; khmer km;
korean ko; lao lo; latin la; latvian lv; letzeburgesch lb; lingala ln;
lithuanian lt; luxembourgish lb; macedonian mk; malagasy mg; malay ms; malayalam ml;
maltese mt; mandarin zh; maori mi; marathi mr; moldavian ro; mongolian mn;
nepali ne; norwegian no; nynorsk nn; occitan oc; panjabi pa; pashto ps;
persian fa; polish pl; portuguese pt; punjabi pa; pushto ps; romanian ro;
russian ru; sanskrit sa; serbian sr; shona sn; sindhi sd; sinhala si;
sinhalese si; slovak sk; slovenian sl; somali so; spanish es; sundanese su;
swahili sw; swedish sv; tagalog tl; tajik tg; tamil ta; tatar tt;
telugu te; thai th; tibetan bo; turkish tr; turkmen tk; ukrainian uk;
urdu ur; uzbek uz; valencian ca; vietnamese vi; welsh cy; yiddish yi
"""
_NAMES = dict(each.split() for each in _TABLE.split(";"))
CODES = frozenset(_NAMES.values())
"""Of the languages that Whisper knows (jw is its code of Javanese)."""


def code_of(language: str | None) -> str | None:
    """The ISO 639-1 code (639-3 where there is none) of what a server calls a language: a code, one with a
    region, or an English name. None where it is neither."""
    name = (language or "").strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    code = name.replace("_", "-").split("-")[0]
    return code if len(code) in (2, 3) and code.isascii() and code.isalpha() and code != "und" else None


def vote(ballots: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Languages with their share (0..1) of a vote, the first one the winner.

    A ballot is how long somebody spoke, in seconds, and how likely each language is there: each second counts
    for every language by its probability. Equal shares go by the code's letters. Empty without votes.
    """
    votes: defaultdict[str, float] = defaultdict(float)
    for speech_s, languages in ballots:
        for language, probability in languages.items():
            votes[language] += speech_s * probability
    total = sum(votes.values())
    if not total:
        return {}
    shares = {language: round_score(votes[language] / total) for language in votes}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:RECORDED])
