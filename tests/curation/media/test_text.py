"""Hostile text made plain."""

from __future__ import annotations

from curation.media.text import plain_text


def test_control_and_direction_characters_vanish() -> None:
    assert plain_text("a\x1b[31mb\n\tc\u202ed\u200be\x00", 40) == "a [31mb c d e"


def test_long_text_is_cut() -> None:
    assert plain_text("x" * 100, 10) == "x" * 9 + "…"
    assert plain_text("  kept  ", 10) == "kept"


def test_joiners_stay_inside_of_words_only() -> None:
    assert plain_text("می\u200cخواهم", 50) == "می\u200cخواهم"
    assert plain_text("क्\u200dष", 50) == "क्\u200dष"
    assert plain_text("a \u200c b\u200d \u200b\u202ec", 50) == "a b c"
