"""Turn a file's bytes into named columns of numbers.

Knows containers (CSV, JSON, Parquet, feather), not what exchanges call things. Invariant: a cell
that is no number becomes null, it never stops the reading, so that a bad row can be refused alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.core.errors import ConfigError
from arena.exchange.files.sources import Source

if TYPE_CHECKING:
    import polars as pl

_SAMPLE_ROWS = 100
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns before their meaning is known.

    `columns` are the names in the file, lower case, or `0`, `1`, ... where it names none.
    `rows` holds every row, but for CSV only the first ones, as text: enough to tell the layout.
    """

    label: str
    columns: tuple[str, ...]
    has_header: bool
    rows: pl.DataFrame
    source: Source
    delimiter: str = ","

    def load(self, columns: Sequence[str], *, time: str) -> pl.DataFrame:
        """Return the named columns: `time` as it is stored, the others as float64 with null for no number."""
        import polars as pl

        frame = self._load_csv(columns, time) if self.source.container == "csv" else self.rows
        numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in columns if name != time]
        return frame.select(pl.col(time), *numbers)

    def texts(self, column: str) -> list[str]:
        """Return the distinct texts of a column, for the names of instruments."""
        import polars as pl

        texts = self.rows.get_column(column).cast(pl.String).unique().drop_nulls().sort()
        return [str(text) for text in texts]

    def _load_csv(self, columns: Sequence[str], time: str) -> pl.DataFrame:
        import polars as pl

        wanted = [index for index, name in enumerate(self.columns) if name in columns]
        numbers = {name: pl.Int64 if name == time else pl.Float64 for name in columns}
        try:
            return self._csv({name: numbers.get(name, pl.String) for name in self.columns}, wanted)
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
            # some cell is no number: read text and let each cell fail on its own
            return self._csv(dict.fromkeys(self.columns, pl.String), wanted)

    def _csv(self, schema: dict[str, Any], wanted: list[int] | None, rows: int | None = None) -> pl.DataFrame:
        import polars as pl

        return pl.read_csv(
            io.BytesIO(self.source.content),
            has_header=self.has_header,
            schema=schema,
            columns=wanted,
            separator=self.delimiter,
            n_rows=rows,
            truncate_ragged_lines=True,
        )


def read_table(source: Source) -> Table:
    """Open `source` far enough to tell what it is.

    Raises:
        ConfigError: the content is damaged, or holds no table of rows.
    """
    if source.container == "csv":
        return _open_csv(source)
    if source.container == "json":
        frame, has_header = _read_json(source)
    else:
        frame, has_header = _read_columnar(source, source.label), True
    return Table(source.label, tuple(frame.columns), has_header, frame, source)


def _open_csv(source: Source) -> Table:
    import polars as pl

    first_line = source.content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    try:
        text = first_line.decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{source.label}: neither a table nor UTF-8 text") from None
    delimiter = max(_DELIMITERS, key=text.count)
    cells = [cell.strip().strip('"').strip() for cell in text.split(delimiter)]
    has_header = not any(_is_number(cell) for cell in cells)
    columns = tuple(_unique(cells)) if has_header else tuple(str(index) for index in range(len(cells)))
    table = Table(source.label, columns, has_header, pl.DataFrame(), source, delimiter)
    try:
        sample = table._csv(dict.fromkeys(columns, pl.String), None, _SAMPLE_ROWS)  # noqa: SLF001 - same class
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{source.label}: not readable as CSV ({_first_line(error)})") from error
    return Table(source.label, columns, has_header, sample, source, delimiter)


def _read_columnar(source: Source, label: str) -> pl.DataFrame:
    import polars as pl

    try:
        if source.container == "parquet":
            frame = pl.read_parquet(io.BytesIO(source.content))
        else:
            frame = pl.read_ipc(io.BytesIO(source.content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigError(f"{label}: damaged {source.container} file ({_first_line(error)})") from error
    return frame.rename(dict(zip(frame.columns, _unique(frame.columns), strict=True)))


def _read_json(source: Source) -> tuple[pl.DataFrame, bool]:
    """Return a list of rows as a frame of text, and whether its columns are named."""
    import polars as pl

    try:
        content = json.loads(source.content)
    except ValueError as error:
        raise ConfigError(f"{source.label}: damaged JSON ({error})") from error
    rows = _rows_of(source.label, content)
    if isinstance(rows[0], dict):
        names = list(rows[0])
        columns = {name: [_cell(row.get(name)) for row in rows] for name in names}
        return pl.DataFrame(dict(zip(_unique(names), columns.values(), strict=True)), strict=False), True
    width = max(len(row) for row in rows)
    cells = {str(i): [_cell(row[i]) if i < len(row) else None for row in rows] for i in range(width)}
    return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String)), False


def _rows_of(label: str, content: Any) -> list[Any]:
    if isinstance(content, dict):
        code = str(content.get("code", "0"))
        if code != "0":
            raise ConfigError(
                f"{label}: the exchange refused (code {code}: {content.get('msg')}); ask it again"
            )
        content = content.get("data")
    if not isinstance(content, list) or not content:
        raise ConfigError(
            f'{label}: JSON without rows (known: a list of rows, or {{"code":"0","data":[...]}})'
        )
    kinds = {type(row) for row in content}
    if kinds in ({dict}, {list}):
        return content
    raise ConfigError(f"{label}: JSON rows must all be lists or all be objects")


def _cell(value: Any) -> str | None:
    return None if value is None else str(value)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names in lower case, a repeated one with its position."""
    lowered = [name.strip().lower() for name in names]
    return [name if name not in lowered[:place] else f"{name}#{place}" for place, name in enumerate(lowered)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
