"""Tells speech from what recognisers write down where nobody speaks. No text passes that is in doubt."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from pydantic import Field

from captioning.records import Doubt, DoubtReason, Span
from captioning.speech.heard import Utterance, Word
from captioning.speech.phrases import is_known_phrase, normal
from captioning.speech.words import fitted, joined, num_words, overlap_s, spread
from curation.base.config import Config
from curation.base.records import round_score

LONGEST_LOOP = 12
"""Longest run of words that is looked at for being said again and again."""
LOOPED_WORDS = 8
"""Words beyond the first round that make a loop: "no, no, no, no, no" is still speech."""
HALF_SPEECH = 0.5
"""Share of speech below which a recogniser that hears none is believed."""
_SENTENCE_ENDS = frozenset(".!?…。！？｡؟।")


class GuardsConfig(Config):
    """When text counts as made up, and the speech it stands for as uncertain."""

    min_speech_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Least share of a sentence's time in which the voice detector hears speech",
    )
    min_words_per_s: float = Field(
        0.3, ge=0, le=6, description="Fewest words per second of speech in a piece"
    )
    max_words_per_s: float = Field(6.0, ge=1, le=20, description="Most words per second of speech in a piece")
    max_compression_ratio: float = Field(
        2.4, gt=1, le=10, description="Largest ratio of a text's size to its size compressed by zlib"
    )
    min_mean_logprob: float = Field(
        -1.0, ge=-10, le=0, description="Least mean log-probability of a text's tokens"
    )
    max_no_speech: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Largest probability, by the recogniser, that nobody speaks; above it text counts only "
        "if half of its time is speech and its mean log-probability at least half of min_mean_logprob",
    )


def judged(
    utterances: Sequence[Utterance], speech: Sequence[Span], config: GuardsConfig
) -> tuple[list[Word], list[Doubt]]:
    """The words of a piece that are beyond doubt, and the doubts about the others; times from its start.

    `speech` is what the voice detector heard, in seconds from the piece's start.
    """
    said = [each for each in utterances if normal(each.text)]
    if not said:
        return [], [_doubt_of(speech, DoubtReason.NO_WORDS, "the recogniser wrote nothing")]
    odd = odd_rate([each.text for each in said], sum(s.end_s - s.start_s for s in speech), config)
    if odd is not None:
        return [], [_doubt_of(speech, *odd)]
    doubts: list[Doubt] = []
    words: list[Word] = []
    for utterance in said:
        reason = utterance.doubt or odd_text(utterance, speech, config)
        if reason is not None:
            doubts.append(_doubt_in(utterance, speech, *reason))
        else:
            words += words_of(utterance, speech)
    kept, looped = without_loops(words)
    doubts += looped
    sentences = in_sentences(kept)
    sure: list[Word] = []
    for sentence in sentences:
        odd = odd_sentence(sentence, speech, config, alone=len(sentences) == 1)
        if odd is None:
            sure += sentence
        else:
            doubts.append(_doubt_about(sentence, *odd))
    return sure, sorted(doubts, key=lambda doubt: (doubt.start_s, doubt.end_s))


def odd_rate(texts: Iterable[str], speech_s: float, config: GuardsConfig) -> tuple[DoubtReason, str] | None:
    """Why so many words cannot have been said in so many seconds of speech.

    Nobody speaks slower or faster for long; languages differ between 5 and 8 syllables a second (Pellegrino,
    Coupé, Marsico 2011), which is 2 to 5 words.
    """
    rate = round_score(sum(map(num_words, texts)) / max(speech_s, 1e-3))
    if rate < config.min_words_per_s:
        return DoubtReason.FEW_WORDS, f"{rate:g} words per second, fewer than {config.min_words_per_s:g}"
    if rate > config.max_words_per_s:
        return DoubtReason.MANY_WORDS, f"{rate:g} words per second, more than {config.max_words_per_s:g}"
    return None


def odd_text(
    utterance: Utterance, speech: Sequence[Span], config: GuardsConfig
) -> tuple[DoubtReason, str] | None:
    """Why a text as a whole is in doubt, by what the recogniser says of it and by its own repetitions.

    The limits of compression, log-probability and silence are those at which openai-whisper decodes anew or
    takes a window for silent (whisper/transcribe.py, defaults). There a silent window must be unlikely text
    as well; on real silence the probability is often only 0.3 to 0.55, so either witness is enough here.
    """
    ratio = round_score(compression_ratio(utterance.text))
    if ratio > config.max_compression_ratio:
        return (
            DoubtReason.COMPRESSIBLE,
            f"compression ratio {ratio:g}, above {config.max_compression_ratio:g}",
        )
    logprob = None if utterance.mean_logprob is None else round_score(utterance.mean_logprob)
    if logprob is not None and logprob < config.min_mean_logprob:
        return DoubtReason.UNLIKELY, f"mean log-probability {logprob:g}, below {config.min_mean_logprob:g}"
    no_speech = round_score(utterance.no_speech or 0.0)
    share = speech_share(utterance.start_s, utterance.end_s, speech)
    unlikely = logprob is not None and logprob < config.min_mean_logprob / 2
    if no_speech > config.max_no_speech and (share < HALF_SPEECH or unlikely):
        return (
            DoubtReason.NO_SPEECH,
            f"the recogniser hears no speech with probability {no_speech:g}, the voice detector in "
            f"{1 - share:.0%} of the time",
        )
    return None


def odd_sentence(
    sentence: Sequence[Word], speech: Sequence[Span], config: GuardsConfig, *, alone: bool
) -> tuple[DoubtReason, str] | None:
    """Why a sentence is in doubt although the text around it is not."""
    share = speech_share(sentence[0].start_s, sentence[-1].end_s, speech)
    if share < config.min_speech_share:
        return (
            DoubtReason.LITTLE_SPEECH,
            f"{share:.0%} of its time is speech, below {config.min_speech_share:.0%}",
        )
    if is_known_phrase(joined(word.text for word in sentence), alone=alone):
        return DoubtReason.KNOWN_PHRASE, "a phrase that recognisers invent where nobody speaks"
    return None


def speech_share(start_s: float, end_s: float, speech: Sequence[Span]) -> float:
    """Share (0..1) of the time between two times in which there is speech."""
    if end_s <= start_s:
        return float(any(span.start_s <= start_s <= span.end_s for span in speech))
    return round_score(overlap_s(start_s, end_s, speech) / (end_s - start_s))


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes a text that is spelt with one byte per character.

    For English it is openai-whisper's ratio, of UTF-8. Alphabets that take two or three bytes there look
    repetitive (80 words of Hindi: 2.5), so characters beyond ASCII are numbered from 128 on, as in a code
    page of their own (then 1.4).
    """
    others = dict.fromkeys(char for char in text if not char.isascii())
    numbers = {char: min(128 + number, 255) for number, char in enumerate(others)}
    spelt = bytes(numbers.get(char) or ord(char) for char in text)
    return len(spelt) / len(zlib.compress(spelt)) if spelt else 0.0


def without_loops(words: Sequence[Word]) -> tuple[list[Word], list[Doubt]]:
    """The words that are not part of a loop, and a doubt for each loop.

    A loop is a run of 1 to 12 words that comes at least three times at once, for 8 words or more beyond the
    first round.
    """
    forms = [normal(word.text) for word in words]
    kept: list[Word] = []
    doubts: list[Doubt] = []
    first = 0
    while first < len(words):
        size, end = _loop_at(forms, first)
        if size:
            rounds = (end - first) / size
            detail = f"{size} words {rounds:.1f} times in a row"
            doubts.append(_doubt_about(words[first:end], DoubtReason.LOOP, detail))
            first = end
        else:
            kept.append(words[first])
            first += 1
    return kept, doubts


def _loop_at(forms: Sequence[str], first: int) -> tuple[int, int]:
    """Size and end of the longest loop that begins at a word; 0 without one."""
    best = (0, first)
    for size in range(1, LONGEST_LOOP + 1):
        end = first + size
        while end < len(forms) and forms[end] == forms[end - size]:
            end += 1
        beyond = end - first - size
        if beyond >= max(LOOPED_WORDS, 2 * size) and end > best[1]:
            best = (size, end)
    return best


def in_sentences(words: Sequence[Word]) -> list[list[Word]]:
    """Words in sentences, which end at full stops and the like."""
    sentences: list[list[Word]] = []
    open_one = False
    for word in words:
        if not open_one:
            sentences.append([])
        sentences[-1].append(word)
        open_one = word.text[-1:] not in _SENTENCE_ENDS
    return sentences


def words_of(utterance: Utterance, speech: Sequence[Span]) -> list[Word]:
    """The words of an utterance, spread over its speech where the recogniser gave no times."""
    if utterance.words:
        return fitted(utterance.words, speech)
    return spread(utterance.text, utterance.start_s, utterance.end_s, speech, utterance.confidence)


def _doubt_of(speech: Sequence[Span], reason: DoubtReason, detail: str) -> Doubt:
    return Doubt(start_s=speech[0].start_s, end_s=speech[-1].end_s, reason=reason, detail=detail)


def _doubt_in(utterance: Utterance, speech: Sequence[Span], reason: DoubtReason, detail: str) -> Doubt:
    """A doubt about an utterance, from its first speech to its last."""
    heard = [span for span in speech if overlap_s(utterance.start_s, utterance.end_s, (span,)) > 0]
    start_s, end_s = utterance.start_s, utterance.end_s
    if heard:
        start_s, end_s = max(start_s, heard[0].start_s), min(end_s, heard[-1].end_s)
    return Doubt(start_s=start_s, end_s=end_s, reason=reason, detail=detail)


def _doubt_about(words: Sequence[Word], reason: DoubtReason, detail: str) -> Doubt:
    return Doubt(start_s=words[0].start_s, end_s=words[-1].end_s, reason=reason, detail=detail)
