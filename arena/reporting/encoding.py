"""Pack number columns small enough to live inside a report.

Pure: arrays in, text out. A column is integers (value x scale, scale a power of ten), delta-coded
where neighbours are close, zigzagged, split into byte planes, gzipped, base64.
Invariant: the page gets every integer back exactly; only the scale decides what is rounded off.
"""

from __future__ import annotations

import base64
import gzip
import math
from dataclasses import dataclass

import numpy as np

from arena.core.bars import FloatArray, IntArray
from arena.core.errors import DataError

_LARGEST = 2**30  # leaves room for a difference of two values in 32 bits
_MOST_DECIMALS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Integers under a name; the page shows `values / scale`."""

    name: str
    values: IntArray
    scale: float = 1.0
    delta: bool = False


@dataclass(frozen=True, slots=True)
class PackedColumns:
    """The layout of the columns, in order, and all their bytes as base64 text."""

    layout: list[dict[str, str | int | float | bool]]
    data: str


def require_finite(what: str, values: FloatArray) -> None:
    """Refuse a series that cannot be drawn truthfully.

    Raises:
        DataError: a value is NaN or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(
            f"{what} has {len(bad)} of {len(values)} values that are not finite, the first at bar "
            f"{bad[0]}: a report draws only what is known, mend the run that made it"
        )


def decimal_scale(values: FloatArray) -> float:
    """Return the smallest power of ten that makes all `values` whole, e.g. 10.0 for prices in 0.1 ticks.

    Values on no decimal grid of at most 8 places get the scale that keeps 7 significant digits.
    """
    if not len(values):
        return 1.0
    largest = float(np.abs(values).max())
    for decimals in range(_MOST_DECIMALS + 1):
        scale = 10.0**decimals
        if largest * scale > _LARGEST:
            break
        if _is_whole(values[:256] * scale) and _is_whole(values * scale):
            return scale
    return significant_scale(values, digits=7)


def significant_scale(values: FloatArray, digits: int) -> float:
    """Return the power of ten that keeps `digits` significant digits of the median magnitude."""
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return 1.0
    exponent = digits - 1 - math.floor(math.log10(float(np.median(sizes))))
    while float(sizes.max()) * 10.0**exponent > _LARGEST:
        exponent -= 1
    return 10.0**exponent


def to_ticks(values: FloatArray, scale: float) -> IntArray:
    """Return `values` as whole multiples of `1 / scale`."""
    return np.rint(values * scale).astype(np.int64)


def pack(columns: list[Column]) -> PackedColumns:
    """Return the columns as one blob that `report.js` unpacks."""
    layout: list[dict[str, str | int | float | bool]] = [
        {"name": column.name, "n": len(column.values), "scale": column.scale, "delta": column.delta}
        for column in columns
    ]
    raw = b"".join(_planes(column) for column in columns)
    packed = gzip.compress(raw, compresslevel=6, mtime=0)
    return PackedColumns(layout, base64.b64encode(packed).decode("ascii"))


def unpack(packed: PackedColumns) -> dict[str, FloatArray]:
    """Return the columns' values by name: what the page's script does, for tests and other readers."""
    raw = np.frombuffer(gzip.decompress(base64.b64decode(packed.data)), np.uint8)
    columns: dict[str, FloatArray] = {}
    offset = 0
    for entry in packed.layout:
        n = int(entry["n"])
        planes = raw[offset : offset + 4 * n].reshape(4, n)
        codes = np.ascontiguousarray(planes.T).view("<u4").reshape(n).astype(np.int64)
        values = (codes >> 1) ^ -(codes & 1)
        columns[str(entry["name"])] = (np.cumsum(values) if entry["delta"] else values) / float(
            entry["scale"]
        )
        offset += 4 * n
    return columns


def _planes(column: Column) -> bytes:
    values = column.values
    if column.delta:
        values = np.diff(values, prepend=0)
    codes = (values << 1) ^ (values >> 63)  # zigzag: small magnitudes become small codes
    if len(codes) and int(codes.max()) >= 2**32:
        raise DataError(f"column {column.name} does not fit 32 bits at scale {column.scale}: lower its scale")
    as_bytes = codes.astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(as_bytes.T).tobytes()


def _is_whole(scaled: FloatArray) -> bool:
    slack = 1e-6 + 1e-12 * np.abs(scaled)
    return bool((np.abs(scaled - np.rint(scaled)) <= slack).all())
