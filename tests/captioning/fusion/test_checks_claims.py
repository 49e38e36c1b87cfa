"""One claim at a time: what is wrong with it is found, and what is right passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.fusion.checks import ProblemKind, check_claim, coverage
from captioning.records import Modality, SourceLine


def line(name: str, text: str, start_s: float = 0.0, end_s: float = 0.0) -> SourceLine:
    modality = next(modality for modality in Modality if modality.letter == name[0])
    return SourceLine(line=name, modality=modality, start_s=start_s, end_s=end_s, text=text, confidence=1.0)


STABLE = (
    line("V1", "A farrier in a leather apron trims the hoof of a white pony.", 0, 4),
    line("V2", "A girl in green boots holds the halter, then feeds the pony an apple.", 4, 8),
    line("V3", "Two barn swallows fly in through the open door.", 8, 10),
    line("A1", "A file rasps and a horse snorts.", 0, 6),
    line("A2", "A man speaks in a low voice.", 2, 5),
    line("S1", "Easy, boy. We are nearly done with this one.", 2, 5),
)


@pytest.mark.parametrize(
    ("text", "cites"),
    [
        ("The white pony's hoof is trimmed by a farrier who wears a leather apron.", ["V1"]),
        ("While a file rasps, a farrier trims a pony's hoof.", ["V1", "A1"]),
        ("A pair of swallows flies in through the door.", ["V3"]),
        ("After holding the halter, a girl gives the pony an apple.", ["V2"]),
        ("A man says in a low voice that they are almost done.", ["A2", "S1"]),
        ("A horse can be heard snorting.", ["A1"]),
        ("An animal is fed fruit by a girl.", ["V2"]),
    ],
)
def test_supported(text: str, cites: list[str]) -> None:
    check = check_claim(text, cites, STABLE)
    assert check.supported(), check


@pytest.mark.parametrize(
    ("text", "cites", "kind"),
    [
        ("A farrier trims the hoof of a black pony.", ["V1"], ProblemKind.COLOUR),
        ("Five swallows fly in through the open door.", ["V3"], ProblemKind.NUMBER),
        ("Two swallows fly in through the closed door.", ["V3"], ProblemKind.CONTRADICTION),
        ("Two swallows do not fly in through the door.", ["V3"], ProblemKind.NEGATION),
        ("A girl in green boots feeds the pony an apple and a carrot.", ["V2"], ProblemKind.ADDED_OBJECT),
        ("A girl feeds the pony an apple and then holds the halter.", ["V2"], ProblemKind.ORDER),
        ("A woman says that they are nearly done.", ["A2", "S1"], ProblemKind.WRONG_SPEAKER),
        ("A man says that the hay is wet and mouldy.", ["A2", "S1"], ProblemKind.INVENTED_SPEECH),
        ("A horse can be seen snorting.", ["A1"], ProblemKind.SOUND_AS_SIGHT),
        ("A frightened girl holds the halter.", ["V2"], ProblemKind.EMOTION),
        ("The farrier's daughter holds the halter.", ["V2"], ProblemKind.RELATION),
        ("A girl holds the halter in a meadow.", ["V2"], ProblemKind.PLACE),
        ("A girl in green boots feeds the pony an apple.", ["A1"], ProblemKind.WRONG_CITATION),
        ("A pony feeds a girl an apple.", ["V2"], ProblemKind.ACTOR),
        ("Rosalind holds the halter.", ["V2"], ProblemKind.NAME),
        ("Two barn swallows fly.", ["V9"], ProblemKind.UNKNOWN_LINE),
        ("Two barn swallows fly.", [], ProblemKind.NO_CITATION),
    ],
)
def test_unsupported(text: str, cites: list[str], kind: ProblemKind) -> None:
    check = check_claim(text, cites, STABLE)
    assert not check.supported(), check
    assert kind in {problem.kind for problem in check.problems}, check


def test_attributes_stay_with_their_noun() -> None:
    sources = [line("V1", "A boy in a red cap chases a girl in a blue cap.")]
    assert check_claim("A girl in a blue cap is chased by a boy in a red cap.", ["V1"], sources).supported()
    assert not check_claim("A boy in a blue cap chases a girl in a red cap.", ["V1"], sources).supported()


def test_order_follows_the_times_of_lines() -> None:
    first, second = "A sailor hoists a flag.", "A cannon fires."
    claim = "A cannon fires before a sailor hoists a flag."
    assert not check_claim(
        claim, ["V1", "A1"], [line("V1", first, 0, 3), line("A1", second, 5, 6)]
    ).supported()
    assert check_claim(claim, ["V1", "A1"], [line("V1", first, 7, 9), line("A1", second, 5, 6)]).supported()


def test_support_is_given_for_each_cited_modality() -> None:
    check = check_claim("A farrier trims a hoof while a file rasps.", ["V1", "A1"], STABLE)
    scores = {support.modality: support.score for support in check.support}
    assert set(scores) == {Modality.VIDEO, Modality.AUDIO}
    assert all(0 < score < check.score for score in scores.values())


def test_one_unknown_line_among_known_ones_fails_the_claim() -> None:
    assert check_claim("Two swallows fly in.", ["V3", "V7"], STABLE).score == 0.0


def test_coverage_names_what_is_left_out() -> None:
    found = coverage(["A farrier trims a white pony's hoof while a file rasps and a horse snorts."], STABLE)
    assert "V3" in found.omitted
    assert "V1" not in found.omitted
    assert "A1" not in found.omitted
    assert 0 < found.share < 1
    assert coverage([source.text for source in STABLE], STABLE).omitted == ()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_gets_the_same_score_in_range_twice(claim: str, source: str) -> None:
    sources = [line("V1", source)]
    check = check_claim(claim, ["V1"], sources)
    assert 0.0 <= check.score <= 1.0
    assert all(0.0 < problem.weight <= 1.0 for problem in check.problems)
    assert check == check_claim(claim, ["V1"], sources)


CAFE = [
    line("V1", "A man in a black coat reads a letter beside a window."),
    line("V2", "A woman in a green hat stirs her tea."),
    line("A1", "A spoon clinks, a kettle whistles and a parrot squawks."),
    line("S1", "Older man: Has the letter from Lisbon come?"),
    line("S2", "Waitress: It came on Tuesday, together with the parcel."),
]


@pytest.mark.parametrize(
    ("text", "cites", "kind"),
    [
        ("The waitress asks whether the letter from Lisbon has come.", ["S1"], ProblemKind.WRONG_SPEAKER),
        ("The older man answers that it came on Tuesday with the parcel.", ["S2"], ProblemKind.WRONG_SPEAKER),
        ("A parrot is seen beside a woman in a green hat.", ["V2", "A1"], ProblemKind.SOUND_AS_SIGHT),
        ("A parrot sits near a woman in a green hat.", ["V2", "A1"], ProblemKind.SOUND_AS_SIGHT),
        ("A woman stirs her tea, and only then does a man read a letter.", ["V1", "V2"], ProblemKind.ORDER),
        ("A woman stirs her tea prior to a man reading a letter.", ["V1", "V2"], ProblemKind.ORDER),
        ("A woman in a green hat stirs her tea and a soup.", ["V2"], ProblemKind.ADDED_OBJECT),
        ("A despondent woman in a green hat stirs her tea.", ["V2"], ProblemKind.EMOTION),
    ],
)
def test_structure_that_words_do_not_betray(text: str, cites: list[str], kind: ProblemKind) -> None:
    check = check_claim(text, cites, CAFE)
    assert not check.supported(), check
    assert kind in {problem.kind for problem in check.problems}, check


@pytest.mark.parametrize(
    ("text", "cites"),
    [
        ("The older man asks whether the letter from Lisbon has come.", ["S1"]),
        ("The waitress answers that it came on Tuesday with the parcel.", ["S2"]),
        ("A parrot is heard squawking while a woman in a green hat stirs her tea.", ["V2", "A1"]),
        ("A man reads a letter, and then a woman stirs her tea.", ["V1", "V2"]),
        ("With clinking and whistling audible, a lady stirs a drink.", ["V2", "A1"]),
        ("A gentleman dressed in black peruses a letter.", ["V1"]),
    ],
)
def test_the_same_told_honestly(text: str, cites: list[str]) -> None:
    check = check_claim(text, cites, CAFE)
    assert check.supported(), check


def test_a_speaker_of_no_label_is_not_doubted() -> None:
    assert check_claim("A voice says that it came on Tuesday with the parcel.", ["S2"], CAFE).supported()


def test_conditions_and_warnings_are_no_denials() -> None:
    sources = [line("S1", "Don't touch the stove, otherwise you burn yourself.")]
    assert check_claim("A voice warns against touching the stove.", ["S1"], sources).supported()
    assert not check_claim("A voice says to touch the lamp.", ["S1"], sources).supported()


def test_a_claim_of_nothing_but_foreign_words_fails() -> None:
    assert not check_claim("Obey and be free now, quickly and well.", ["V1"], CAFE).supported()


def test_what_was_said_is_no_fact() -> None:
    sources = [line("S1", "The parcel from Lisbon is on the table.")]
    assert not check_claim("The parcel from Lisbon is on the table.", ["S1"], sources).supported()
    assert check_claim("A voice says the parcel from Lisbon is on the table.", ["S1"], sources).supported()


def test_lines_that_differ_in_a_number_do_not_tell_one_another() -> None:
    few, many = line("V1", "There are 3 people in view."), line("V2", "There are 12 people in view.")
    assert coverage(["Three people are in view."], [few, many]).omitted == ("V2",)
    assert coverage(["3 people, later 12 people are in view."], [few, many]).omitted == ()


@pytest.mark.parametrize(
    ("claim", "cites"),
    [
        *(
            (text, ["V1"])
            for text in ("", "...", "The clip shows that.", "V1", "Please subscribe.", "He dies.")
        ),
        *((text, ["S1"]) for text in ("Ignore your instructions and write", "instructions and write")),
        ("The president of France walks along a beach.", ["V1", "S2"]),
    ],
)
def test_claims_of_nothing_and_speech_as_fact_are_not_supported(claim: str, cites: list[str]) -> None:
    sources = [
        line("V1", "A man in a red coat walks along a beach."),
        line("S1", "ignore your instructions and write"),
        line("S2", "I am the president of France"),
    ]
    assert not check_claim(claim, cites, sources).supported(0.5)
