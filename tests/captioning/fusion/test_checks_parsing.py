"""The shallow parse: tags, noun phrases, who does what to whom."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.fusion.checks.labels import Label, label
from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.reports import reports
from captioning.fusion.checks.sentence import Event, Sentence
from captioning.fusion.lexicon.quantities import Quantity, parse_number


def event_of(sentence: Sentence, verb: str) -> Event:
    return next(event for event in sentence.events if event.verb == verb)


def heads(sentence: Sentence, mentions: list[int]) -> list[str]:
    return [sentence.mentions[at].head for at in mentions]


@pytest.mark.parametrize(
    ("text", "verb", "subjects", "objects"),
    [
        ("A nurse hands the old man a cup.", "hand", ["nurse"], ["cup"]),
        ("The cup is washed by a nurse.", "wash", ["nurse"], ["cup"]),
        ("A boy who wears a red scarf feeds two swans.", "feed", ["boy"], ["swan"]),
        ("A boy wearing a red scarf feeds two swans.", "wear", ["boy"], ["scarf"]),
        ("A plumber and his son carry a bathtub.", "carry", ["plumber", "son"], ["bathtub"]),
        ("In the yard, a goat chews a rope.", "chew", ["goat"], ["rope"]),
        ("Humming a tune, the tailor irons a skirt.", "hum", ["tailor"], ["tune"]),
        ("A waiter drops a tray and a guest picks up the glasses.", "pick", ["guest"], ["glass"]),
        ("The fence painted by the twins falls down.", "paint", ["twin"], ["fence"]),
        ("A girl films the parade with a phone.", "film", ["girl"], ["parade"]),
        ("While the girl films on a phone, a clown juggles.", "film", ["girl"], []),
        ("A juggler in black ducks under a rope.", "duck", ["juggler"], []),
        ("With squeaking audible, a monk sweeps the yard.", "squeak", [], []),
        ("The owner reports that the heart sounds good.", "report", ["owner"], []),
        ("tailor pressing cloth, folding a sleeve", "press", ["tailor"], ["cloth"]),
        ("He nods and, when she asks about the fare, says no.", "say", ["he"], []),
    ],
)
def test_roles(text: str, verb: str, subjects: list[str], objects: list[str]) -> None:
    sentence = parse(text)
    event = event_of(sentence, verb)
    assert heads(sentence, event.subjects) == subjects
    assert heads(sentence, event.objects) == objects


@pytest.mark.parametrize(
    ("text", "verb", "negated"),
    [
        ("The lamp does not glow.", "glow", True),
        ("Nobody dances.", "dance", True),
        ("No music plays.", "play", True),
        ("She fails to open the jar.", "open", True),
        ("He asks them never to knock.", "knock", True),
        ("The pilot can't see the runway.", "see", True),
        ("The lamp glows.", "glow", False),
    ],
)
def test_negation(text: str, verb: str, negated: bool) -> None:
    assert event_of(parse(text), verb).negated is negated


def test_a_measure_is_no_count() -> None:
    (mention,) = parse("A three-masted ship").mentions
    assert mention.number == Quantity(1, 1)


@pytest.mark.parametrize(
    ("text", "head", "words"),
    [
        ("Older man: Timber!", "man", {"older", "old", "man"}),
        ("[child] again, again", "child", {"child"}),
        ("Foreman over radio: Two more bolts.", "foreman", {"foreman", "radio"}),
    ],
)
def test_labels_of_speech(text: str, head: str, words: set[str]) -> None:
    assert label(text) == Label(head, frozenset(words))


@pytest.mark.parametrize("text", ["12:30 is early", "Well, look: a hare", "No label here"])
def test_no_labels(text: str) -> None:
    assert label(text) is None


def test_modifiers_belong_to_their_noun() -> None:
    sentence = parse("A tall man in a green hat holds a pair of silver skates.")
    found = {mention.head: mention for mention in sentence.mentions}
    assert found["man"].modifiers == ["tall"]
    assert found["hat"].modifiers == ["green"]
    assert found["hat"].prep == "in"
    assert sentence.mentions[found["hat"].to].head == "man"
    assert found["skate"].number == Quantity(2, 2)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("The guide says that the bridge is old.", "that the bridge is old"),
        ("A man asks where the exit is while a bell rings.", "where the exit is"),
        ("A man speaks loudly.", ""),
        ('A voice calls: "Dinner is ready"', ": dinner is ready"),
    ],
)
def test_reports(text: str, reported: str) -> None:
    sentence = parse(text)
    (report,) = reports(text)
    assert " ".join(sentence.forms[place] for place in sorted(report.places)) == reported


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        ("twenty one", 21, 21),
        ("three hundred and five", 305, 305),
        ("1,200", 1200, 1200),
        ("half a dozen", 6, 6),
        ("two one four", 214, 214),
        ("2 million", 2_000_000, 2_000_000),
        ("several", 2, 20),
    ],
)
def test_numbers(words: str, low: int, high: int) -> None:
    assert parse_number(words.split()) == Quantity(low, high)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_any_text_parses(text: str) -> None:
    sentence = parse(text)
    assert len(sentence.forms) == len(sentence.tags) == len(sentence.clauses)
    reports(text)
