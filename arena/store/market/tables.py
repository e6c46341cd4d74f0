"""Parquet to and from numpy: the one module of the store that touches pyarrow.

Decides nothing about the rows. Every array that leaves here is a writable, C-contiguous copy that
belongs to the caller, so that compiled kernels see one array type. Nothing here imports pandas,
which pyarrow does by itself when given a chance (`to_numpy`, `pa.array`): buffers are handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.errors import DataError

Columns = dict[str, NDArray[Any]]
"""Columns of one partition: equal lengths, `ts` strictly ascending."""

FORMAT_VERSION = 1
_FORMAT_KEY = b"arena.format"
_ORIGIN_KEY = b"origin"
_ROW_GROUP_ROWS = 8192
_TEXT_COLUMNS = frozenset({"source", "old_source", "new_source", "job"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What a file's footer says about its rows."""

    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Part:
    """Rows read out of one file and the origin the file claims."""

    columns: Columns
    origin: frozenset[str]

    def __len__(self) -> int:
        return len(self.columns["ts"])


def write_table(path: Path, columns: Columns, origin: frozenset[str] = frozenset()) -> None:
    """Write `columns` as one zstd Parquet file.

    Delta-coded integers and byte-split floats write and read faster here than dictionaries; pages carry
    checksums, so that a flipped bit is an error and not a price.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    arrays = [_to_arrow(name, array) for name, array in columns.items()]
    table = pa.Table.from_arrays(arrays, names=list(columns)).replace_schema_metadata(
        {_FORMAT_KEY: str(FORMAT_VERSION), _ORIGIN_KEY: ",".join(sorted(origin))}
    )
    text = [name for name in columns if name in _TEXT_COLUMNS]
    encoding = {
        name: "DELTA_BINARY_PACKED" if array.dtype == np.int64 else "BYTE_STREAM_SPLIT"
        for name, array in columns.items()
        if name not in _TEXT_COLUMNS
    }
    pq.write_table(
        table,
        str(path),
        row_group_size=_ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=1,
        use_dictionary=text,
        column_encoding=encoding,
        write_page_checksum=True,
    )


def read_table(
    path: Path,
    names: Sequence[str] | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    limit: int | None = None,
) -> Part:
    """Read the newest `limit` rows with `start` <= ts < `end`, from no more row groups than hold them."""
    with _opened(path) as file:
        groups = _touched_groups(file.metadata, start, end, limit)
        table = file.read_row_groups(
            groups, columns=None if names is None else list(names), use_threads=False
        )
        columns = {name: _to_numpy(table.column(name)) for name in names or table.column_names}
        origin = _origin(file)
    rows = _range_of(columns["ts"], start, end, limit)
    if rows != slice(0, len(columns["ts"])):
        columns = {name: array[rows].copy() for name, array in columns.items()}
    return Part(columns, origin)


def read_extent(path: Path) -> Extent:
    """Read row count, first and last `ts` from the footer; no column is read."""
    with _opened(path) as file:
        metadata = file.metadata
        first = metadata.row_group(0).column(0).statistics.min
        last = metadata.row_group(metadata.num_row_groups - 1).column(0).statistics.max
        return Extent(metadata.num_rows, first, last)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(str(path), page_checksum_verification=True) as file:
            _check_format(path, file)
            yield file
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a market file ({type(error).__name__}: {error}): "
            "move it away and ingest its period again, or put a backup in its place"
        ) from error


def _check_format(path: Path, file: Any) -> None:
    found = (file.metadata.metadata or {}).get(_FORMAT_KEY, b"").decode()
    if found != str(FORMAT_VERSION):
        raise DataError(
            f"{path} has market format '{found or 'none'}' (known: {FORMAT_VERSION}): it was written by "
            "something else; move it out of the store and import it with python -m jobs.ingest"
        )


def _origin(file: Any) -> frozenset[str]:
    text = file.metadata.metadata[_ORIGIN_KEY].decode()
    return frozenset(text.split(",")) if text else frozenset()


def _touched_groups(metadata: Any, start: int | None, end: int | None, limit: int | None) -> list[int]:
    groups: list[int] = []
    sure_rows = 0
    for index in reversed(range(metadata.num_row_groups)):
        group = metadata.row_group(index)
        stamps = group.column(0).statistics
        if end is not None and stamps.min >= end:
            continue
        if start is not None and stamps.max < start:
            break
        groups.append(index)
        if end is None or stamps.max < end:
            sure_rows += group.num_rows
        if limit is not None and sure_rows >= limit:
            break
    return groups[::-1]


def _range_of(ts: NDArray[Any], start: int | None, end: int | None, limit: int | None) -> slice:
    begin = 0 if start is None else int(np.searchsorted(ts, start))
    stop = len(ts) if end is None else max(begin, int(np.searchsorted(ts, end)))
    if limit is not None:
        begin = max(begin, stop - limit)
    return slice(begin, stop)


def _to_numpy(chunked: Any) -> NDArray[Any]:
    if chunked.null_count:
        raise KeyError(f"{chunked.null_count} empty cells")
    kinds = {"int64": np.int64, "double": np.float64}
    dtype = kinds.get(str(chunked.type))
    if dtype is None:
        return np.array(chunked.to_pylist(), dtype=np.str_)
    out = np.empty(len(chunked), dtype)
    begin = 0
    for chunk in chunked.chunks:
        if len(chunk):
            out[begin : begin + len(chunk)] = np.frombuffer(
                chunk.buffers()[1], dtype, len(chunk), chunk.offset * out.itemsize
            )
            begin += len(chunk)
    return out


def _to_arrow(name: str, array: NDArray[Any]) -> Any:
    import pyarrow as pa

    if name in _TEXT_COLUMNS:
        words, codes = np.unique(array, return_inverse=True)
        indices = _fixed_width(pa.int32(), codes.astype(np.int32))
        return pa.DictionaryArray.from_arrays(indices, _words_to_arrow([str(word) for word in words]))
    return _fixed_width(pa.int64() if array.dtype == np.int64 else pa.float64(), array)


def _fixed_width(kind: Any, array: NDArray[Any]) -> Any:
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(np.ascontiguousarray(array))])


def _words_to_arrow(words: list[str]) -> Any:
    import pyarrow as pa

    coded = [word.encode() for word in words]
    offsets = np.cumsum([0, *map(len, coded)], dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(coded))]
    )
