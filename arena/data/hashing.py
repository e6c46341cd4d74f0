"""The fingerprint of the arrays a result was made from.

Pure. Invariant: equal names, types and bytes give equal hashes; any changed bit gives another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import Bars, FundingSeries


def dataset_hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256, in hex, over name, type, length and bytes of each array, by name.

    Use `bars_arrays` and `funding_arrays` to name the arrays of a series.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name}:{array.dtype.str}:{array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def bars_arrays(name: str, bars: Bars) -> dict[str, NDArray[Any]]:
    """Return the arrays of `bars` as `name.ts`, `name.open`, ..."""
    columns = ("ts", "open", "high", "low", "close", "volume")
    return {f"{name}.{column}": getattr(bars, column) for column in columns}


def funding_arrays(name: str, funding: FundingSeries) -> dict[str, NDArray[Any]]:
    """Return the arrays of `funding` as `name.ts`, `name.rate`, `name.source`."""
    source = np.frombuffer("\n".join(funding.source).encode(), np.uint8)
    return {f"{name}.ts": funding.ts, f"{name}.rate": funding.rate, f"{name}.source": source}
