"""Packs WordNet 3.0 into the Arrow files beside this script.

Source: the Debian package wordnet-base 1:3.0-37 (bookworm, main), sha256 of the .deb in `SOURCE_SHA256`;
the licence is in WORDNET-LICENSE.txt.

    apt-get download wordnet-base
    python captioning/fusion/lexicon/build_wordnet.py wordnet-base_1%3a3.0-37_all.deb

Frames and meronyms are left out; of a definition only its rarer words are kept. Files are the same, byte for
byte, for the same version of pyarrow.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather

SOURCE_SHA256 = "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752"
FOLDER = Path(__file__).resolve().parent
POS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
SEMANTIC = {
    "@": "hypernyms",
    "@i": "hypernyms",
    "&": "similar",
    "$": "similar",
    "*": "entailed",
    ">": "entailed",
}
MAX_USES = 700
"""Words in more definitions than this tell little."""
LEXICAL = {"!": "antonyms", "+": "related", "\\": "related", "<": "related"}


@dataclass
class Synset:
    """One line of a data file."""

    number: int
    pos: str
    lexfile: int
    words: list[str]
    lex_ids: list[str]
    gloss: str
    pointers: list[tuple[str, tuple[str, int], int, int]]
    """Symbol, (pos, offset) of the target, and the words' numbers from 1 (0: the whole synset)."""
    senses: dict[int, int] = field(default_factory=dict)
    """Word number -> row of the table of senses."""


def main() -> None:
    """Unpack the package, read its dictionary, write the Arrow files and their hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deb", type=Path, help="the wordnet-base package")
    deb: Path = parser.parse_args().deb
    found = hashlib.sha256(deb.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"{deb}: sha256 is {found}, expected {SOURCE_SHA256}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["/usr/bin/dpkg", "-x", str(deb), folder], check=True)
        pack(Path(folder) / "usr/share/wordnet")
    files = sorted(FOLDER.glob("wordnet_*.arrow"))
    hashes = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (FOLDER / "wordnet.sha256").write_text("".join(hashes))


def pack(source: Path) -> None:
    """Write senses, words, synsets and irregular forms of a WordNet `dict` folder."""
    synsets = read_synsets(source)
    counts = read_counts(source / "cntlist.rev")
    words, senses = read_senses(source, synsets, counts)
    _write("words", words)
    _write("senses", senses | _lexical(synsets, len(senses["synset"])))
    _write(
        "synsets",
        _semantic(synsets) | _glosses(synsets, words["word"].to_pylist(), words["is_name"].to_pylist()),
    )
    _write("irregular", _irregular(source))


def read_synsets(source: Path) -> dict[tuple[str, int], Synset]:
    """All synsets by (pos, offset), numbered in order."""
    synsets: dict[tuple[str, int], Synset] = {}
    for name, pos in POS.items():
        for line in _lines(source / f"data.{name}"):
            data, _, gloss = line.partition(" | ")
            parts = data.split()
            num_words = int(parts[3], 16)
            end = 4 + 2 * num_words
            pointers = []
            for at in range(end + 1, end + 1 + 4 * int(parts[end]), 4):
                symbol, offset, target, ends = parts[at : at + 4]
                pointers.append(
                    (symbol, (target.replace("s", "a"), int(offset)), int(ends[:2], 16), int(ends[2:], 16))
                )
            synsets[pos, int(parts[0])] = Synset(
                number=len(synsets),
                pos=pos,
                lexfile=int(parts[1]),
                words=[word.split("(")[0] for word in parts[4:end:2]],
                lex_ids=[f"{int(number, 16):02d}" for number in parts[5:end:2]],
                gloss=gloss,
                pointers=pointers,
            )
    return synsets


def read_counts(path: Path) -> dict[tuple[str, str, int, str], int]:
    """How often a sense was tagged, by (lemma, pos, lexicographer file, id in it)."""
    counts: dict[tuple[str, str, int, str], int] = defaultdict(int)
    for line in path.read_text("latin-1").splitlines():
        key, _, count = line.split()
        lemma, rest = key.split("%")
        kind, lexfile, lex_id = rest.split(":")[:3]
        counts[lemma, "nvara"[int(kind) - 1], int(lexfile), lex_id] += int(count)
    return counts


def read_senses(
    source: Path,
    synsets: dict[tuple[str, int], Synset],
    counts: dict[tuple[str, str, int, str], int],
) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    """Words in alphabetical order with their first row in the table of senses, and that table."""
    index: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for name, pos in POS.items():
        for line in _lines(source / f"index.{name}"):
            parts = line.split()
            index[parts[0]] += [(pos, int(offset)) for offset in parts[-int(parts[2]) :]]
    first: list[int] = []
    is_name: list[bool] = []
    sense_word: list[int] = []
    sense_synset: list[int] = []
    sense_count: list[int] = []
    for number, lemma in enumerate(sorted(index)):
        first.append(len(sense_synset))
        capitalised = True
        for key in index[lemma]:
            synset = synsets[key]
            place = [word.lower() for word in synset.words].index(lemma)
            capitalised &= synset.words[place][:1].isupper()
            synset.senses[place + 1] = len(sense_synset)
            sense_word.append(number)
            sense_synset.append(synset.number)
            tagged = counts.get((lemma, synset.pos, synset.lexfile, synset.lex_ids[place]), 0)
            sense_count.append(min(tagged, 65535))
        is_name.append(capitalised)
    words = {
        "word": pa.array(sorted(index), pa.string()),
        "first_sense": pa.array(first, pa.int32()),
        "is_name": pa.array(map(int, is_name), pa.uint8()),
    }
    senses = {
        "word": pa.array(sense_word, pa.int32()),
        "synset": pa.array(sense_synset, pa.int32()),
        "count": pa.array(sense_count, pa.uint16()),
    }
    return words, senses


def _lexical(synsets: dict[tuple[str, int], Synset], num_senses: int) -> dict[str, pa.Array]:
    """Relations between words in a sense: lists of rows of the table of senses."""
    targets: dict[str, list[list[int]]] = {
        name: [[] for _ in range(num_senses)] for name in set(LEXICAL.values())
    }
    for synset in synsets.values():
        for symbol, key, start, end in synset.pointers:
            if symbol not in LEXICAL or not start:
                continue
            here, there = synset.senses.get(start), synsets[key].senses.get(end)
            if here is not None and there is not None:
                targets[LEXICAL[symbol]][here].append(there)
    return _lists(targets)


def _semantic(synsets: dict[tuple[str, int], Synset]) -> dict[str, pa.Array]:
    """Relations between synsets: lists of their numbers."""
    targets: dict[str, list[list[int]]] = {
        name: [[] for _ in synsets] for name in sorted(set(SEMANTIC.values()))
    }
    for synset in synsets.values():
        for symbol, key, _, _ in synset.pointers:
            if symbol in SEMANTIC:
                targets[SEMANTIC[symbol]][synset.number].append(synsets[key].number)
    return {
        "pos": pa.array(["nvar".index(synset.pos) for synset in synsets.values()], pa.uint8()),
        "lexfile": pa.array([synset.lexfile for synset in synsets.values()], pa.uint8()),
        **_lists(targets),
    }


def _glosses(
    synsets: dict[tuple[str, int], Synset], words: list[str], is_name: list[bool]
) -> dict[str, pa.Array]:
    """The telling words of each definition (examples left out), as numbers of the table of words."""
    rows = {word: row for row, word in enumerate(words) if not is_name[row]}
    found = [
        sorted(
            {
                rows[lemma]
                for word in re.findall(r"[a-z]+", gloss)
                if (lemma := _lemma(word, rows)) is not None
            }
        )
        for synset in synsets.values()
        for gloss in [re.sub(r'"[^"]*"?', " ", synset.gloss.lower())]
    ]
    uses = Counter(row for gloss in found for row in gloss)
    return {
        "gloss": pa.array(
            [[row for row in gloss if uses[row] <= MAX_USES and len(words[row]) > 2] for gloss in found],
            pa.list_(pa.int32()),
        )
    }


def _lemma(word: str, rows: dict[str, int]) -> str | None:
    """The word, or what is left of it without a common ending, if it is in the table."""
    for ending, instead in (
        ("", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("s", ""),
        ("ing", "e"),
        ("ing", ""),
        ("ed", "e"),
        ("ed", ""),
    ):
        stem = word[: len(word) - len(ending)] + instead
        if (
            word.endswith(ending)
            and len(stem) > 2
            and stem in rows
            and not (not ending and word.endswith(("ing", "ed", "es")))
        ):
            return stem
    return word if word in rows else None


def _lists(targets: dict[str, list[list[int]]]) -> dict[str, pa.Array]:
    return {name: pa.array(targets[name], pa.list_(pa.int32())) for name in sorted(targets)}


def _irregular(source: Path) -> dict[str, pa.Array]:
    rows = [
        (form, pos, lemma)
        for name, pos in POS.items()
        for line in (source / f"{name}.exc").read_text("latin-1").splitlines()
        for form, *lemmas in [line.split()]
        for lemma in lemmas
    ]
    return {
        name: pa.array(values, pa.string())
        for name, values in zip(("form", "pos", "lemma"), zip(*rows, strict=True), strict=True)
    }


def _lines(path: Path) -> Iterable[str]:
    """The lines after the licence, which is indented."""
    return (line for line in path.read_text("latin-1").splitlines() if not line.startswith("  "))


def _write(name: str, columns: dict[str, pa.Array]) -> None:
    path = FOLDER / f"wordnet_{name}.arrow"
    table = pa.table(columns)
    whole = table.num_rows
    feather.write_feather(table, str(path), compression="zstd", compression_level=19, chunksize=whole)


if __name__ == "__main__":
    main()
