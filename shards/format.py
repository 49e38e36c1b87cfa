"""What writing and reading agree on: names, versions, the columns of an index, canonical JSON."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

import pyarrow as pa

SHARDS_FOLDER: Final = "shards"
"""The folder of a run below which shards and manifest lie."""
MANIFEST_NAME: Final = "manifest.json"
MANIFESTS_FOLDER: Final = "manifests"
"""The folder beside the manifest that keeps every manifest there was, by version."""
MANIFEST_SCHEMA_VERSION: Final = 1
METADATA_SCHEMA_VERSION: Final = 1
INDEX_SUFFIX: Final = ".index.parquet"
SPLIT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
GENERATION_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""Splits and generations are names of folders wherever samples are written."""
SHA256: Final = re.compile(r"[0-9a-f]{64}")
INDEXED: Final = "indexed"
"""The generation of tars that others wrote: only an index was made of them."""

DEFAULT_LANES: Final = 64
"""Canonical lanes: enough to be divided by every usual number of ranks, few enough for small sets."""

MEDIA_TYPES: Final = {
    "video": frozenset({"mkv", "mp4", "webm"}),
    "audio": frozenset({"flac", "m4a", "mp3", "wav"}),
    "image": frozenset({"jpeg", "jpg", "png", "webp"}),
    "text": frozenset({"json", "txt"}),
}
"""What members may be, by kind. Our own shards hold flac, jpg, json and mp4; the rest is for others'."""
MEMBER_TYPES: Final = frozenset().union(*MEDIA_TYPES.values())
"""Extensions of the members that every sample may have; but for further forms, nothing else is read."""
_FORM = re.compile(r"[a-z][a-z0-9_]{0,15}\.mp4")

INDEX_SCHEMA: Final = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("caption_chars", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field(
            "members",
            pa.list_(
                pa.field(
                    "element",
                    pa.struct(
                        [
                            pa.field("extension", pa.string(), nullable=False),
                            pa.field("offset", pa.int64(), nullable=False),
                            pa.field("size", pa.int64(), nullable=False),
                            pa.field("sha256", pa.string(), nullable=False),
                        ]
                    ),
                    nullable=False,
                )
            ),
            nullable=False,
        ),
    ]
)
"""A row per sample in the order of the tar. `offset` and `size` (bytes) say where a member's own bytes
lie in the tar; a sample's `sha256` is over the bytes of all its members, in the order of the tar."""


def form_extension(name: str) -> str:
    """The extension of a further form of the video."""
    return f"{name}.mp4"


def is_member_type(extension: str) -> bool:
    """Whether a member of a sample may have this extension: one of `MEMBER_TYPES`, or `<form>.mp4`."""
    return extension in MEMBER_TYPES or _FORM.fullmatch(extension) is not None


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, UTF-8 as it is, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def manifest_version(manifest: dict[str, Any]) -> str:
    """The hash that names a dataset (sha256, hex): of everything in its manifest but the hash."""
    body = {name: value for name, value in manifest.items() if name != "version"}
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def kept_manifest_path(version: str) -> str:
    """Where a manifest is kept for good, relative to the folder of shards."""
    return f"{MANIFESTS_FOLDER}/{version}.json"


def index_path(tar_path: str) -> str:
    """Where the index of a tar lies: beside it, by name."""
    return tar_path.removesuffix(".tar") + INDEX_SUFFIX
