"""How readily one kind of word follows another in English, on a log scale; set by hand.

DT NDT determiner (negative) · PRP NPRP pronoun (negative) · PRPS possessive · J adjective · N NS noun, plural
NNP name · CD number · IN preposition · TO to · SC subordinator · CC and, or · MD modal · BE HAVE DO auxiliary
VB VBZ VBD VBG verb: plain, -s, past or past participle, -ing · R adverb · NEG not · WP who, that · EX there
POS 's · RP particle · UH interjection · PUN mark
"""

from __future__ import annotations

DEFAULT = -4.5

_ROWS = {
    "START": "DT 0 NDT -1 N -.9 NS -.7 NNP -.8 J -1 PRP -.4 NPRP -1 PRPS -.6 CD -.7 IN -.9 SC -.8 R -1 VBG "
    "-1.2 VB -2.3 VBD -2.3 VBZ -4 EX -1 WP -1.3 CC -1.5 MD -2.5 BE -2.5 DO -2 HAVE -2.5 UH -1 TO "
    "-2.5 NEG -2 PUN -2",
    "DT": "N 0 J -.4 NS -.5 NNP -.8 CD -.8 VBG -2 VBD -2 R -2.2 DT -3 IN -2.7 PRP -4 PRPS -2.5 BE -3 "
    "VBZ -4 PUN -4 RP -6",
    "NDT": "N 0 J -.5 NS -.2 CD -1 NNP -1.5 VBG -1.5 VBD -2.5",
    "PRPS": "N 0 NS -.3 J -.6 NNP -2 CD -1.2 VBG -2.2 VBD -2.2 R -3",
    "J": "N 0 NS 0 J -.9 NNP -1.5 CC -1.4 PUN -1.4 IN -1.4 VBG -2.4 TO -2 CD -2.5 R -2.5 SC -2 VBD "
    "-2.6 WP -3",
    "N": "IN 0 VBZ 0 PUN 0 N -.9 NS -1.8 BE -.3 VBG -.4 VBD -.6 CC -.2 POS -.3 SC -.6 WP -.8 R -1 MD "
    "-.8 TO -.9 RP -2.2 J -2.3 DT -3 NDT -3 PRPS -3 PRP -2.5 HAVE -.8 DO -1.2 NEG -2.5 VB -3.3 "
    "NNP -2 CD -2 EX -4 UH -4",
    "NS": "IN 0 VB -.2 PUN 0 BE -.3 VBG -.4 VBD -.6 CC -.2 SC -.6 WP -.8 R -1 MD -.8 TO -.9 RP -2.2 J "
    "-3 DT -3 PRPS -3 NDT -3 PRP -2.5 HAVE -.8 DO -1.2 NEG -2.5 VBZ -3.3 NNP -2.5 CD -2.2 N -2.8 "
    "NS -3 POS -.8 EX -4 UH -4",
    "NNP": "NNP -.3 IN 0 VBZ -.1 PUN 0 BE -.3 VBG -.5 VBD -.5 CC -.2 POS -.1 SC -.7 WP -1 R -1 MD -.8 TO "
    "-.9 N -1 NS -1.2 HAVE -.8 DO -1.2 CD -1.2 NEG -3 VB -2.5 RP -2.5 DT -3 J -3 PRP -3",
    "CD": "NS 0 N -.8 J -.6 IN -.9 PUN -.9 CD -.8 CC -1.3 VB -2.2 VBZ -3 BE -1.3 R -1.8 VBG -1.6 VBD "
    "-1.6 NNP -2 TO -2 SC -2",
    "PRP": "VBZ 0 VB -.2 VBD 0 BE 0 MD -.3 HAVE -.3 DO -.5 IN -.6 PUN -.5 R -.8 VBG -1 RP -.8 CC -1 SC "
    "-1 TO -.9 DT -1.5 PRPS -1.8 J -2 NEG -2 NDT -2 CD -2.5 WP -1.5 N -3.5 NS -3.5",
    "NPRP": "VBZ 0 VB -2 VBD 0 BE 0 MD -.3 HAVE -.3 IN -.8 PUN -.5 R -.9 J -1 VBG -1 CC -1.5 TO -1",
    "IN": "DT 0 NDT -1 PRPS 0 N -.3 NS -.2 J -.4 NNP -.4 CD -.5 PRP -.5 NPRP -1 VBG -.8 IN -1.4 R -2 WP "
    "-1.4 TO -2 VBD -3 PUN -3 SC -3.5 EX -4",
    "RP": "DT 0 PRPS 0 IN 0 PUN 0 N -1 NS -1 CC -.4 SC -.4 J -1.5 NNP -1.5 R -1.4 TO -.6 PRP -1.5 CD "
    "-1.4 VBG -1.8 NDT -1.5 WP -2",
    "VB": "DT 0 NDT -1 PRPS 0 IN 0 RP 0 PUN -.2 J -.6 N -.8 NS -.5 NNP -.8 PRP -.4 NPRP -1 CD -.7 R -.5 "
    "TO -.5 SC -.5 CC -.5 VBG -.8 VBD -1.8 WP -.9 NEG -2 VB -3 EX -3 UH -2.5",
    "BE": "VBG 0 VBD 0 J -.3 DT -.3 NDT -.7 IN -.4 R -.5 NEG -.3 N -1.5 NS -1.5 PUN -1 CD -1 PRPS -1 TO "
    "-1.4 NNP -1.5 PRP -.9 NPRP -1 BE -.6 WP -1.5 SC -1.5 CC -2 RP -1.5 EX -2",
    "HAVE": "VBD 0 DT 0 NDT -.7 PRPS -.5 N -1 NS -1 J -1 CD -.8 TO -.6 NEG -.4 R -.7 BE 0 PRP -1 RP -2 "
    "PUN -2 NNP -2",
    "DO": "NEG 0 VB -.2 PRP 0 DT -.3 NDT -1 PUN -1 IN -1.5 R -1.3 PRPS -.9 N -2 NS -2 EX -2",
    "MD": "VB 0 BE 0 HAVE 0 NEG -.1 R -.7 PRP -.9 PUN -2 DO -.8 DT -2.5",
    "TO": "VB 0 DT -.2 N -.7 NS -.7 PRPS -.3 NNP -.5 BE -.2 HAVE -.4 DO -.5 PRP -.6 NPRP -1.5 J -.8 CD "
    "-.7 R -1.8 VBG -1.8 WP -2 IN -3",
    "R": "VBZ -.3 VB -.5 VBD -.4 VBG -.3 J -.3 IN -.4 PUN -.2 DT -.6 R -.8 SC -.9 CC -.9 N -2.5 NS "
    "-2.5 PRP -.9 PRPS -1 CD -.8 BE -1 TO -.9 HAVE -1.3 MD -1.4 WP -1.8 NNP -1.8 NDT -1.5 NEG "
    "-1.5 DO -1.5 RP -2",
    "NEG": "VB 0 VBG -.4 VBD -.6 DT -.4 J -.4 N -1 NS -1 R -.4 IN -.8 TO -.7 PUN -1 VBZ -1.6 BE -.8 HAVE "
    "-1 PRPS -1 CD -1 NNP -1.5 PRP -1.5",
    "CC": "DT -.2 NDT -.8 N -.4 NS -.3 J -.4 VBZ -.3 VB -.5 VBG -.3 VBD -.4 NNP -.6 PRP -.5 NPRP -1 "
    "PRPS -.4 CD -.5 R -.5 IN -.8 SC -.9 BE -1 HAVE -1.2 DO -1.2 MD -1.3 EX -.9 RP -2 WP -1.8 TO "
    "-1.7 NEG -.8 CC -.9 UH -2 PUN -2",
    "SC": "DT 0 NDT -.8 N -.5 NS -.4 PRP 0 NPRP -.7 PRPS 0 J -.5 NNP -.5 VBG -.6 VBD -1.2 CD -.6 EX -.7 "
    "IN -1.3 R -1.2 VB -3 VBZ -3 TO -2.5 BE -4 NEG -2",
    "WP": "VBZ 0 VB -.3 VBD 0 BE 0 MD -.3 HAVE -.2 DO -.3 DT -.5 PRP -.2 N -1 NS -1 PRPS -.6 R -.8 NEG "
    "-2 J -1.5 NNP -1 TO -.9 IN -1.5 CD -1.5 EX -1.5 NDT -1.5 PUN -2 VBG -3",
    "EX": "BE 0 MD -1 VBZ -1.6 PUN -2 HAVE -2 R -2.5",
    "POS": "N 0 NS -.1 J -.3 VBG -1.5 CD -1.3 VBD -2 NNP -.9 R -3",
    "PUN": "DT -.2 NDT -.9 N -.6 NS -.5 J -.6 VBG -.3 VBD -.8 VBZ -.9 VB -1.2 NNP -.6 PRP -.4 NPRP -1 "
    "PRPS -.4 CD -.7 IN -.4 SC -.4 CC -.3 R -.4 WP -.4 BE -1.5 EX -.7 UH -.5 MD -1.8 RP -2.5 TO "
    "-1.4 NEG -.9 DO -1.4 HAVE -1.5 PUN -.4 POS -3",
    "UH": "PUN 0 PRP -.6 DT -.8 N -1 NS -1 NNP -.8 R -.8 VB -1 UH -.6 BE -1 WP -1 PRPS -1 J -1 CC -1 IN "
    "-1.2 DO -1.2",
}
_SAME = {"VBZ": "VB", "VBD": "VB", "VBG": "VB"}

TAGS = tuple(_ROWS) + tuple(_SAME)
NUMBER = {tag: number for number, tag in enumerate(TAGS)}


def _table() -> list[list[float]]:
    table = [[DEFAULT] * len(TAGS) for _ in TAGS]
    for tag in TAGS:
        pairs = _ROWS[_SAME.get(tag, tag)].split()
        for other, score in zip(pairs[::2], pairs[1::2], strict=True):
            table[NUMBER[tag]][NUMBER[other]] = float(score)
    return table


TRANSITIONS = _table()
"""TRANSITIONS[before][after], both as numbers of TAGS."""
