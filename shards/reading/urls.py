"""Shard URLs: which are read, and what braces and globs in them stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator

import fsspec

from curation.base.storage import is_local, normalise, storage_options
from shards.reading.errors import ShardError

SCHEMES = ("file", "gs", "http", "https", "s3")
MAX_EXPANSION = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def check_url(url: str) -> None:
    """Refuse what is no plain file.

    Raises:
        ShardError: the URL would run a command, or is of a kind that is not read.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if scheme is None or (scheme[1] == "file" and url.startswith("file://")):
        return
    if scheme[1] == "pipe":
        raise ShardError(f"{url}: a pipe: URL runs a shell command and is refused. Give {_kinds()}.")
    if "@" in url.split("://", 1)[-1].split("/", 1)[0]:
        where = url.rpartition("@")[2]
        raise ShardError(
            f"{scheme[1]}://…@{where}: a URL is written to logs and states, so it holds no login. "
            "Put it into ~/.netrc (https), or where the tools of the store look for it."
        )
    if "::" in url or scheme[1] not in SCHEMES or not url.startswith(f"{scheme[1]}://"):
        raise ShardError(f"{url}: '{scheme[1]}:' is not read. Give {_kinds()}.")


def expand(url: str) -> list[str]:
    """The URLs that braces (`{000000..000003}`, `{a,b}`) and globs (`*`, `?`) stand for, in order.

    Raises:
        ShardError: a range runs backwards or is too long, or a glob finds nothing.
    """
    urls: list[str] = []
    for one in _expand_braces(url):
        urls.extend(_expand_glob(one) if any(mark in one for mark in "*?[") else [one])
        if len(urls) > MAX_EXPANSION:
            raise ShardError(f"{url}: stands for more than {MAX_EXPANSION} files")
    return urls


def split_url(url: str) -> tuple[str, str]:
    """The folder of a URL, and the name in it."""
    folder, _, name = normalise(url).rpartition("/")
    return folder, name


def _kinds() -> str:
    return "a path or a URL of " + ", ".join(f"{scheme}://" for scheme in SCHEMES)


def _expand_braces(url: str) -> Iterator[str]:
    found = _BRACES.search(url)
    if found is None:
        yield url
        return
    for choice in _choices(url, found[1]):
        yield from _expand_braces(url[: found.start()] + choice + url[found.end() :])


def _choices(url: str, text: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(text)
    if numbers is None:
        yield from text.split(",")
        return
    first, last = int(numbers[1]), int(numbers[2])
    if not first <= last < first + MAX_EXPANSION:
        raise ShardError(f"{url}: {{{text}}} must count upwards, by at most {MAX_EXPANSION}")
    for number in range(first, last + 1):
        yield str(number).zfill(len(numbers[1]))


def _expand_glob(url: str) -> list[str]:
    found = fsspec.open_files(normalise(url), "rb", **storage_options(url))
    if not found:
        raise ShardError(f"{url}: no file matches")
    if is_local(url):
        return sorted(str(file.path) for file in found)
    scheme = url.split("://", 1)[0]
    # Object stores give bucket/key, http gives whole URLs, out of a page that may list any.
    urls = sorted(
        file.path if "://" in file.path else f"{scheme}://{file.path.lstrip('/')}" for file in found
    )
    place = re.split(r"[*?\[]", url, maxsplit=1)[0].rpartition("/")[0]
    for each in urls:
        if not each.startswith(f"{place}/"):
            raise ShardError(f"{url}: its listing names {each}, which lies elsewhere")
    return urls
