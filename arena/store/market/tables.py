"""Parquet to and from numpy: the one module of the store that touches pyarrow.

Decides nothing about the rows. Every array that leaves here is a writable, C-contiguous copy that
belongs to the caller, so that compiled kernels see one array type. Nothing here imports pandas,
which pyarrow does by itself when given a chance (`to_numpy`, `pa.array`): buffers are handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from arena.core.errors import DataError
from arena.store.market.objects import ObjectFile

Columns = dict[str, NDArray[Any]]
"""Columns of one partition: equal lengths, `ts` strictly ascending."""

FORMAT_VERSION = 1
_FORMAT_KEY = b"arena.format"
_ORIGIN_KEY = b"origin"
_ROW_GROUP_ROWS = 8192
_TEXT_COLUMNS = frozenset({"source", "old_source", "new_source", "job"})
_READ_TRIES = 8

Result = TypeVar("Result")


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


def write_table(path: Path | ObjectFile, columns: Columns, origin: frozenset[str] = frozenset()) -> None:
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
    target: Any = str(path) if isinstance(path, Path) else pa.BufferOutputStream()
    pq.write_table(
        table,
        target,
        row_group_size=_ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=1,
        use_dictionary=text,
        column_encoding=encoding,
        write_page_checksum=True,
    )
    if isinstance(path, ObjectFile):
        path.write(target.getvalue())


def read_table(
    path: Path | ObjectFile,
    names: Sequence[str] | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    limit: int | None = None,
) -> Part:
    """Read the newest `limit` rows with `start` <= ts < `end`, from no more row groups than hold them."""

    def read(file: Any) -> Part:
        groups = _touched_groups(file.metadata, start, end, limit)
        table = file.read_row_groups(
            groups, columns=None if names is None else list(names), use_threads=False
        )
        columns = {name: _to_numpy(table.column(name)) for name in names or table.column_names}
        return Part(columns, _origin(file))

    part = _read(path, read)
    columns = part.columns
    rows = _range_of(columns["ts"], start, end, limit)
    if rows != slice(0, len(columns["ts"])):
        columns = {name: array[rows].copy() for name, array in columns.items()}
    return Part(columns, part.origin)


def read_extent(path: Path | ObjectFile) -> Extent:
    """Read row count, first and last `ts` from the footer; no column is read."""

    def read(file: Any) -> Extent:
        metadata = file.metadata
        first = metadata.row_group(0).column(0).statistics.min
        last = metadata.row_group(metadata.num_row_groups - 1).column(0).statistics.max
        return Extent(metadata.num_rows, first, last)

    return _read(path, read)


def _read(path: Path | ObjectFile, read: Callable[[Any], Result]) -> Result:
    """Return `read(file)` of one version of the file.

    An open local file stays what it was when another takes its name. An object does not: footer and
    columns are fetched one after the other, so its version is asked for again after the last of them.

    Raises:
        DataError: the file cannot be read, or was replaced each time that it was tried.
    """
    if isinstance(path, Path):
        with _parquet(path, str(path)) as file:
            return read(file)
    for _ in range(_READ_TRIES):
        result, failure = None, None
        with path.opened() as (stream, version):
            try:
                with _parquet(path, stream) as file:
                    result = read(file)
            except DataError as error:
                failure = error
        if path.version() == version:
            if failure is not None:
                raise failure
            return cast("Result", result)
    raise DataError(
        f"{path} was replaced {_READ_TRIES} times while it was read: read again when its writers rest"
    )


@contextmanager
def _parquet(path: Path | ObjectFile, source: Any) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet as pq

    remote = isinstance(path, ObjectFile)
    try:
        # pre_buffer fetches the columns of the wanted row groups in few ranges, side by side
        with pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=remote) as file:
            _check_format(path, file)
            yield file
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError) as error:
        if remote and "AWS Error" in str(error):
            raise
        raise DataError(
            f"{path} cannot be read as a market file ({type(error).__name__}: {error}): "
            "move it away and ingest its period again, or put a backup in its place"
        ) from error


def _check_format(path: Path | ObjectFile, file: Any) -> None:
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
