"""Words whose part of speech is a matter of grammar, with what each can be and how likely (log scale)."""

from __future__ import annotations

from captioning.fusion.lexicon.wordlists import listing

_LISTS = {
    "DT": "the a an this these those each every some any all both either another such what which much "
    "many few several half",
    "NDT": "no neither",
    "PRP": "i you he she it we they me him us them himself herself itself themselves myself yourself "
    "ourselves someone somebody everyone everybody anyone anybody something everything anything "
    "others each_other one_another mine yours theirs ours hers one",
    "NPRP": "nobody nothing none noone",
    "PRPS": "my your his her its our their whose",
    "IN": "of in on at by with from into onto over under above below beneath beside besides between "
    "among amongst behind through throughout across along around about against toward towards "
    "near upon inside outside within via per past beyond off up down out amid amidst alongside "
    "during despite like than for underneath opposite round atop without before after until till "
    "since except including because_of next_to in_front_of on_top_of instead_of close_to out_of "
    "away_from rather_than as_well_as due_to followed_by prior_to away to_the_left_of to_the_right_of "
    "far_from ahead_of together_with along_with according_to up_to such_as in_order thanks_to "
    "under_the_eye_of upside_down",
    "TO": "to",
    "SC": "while when as if because although though whereas before after until till since once unless "
    "so that after_which whenever where whether as_if as_though even_though as_soon_as so_that",
    "CC": "and or but nor yet plus then",
    "MD": "can could will would shall should may might must",
    "BE": "be is are was were am been being",
    "HAVE": "have has had having",
    "DO": "do does did",
    "NEG": "not never",
    "WP": "who whom which that where how why what whose when",
    "EX": "there",
    "POS": "'s",
    "RP": "up down off out in on over away back around along through by apart together aside forward",
    "R": "then now here there again also too very just only still already yet soon once twice together "
    "away back later afterwards first finally meanwhile almost quite rather even ever always "
    "often sometimes not_only so as well no_longer up down nearby outside inside overhead ahead "
    "before that forward home about around all at_once at_last more most less least much nearly "
    "roughly approximately instead",
    "UH": "oh ah hey hi hello yes yeah no okay ok wow uh um whoa hmm well please bye woo",
    "CD": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety hundred thousand million billion dozen",
    "PUN": ". , ; : ! ? ( ) [ ] / & * # @ + = < > | ~ % $ € £ { } ' ` ^ \\",
}
_UNLIKELY = {
    ("that", "DT"): -0.7,
    ("that", "SC"): -0.5,
    ("that", "WP"): -0.3,
    ("that", "R"): -4.0,
    ("before", "R"): -3.0,
    ("one", "PRP"): -1.2,
    ("her", "PRP"): -1.2,
    ("no", "UH"): -1.5,
    ("like", "IN"): 0.0,
    ("there", "R"): -0.8,
    ("so", "SC"): -0.7,
    ("then", "CC"): -1.0,
    ("when", "WP"): -1.5,
    ("where", "SC"): -0.7,
    ("what", "DT"): -1.5,
    ("which", "DT"): -2.5,
    ("in", "RP"): -2.0,
    ("on", "RP"): -2.0,
    ("by", "RP"): -3.5,
    ("over", "RP"): -1.0,
    ("through", "RP"): -2.0,
    ("along", "RP"): -1.0,
    ("around", "RP"): -1.0,
    ("up", "IN"): -0.8,
    ("down", "IN"): -0.6,
    ("off", "IN"): -0.8,
    ("out", "IN"): -1.0,
    ("away", "IN"): -3.0,
    ("as", "R"): -1.5,
    ("well", "UH"): -1.5,
    ("about", "R"): -0.7,
    ("around", "R"): -1.0,
    ("all", "R"): -1.5,
    ("once", "R"): -0.5,
    ("home", "R"): -1.0,
    ("outside", "R"): -0.7,
    ("inside", "R"): -0.7,
}


def _closed() -> dict[str, tuple[tuple[str, float], ...]]:
    found: dict[str, list[tuple[str, float]]] = {}
    for tag, words in _LISTS.items():
        for word in words.split():
            found.setdefault(word, []).append((tag, _UNLIKELY.get((word, tag), 0.0)))
    return {word: tuple(tags) for word, tags in found.items()}


CLOSED = _closed()
"""Word -> (tag, log likelihood)."""
ALSO_OPEN = frozenset(
    listing(
        "like past round back forward home well down outside inside overhead half second opposite first "
        "past dozen hundred more most less fewer other"
    )
)
"""Closed words that WordNet's parts of speech are added to."""
JOINED = tuple(sorted((w for w in CLOSED if "_" in w), key=len, reverse=True))
"""Several written words that count as one."""
