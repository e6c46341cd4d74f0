"""From row objects to the values of a statement: one contract for both databases.

SQLite would take a number as text and NaN as null without a word, PostgreSQL would refuse or keep
them; here both get the same checked values. Never touches a connection.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, Table

from arena.core.errors import DataError, unknown_name
from arena.store.ledger.tables import EXACT_OF

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Values = dict[str, Any]


def row_values(table: Table, row: "DataclassInstance") -> Values:
    """Return the values of a row object; a float beside an exact text is filled in.

    Raises:
        DataError: a value has the wrong type, or an exact text is no finite number.
    """
    return mapped_values(table, {field.name: getattr(row, field.name) for field in fields(row)})


def mapped_values(table: Table, given: Mapping[str, Any]) -> Values:
    """Return the checked values of some columns of `table`.

    Raises:
        DataError: a column is unknown, a value has the wrong type, or an exact text is no number.
    """
    values: Values = {}
    for name, value in given.items():
        column = _column(table, name)
        beside = column.info.get(EXACT_OF)
        if beside is None:
            values[name] = _checked(table, column, value)
        else:
            values[name], values[beside] = _exact_pair(table, column, value)
    return values


def bulk_values(
    table: Table, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]
) -> Iterator[Values]:
    """Yield the values of many plain rows; all carry the columns of the first, `seq` and `shared`.

    Raises:
        DataError: a row has a column that the first has not, or a value of the wrong type.
    """
    names: tuple[str, ...] = ()
    checks: list[tuple[str, Callable[[Any], Any]]] = []
    for seq, row in enumerate(rows):
        if seq == 0:
            names = tuple(row)
            checks = [(name, _converter(_column(table, name))) for name in names]
        elif len(row) != len(names):
            raise DataError(f"{table.name}: row {seq} has other columns than the first ({', '.join(names)})")
        try:
            values = {name: check(row[name]) for name, check in checks}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{table.name}: row {seq} cannot be stored: {error!r}") from error
        values.update(shared)
        values["seq"] = seq
        yield values


def finite_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return metrics as plain floats.

    Raises:
        DataError: a metric is NaN or infinite: undefined is null.
    """
    plain: dict[str, float | None] = {}
    for name, value in metrics.items():
        if value is not None and not math.isfinite(value):
            raise DataError(f"metric '{name}' is {value}: an undefined metric has to be null")
        plain[name] = None if value is None else float(value)
    return plain


def missing_columns(table: Table, names: Iterable[str]) -> set[str]:
    """Return the columns that need a value and have neither one of `names` nor a default."""
    required = {column.name for column in table.c if not column.nullable and column.server_default is None}
    counted = {column.name for column in table.c if column.autoincrement is True}
    return required - counted - set(names)


def _column(table: Table, name: str) -> Column[Any]:
    column: Column[Any] | None = table.c.get(name)
    if column is None:
        raise DataError(unknown_name(f"column of {table.name}", name, table.c.keys()))
    return column


def _checked(table: Table, column: Column[Any], value: Any) -> Any:
    try:
        return _converter(column)(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{table.name}.{column.name} cannot be {value!r}: {error}") from error


def _converter(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, Boolean):
        return _as_flag
    if isinstance(column.type, (BigInteger, Integer)):
        return _as_whole
    if isinstance(column.type, Float):
        return _as_real
    return _as_text


def _as_whole(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    if isinstance(value, (str, bytes)) or int(value) != value:
        raise TypeError("a whole number is needed")
    return int(value)


def _as_real(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)):
        raise TypeError("a number is needed")
    number = float(value)
    return number if math.isfinite(number) else None


def _as_text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    raise TypeError("text is needed")


def _as_flag(value: Any) -> bool:
    if value in {0, 1}:  # numpy's booleans too
        return bool(value)
    raise TypeError("true or false is needed")


def _exact_pair(table: Table, column: Column[Any], value: Any) -> tuple[str | None, float | None]:
    if value is None:
        return None, None
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str):
        raise DataError(f"{table.name}.{column.name} needs text or Decimal, not {type(value).__name__}")
    if not value.strip():
        return value, None  # the exchange writes an empty text for "none"
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise DataError(f"{table.name}.{column.name} is '{value}': a decimal number is needed")
    return value, float(number)
