"""Figures of a dataset, gathered shard by shard from indexes and, unless left out, samples' texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

from shards.reading.described import Described, describe
from shards.reading.errors import ShardError
from shards.reading.index import Entry
from shards.reading.manifest import Shard
from shards.reading.parallel import in_processes
from shards.reading.parts import check_parts
from shards.reading.tar_patterns import tar_patterns
from shards.reading.tars import open_tars, read_index

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
DURATION_STEP_S = 0.1
NONE = "none"
MAX_DISTINCT = 1000
"""Different values of a text that are counted one by one; the rest are counted together."""
OTHERS = "others"


@dataclass
class Figures:
    """Sums and counts over some samples. Durations are counted in steps of `DURATION_STEP_S`, lengths of
    captions in characters, so that quantiles need no list of samples."""

    shards: int = 0
    samples: int = 0
    size_bytes: int = 0
    duration_s: float = 0.0
    by_place: Counter[tuple[str, str]] = field(default_factory=Counter)
    duration_steps: Counter[int] = field(default_factory=Counter)
    caption_chars: Counter[int] = field(default_factory=Counter)
    samples_per_shard: Counter[int] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)
    with_texts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    resolutions: Counter[str] = field(default_factory=Counter)
    rates_fps: Counter[str] = field(default_factory=Counter)
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    split_seconds: dict[str, float] = field(default_factory=dict)
    split_bytes: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Figures) -> None:
        """Add another's."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
                _bound(mine)
            elif isinstance(mine, dict):
                for key, seconds in value.items():
                    mine[key] = mine.get(key, 0.0) + seconds
            else:
                setattr(self, name, mine + value)


@dataclass(frozen=True)
class DatasetStats:
    """A dataset's version, its figures, and shards that could not be read with the reason. `tars` are the
    patterns, below its folder, that the paths of each split's tars fit."""

    version: str
    lanes: int
    figures: Figures
    unread: Mapping[str, str]
    tars: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def duration_quantiles_s(self) -> dict[str, float]:
        """Quantiles of the samples' lengths, in seconds."""
        steps = _quantiles(self.figures.duration_steps)
        return {name: round(value * DURATION_STEP_S, 1) for name, value in steps.items()}

    def caption_quantiles(self) -> dict[str, int]:
        """Quantiles of the lengths of captions, in characters."""
        return _quantiles(self.figures.caption_chars)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, counts largest first."""
        found = self.figures
        splits: dict[str, Any] = {}
        generations: Counter[str] = Counter()
        for (generation, split), count in sorted(found.by_place.items()):
            generations[generation] += count
            known = splits.setdefault(split, {"samples": 0})
            known["samples"] += count
            known["duration_s"] = round(found.split_seconds[split], 3)
            known["size_bytes"] = found.split_bytes[split]
        return {
            "version": self.version,
            "lanes": self.lanes,
            "shards": found.shards,
            "samples": found.samples,
            "size_bytes": found.size_bytes,
            "duration_s": round(found.duration_s, 3),
            "hours": round(found.duration_s / 3600, 3),
            "splits": splits,
            "generations": dict(sorted(generations.items())),
            "samples_per_shard": _quantiles(found.samples_per_shard),
            "duration_quantiles_s": self.duration_quantiles_s(),
            "caption_chars_quantiles": self.caption_quantiles(),
            "members": _largest_first(found.members),
            "samples_with_texts": found.with_texts,
            "fused_kinds": _largest_first(found.kinds),
            "languages": _largest_first(found.languages),
            "licences": _largest_first(found.licences),
            "resolutions": _largest_first(found.resolutions),
            "rates_fps": _largest_first(found.rates_fps),
            "models": [
                {"modality": modality, "model": model, "revision": revision, "samples": count}
                for (modality, model, revision), count in sorted(found.models.items())
            ],
            "unread": dict(self.unread),
        }


def stats(
    urls: str | Sequence[str],
    *,
    texts: bool = True,
    workers: int = 0,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> DatasetStats:
    """Gather the figures of a dataset. With `texts` the .json and .txt of every sample are read, which tell
    languages, licences, models, sizes and rates; without, only indexes are.

    Raises:
        ShardError: a URL is refused, or a manifest cannot be used.
        FileNotFoundError: there is nothing at a URL.
    """
    found = open_tars(urls)
    figures, unread = Figures(), {}
    gathered = in_processes(partial(_of_shard, texts=texts), found.shards, workers)
    for done, (shard, result) in enumerate(gathered, start=1):
        if isinstance(result, Figures):
            figures.merge(result)
        else:
            unread[shard.url] = str(result)
        told(done, len(found.shards))
    return DatasetStats(found.version, found.lanes, figures, unread, tar_patterns(found.shards))


def _of_shard(shard: Shard, texts: bool) -> Figures | str:
    """The figures of a shard, or why there are none."""
    figures = Figures(shards=1)
    try:
        index = read_index(shard)
        figures.samples_per_shard[len(index)] += 1
        figures.by_place[shard.generation, shard.split] += len(index)
        entries = [index[row] for row in range(len(index))]
        for entry in entries:
            _add_entry(figures, shard.split, entry)
        if texts:
            for described in _described(shard, entries):
                _add_texts(figures, described)
    except (ShardError, OSError) as error:
        return str(error).removeprefix(f"{shard.url}: ")
    return figures


def _add_entry(figures: Figures, split: str, entry: Entry) -> None:
    size = sum(member.size for member in entry.members)
    figures.samples += 1
    figures.size_bytes += size
    figures.duration_s += entry.duration_s
    figures.duration_steps[round(entry.duration_s / DURATION_STEP_S)] += 1
    figures.caption_chars[entry.caption_chars] += 1
    figures.members.update(member.extension for member in entry.members)
    figures.split_bytes[split] += size
    figures.split_seconds[split] = figures.split_seconds.get(split, 0.0) + entry.duration_s


def _described(shard: Shard, entries: Sequence[Entry]) -> Iterator[Described]:
    check_parts(shard.url)
    with shard.storage.open_read(shard.path) as tar:
        for entry in entries:
            yield describe(_texts(tar, entry))


def _texts(tar: IO[bytes], entry: Entry) -> dict[str, bytes]:
    found = {}
    for member in entry.members:
        if member.extension in ("json", "txt"):
            tar.seek(member.offset)
            found[member.extension] = tar.read(member.size)
    return found


def _add_texts(figures: Figures, described: Described) -> None:
    metadata = described.metadata
    if metadata or described.caption:
        figures.with_texts += 1
    source, fused = _object(metadata.get("source")), metadata.get("fused")
    licence = source.get("licence") if described.ours else metadata.get("licence", metadata.get("license"))
    figures.licences[_name(licence)] += 1
    for each in fused if isinstance(fused, list) else ():
        figures.kinds[_name(_object(each).get("kind"))] += 1
    for language in _languages(metadata):
        figures.languages[language] += 1
    for picture in (metadata.get("video"), metadata.get("image"), None if described.ours else metadata):
        shown = _object(picture)
        width, height = (shown.get(name, shown.get(f"{name}_px")) for name in ("width", "height"))
        if isinstance(width, int) and isinstance(height, int):
            figures.resolutions[f"{width}x{height}"] += 1
            rate = shown.get("fps")
            if isinstance(rate, int | float):
                figures.rates_fps[f"{rate:g}"] += 1
            break
    figures.models.update(set(_models(metadata)))
    for counter in (figures.licences, figures.languages, figures.resolutions, figures.rates_fps):
        _bound(counter)


def _languages(metadata: Mapping[str, Any]) -> set[str]:
    """Languages of the captions that are not empty; others' .json may tell theirs."""
    captions = _object(metadata.get("captions"))
    said = {
        _name(_object(caption).get("language"))
        for caption in captions.values()
        if _object(caption).get("text")
    }
    return said - {NONE} or ({_name(metadata.get("language"))} - {NONE}) or {NONE}


def _models(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Modality, model and revision of everything that was written by one."""
    texts = [(name, _object(each)) for name, each in _object(metadata.get("captions")).items()]
    fused = metadata.get("fused")
    texts += [("fused", _object(each)) for each in (fused if isinstance(fused, list) else ())]
    for modality, text in texts:
        provenance = _object(text.get("provenance"))
        if provenance:
            yield modality, _name(provenance.get("model")), _name(provenance.get("revision"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: Any) -> str:
    return str(value)[:100] if value not in (None, "") else NONE


def _bound(counter: Counter[Any]) -> None:
    """Keep a counter of strangers' texts small."""
    if len(counter) <= MAX_DISTINCT or not isinstance(next(iter(counter)), str):
        return
    for name, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))[MAX_DISTINCT // 2 :]:
        del counter[name]
        counter[OTHERS] += count


def _largest_first(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _quantiles(counts: Counter[int]) -> dict[str, int]:
    """Values that so large a part of the samples do not exceed."""
    total = sum(counts.values())
    found, seen, values = {}, 0, iter(sorted(counts.items()))
    value = 0
    for quantile in QUANTILES if total else ():
        while seen < max(1, quantile * total):
            value, count = next(values)
            seen += count
        found[f"{quantile:g}"] = value
    return found
