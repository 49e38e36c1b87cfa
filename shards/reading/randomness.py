"""Random numbers without state: a pure function of a key.

Only the raw words of Philox are used, never a method of `numpy.random.Generator`: those may change
between numpy versions, and an epoch begun on one version must end the same on another.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def words(count: int, *key: int | str) -> NDArray[np.uint64]:
    """`count` uniform 64-bit words."""
    digest = hashlib.blake2b("\0".join(map(str, key)).encode(), digest_size=16).digest()
    generator = np.random.Philox(key=int.from_bytes(digest, "little"))
    return np.asarray(generator.random_raw(count), dtype=np.uint64)


def uniform(count: int, *key: int | str) -> NDArray[np.float64]:
    """`count` numbers in [0, 1)."""
    return (words(count, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(count: int, *key: int | str) -> NDArray[np.int64]:
    """A permutation of range(count)."""
    return np.argsort(words(count, *key), kind="stable")


def integer(bound: int, *key: int | str) -> int:
    """A number in range(bound)."""
    return int(words(1, *key)[0]) % bound
