"""WordNet 3.0 in memory: senses in order of frequency, and how they relate.

Miller, WordNet: a lexical database for English, 1995. The files are made by build_wordnet.py; the licence
stands beside them.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from captioning.fusion.lexicon.wordlists import listing

FOLDER = Path(__file__).resolve().parent
Pos = Literal["n", "v", "a", "r"]
LEXFILES = listing(
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body "
    "noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location "
    "noun.motive noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process "
    "noun.quantity noun.relation noun.shape noun.state noun.substance noun.time verb.body "
    "verb.change verb.cognition verb.communication verb.competition verb.consumption verb.contact "
    "verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social "
    "verb.stative verb.weather adj.ppl"
)
"""Names of the lexicographer files, by number (WordNet's lexnames(5))."""


class WordNet:
    """Look-ups by lemma: lower case, words of a compound joined by `_`."""

    def __init__(self) -> None:
        words, senses, synsets = _table("words"), _table("senses"), _table("synsets")
        self._words: list[str] = words["word"].to_pylist()
        self._rows = dict(zip(self._words, range(len(self._words)), strict=True))
        self._first = np.append(_numbers(words, "first_sense"), len(senses))
        self._is_name = _numbers(words, "is_name")
        self._sense_word = _numbers(senses, "word")
        self._sense_synset = _numbers(senses, "synset")
        self._sense_count = _numbers(senses, "count")
        self._sense_links = {name: _Lists(senses, name) for name in ("antonyms", "related")}
        self._pos = _numbers(synsets, "pos")
        self._lexfile = _numbers(synsets, "lexfile")
        self._rarity: npt.NDArray[np.float64] | None = None
        self._members: npt.NDArray[np.int32] | None = None
        self._below: npt.NDArray[np.int32] | None = None
        self._first_member = self._first_below = np.zeros(0, np.int64)
        self._synset_links = {
            name: _Lists(synsets, name) for name in ("hypernyms", "similar", "entailed", "gloss")
        }

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def is_name(self, word: str) -> bool:
        """Whether WordNet spells the word with a capital only (Paris, Monday)."""
        row = self._rows.get(word)
        return row is not None and bool(self._is_name[row])

    def senses(self, word: str, pos: Pos) -> tuple[tuple[int, int], ...]:
        """(synset, how often it was tagged in SemCor), the most frequent first."""
        return tuple(
            (int(self._sense_synset[sense]), int(self._sense_count[sense])) for sense in self._of(word, pos)
        )

    def lexfile(self, synset: int) -> str:
        """The lexicographer file, such as noun.person."""
        return LEXFILES[int(self._lexfile[synset])]

    def hypernyms(self, synset: int) -> tuple[int, ...]:
        """Direct hypernyms; for instances, what they are instances of."""
        return self._synset_links["hypernyms"].of(synset)

    def num_below(self, synset: int) -> int:
        """How many direct hyponyms a synset has."""
        return len(self.hyponyms(synset))

    def similar(self, synset: int) -> tuple[int, ...]:
        """Adjectives of a cluster; verbs of a group."""
        return self._synset_links["similar"].of(synset)

    def entailed(self, synset: int) -> tuple[int, ...]:
        """What doing this entails or causes."""
        return self._synset_links["entailed"].of(synset)

    def gloss(self, synset: int) -> tuple[str, ...]:
        """Telling words of the definition."""
        return tuple(self._words[row] for row in self._synset_links["gloss"].of(synset))

    def gloss_rows(self, synset: int) -> list[tuple[int, float]]:
        """(Row of the table of words, rarity) of the telling words of the definition."""
        if self._rarity is None:
            uses = np.bincount(self._synset_links["gloss"].values, minlength=len(self._words))
            self._rarity = np.log(40_000 / (uses + 3))
        return [(row, float(self._rarity[row])) for row in self._synset_links["gloss"].of(synset)]

    def members(self, synset: int) -> tuple[int, ...]:
        """Rows of the table of words of the synonyms."""
        if self._members is None:
            members = np.argsort(self._sense_synset, kind="stable").astype(np.int32)
            ordered = self._sense_synset[members]
            self._first_member = np.searchsorted(ordered, np.arange(len(self._pos) + 1))
            # Last, as other threads take it for the sign that all is there.
            self._members = members
        places = self._members[self._first_member[synset] : self._first_member[synset + 1]]
        return tuple(self._sense_word[places].tolist())

    def hyponyms(self, synset: int) -> tuple[int, ...]:
        """Direct hyponyms."""
        if self._below is None:
            links = self._synset_links["hypernyms"]
            children = np.repeat(np.arange(len(self._pos), dtype=np.int32), links.lengths())
            order = np.argsort(links.values, kind="stable")
            self._first_below = np.searchsorted(links.values[order], np.arange(len(self._pos) + 1))
            # Last, as other threads take it for the sign that all is there.
            self._below = children[order]
        return tuple(self._below[self._first_below[synset] : self._first_below[synset + 1]].tolist())

    def antonyms(self, word: str, pos: Pos) -> frozenset[str]:
        """Lemmas that are direct antonyms of a sense of the word."""
        return frozenset(
            other for sense in self._of(word, pos) for other, _ in self._linked("antonyms", sense)
        )

    def related(self, word: str) -> tuple[tuple[str, int], ...]:
        """(Lemma, synset) of what is derived from the word or what it is derived from."""
        row = self._rows.get(word)
        if row is None:
            return ()
        return tuple(
            pair
            for sense in range(int(self._first[row]), int(self._first[row + 1]))
            for pair in self._linked("related", sense)
        )

    def _of(self, word: str, pos: str) -> tuple[int, ...]:
        row = self._rows.get(word)
        if row is None:
            return ()
        senses = range(int(self._first[row]), int(self._first[row + 1]))
        code = "nvar".index(pos)
        return tuple(sense for sense in senses if self._pos[self._sense_synset[sense]] == code)

    def _linked(self, name: str, sense: int) -> list[tuple[str, int]]:
        return [
            (self._words[self._sense_word[target]], int(self._sense_synset[target]))
            for target in self._sense_links[name].of(sense)
        ]


class _Lists:
    """A column of lists of numbers."""

    def __init__(self, table: pa.Table, name: str) -> None:
        column = table[name].chunk(0)
        self._offsets = column.offsets.to_numpy()
        self.values = column.values.to_numpy()

    def lengths(self) -> npt.NDArray[np.int64]:
        """How many values each row has."""
        return np.asarray(np.diff(self._offsets), np.int64)

    def of(self, row: int) -> tuple[int, ...]:
        return tuple(self.values[self._offsets[row] : self._offsets[row + 1]].tolist())


@functools.cache
def wordnet() -> WordNet:
    """The database, loaded once per process at its first use."""
    return WordNet()


@functools.cache
def irregular() -> dict[tuple[str, str], tuple[str, ...]]:
    """(Form, part of speech) -> lemmas, for forms that follow no rule (WordNet's exception lists)."""
    table = _table("irregular")
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for form, pos, lemma in zip(*(table[name].to_pylist() for name in ("form", "pos", "lemma")), strict=True):
        found[form, pos] = (*found.get((form, pos), ()), lemma)
    return found


def _table(name: str) -> pa.Table:
    with pa.OSFile(str(FOLDER / f"wordnet_{name}.arrow"), "rb") as file:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        return pa.ipc.open_file(file, options=options, memory_pool=pa.system_memory_pool()).read_all()


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A column as an array; never through `to_numpy` of booleans, which loads pandas."""
    return np.asarray(table[name].chunk(0).to_numpy())
