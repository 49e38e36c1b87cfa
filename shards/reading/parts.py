"""Whether a server gives parts of files, asked before commands count on it."""

from __future__ import annotations

import threading

from shards.reading.sources import NoRangesError, Sources

_asked: set[str] = set()
_lock = threading.Lock()


def check_parts(url: str) -> None:
    """Ask for one byte of a file, once for each folder of a web server; nothing for other stores.

    Raises:
        NoRangesError: the server answers with the whole file.
        OSError: it does not answer.
    """
    folder = url.rpartition("/")[0]
    with _lock:
        if not url.startswith(("http://", "https://")) or folder in _asked:
            return
    try:
        Sources().of(url).open(url, 0, 1, None).close()
    except NoRangesError:
        raise NoRangesError(
            f"{url}: the server gives no parts of files, only whole ones. Copy the files here, or put "
            "them on a server that answers Range requests; a reader in training can do with a cache of whole "
            "shards"
        ) from None
    except EOFError:
        # An empty file has no part.
        return
    with _lock:
        _asked.add(folder)
