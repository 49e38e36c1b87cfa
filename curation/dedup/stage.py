"""The stages that find duplicates, behind a barrier; what they find is read at selection and packing only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pyarrow.compute as pc

from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Reduce, Snapshot
from curation.base.workspace import Workspace
from curation.dedup.components import Numbers
from curation.dedup.config import (
    DedupConfig,
    ExactDedupConfig,
    NearDedupConfig,
    NearSettings,
    SemanticDedupConfig,
)
from curation.dedup.near import near_duplicates, read_fingerprints
from curation.dedup.ranking import Ranking
from curation.dedup.semantic import read_embeddings, semantic_duplicates
from curation.embedding.records import ClipEmbedding
from curation.fingerprint.records import Fingerprint
from curation.records import Clip, DuplicateOf


class ExactDedup(Reduce[DuplicateOf]):
    """Names, for every clip whose video form is a byte-wise copy, the one clip that stands for all copies."""

    name: ClassVar[str] = "dedup"
    version: ClassVar[str] = "2"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"clips": Clip}
    output: ClassVar[type[DuplicateOf]] = DuplicateOf
    accounts_for: ClassVar[str | None] = None

    config: Config

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self.config = config

    def __call__(self, snapshot: Snapshot) -> Iterator[DuplicateOf | Rejected]:
        """Duplicates in order of clip id; what stands for another is itself no duplicate."""
        ranking = Ranking(snapshot)
        ranking.settle_copies(pc.struct_field(snapshot.table("clips").column("video"), "sha256"))
        self._more(snapshot, ranking)
        yield from ranking.duplicates()

    def _more(self, snapshot: Snapshot, ranking: Ranking) -> None:
        """What other kinds add."""


class NearDedup(ExactDedup):
    """Also names clips that look the same."""

    inputs: ClassVar[Mapping[str, type[Record]]] = {"clips": Clip, "fingerprints": Fingerprint}

    config: NearSettings

    def __init__(self, config: NearSettings, workspace: Workspace) -> None:
        self.config = config

    def _more(self, snapshot: Snapshot, ranking: Ranking) -> None:
        table = snapshot.table("fingerprints")
        heads, rows = ranking.rows_of(table)
        usable, fingerprints = read_fingerprints(table, rows, self._sources(snapshot, ranking, heads))
        ranking.settle("near", heads[usable], near_duplicates(fingerprints, self.config))

    def _sources(self, snapshot: Snapshot, ranking: Ranking, heads: Numbers) -> Numbers | None:
        return None if self.config.within_source else ranking.sources(heads, snapshot.table("clips"))


class SemanticDedup(NearDedup):
    """Also names clips that show the same."""

    inputs: ClassVar[Mapping[str, type[Record]]] = {**NearDedup.inputs, "embeddings": ClipEmbedding}

    config: SemanticDedupConfig

    def __init__(self, config: SemanticDedupConfig, workspace: Workspace) -> None:
        self.config = config

    def _more(self, snapshot: Snapshot, ranking: Ranking) -> None:
        super()._more(snapshot, ranking)
        table = snapshot.table("embeddings")
        heads, rows = ranking.rows_of(table)
        vectors = read_embeddings(table, rows)
        sources = self._sources(snapshot, ranking, heads)
        ranking.settle("semantic", heads, semantic_duplicates(vectors, self.config.min_similarity, sources))


def dedup(config: DedupConfig, workspace: Workspace) -> ExactDedup:
    """The stage of a configuration."""
    match config:
        case ExactDedupConfig():
            return ExactDedup(config, workspace)
        case NearDedupConfig():
            return NearDedup(config, workspace)
        case SemanticDedupConfig():
            return SemanticDedup(config, workspace)
