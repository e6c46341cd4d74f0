"""Where each row of the market lies: kinds, series, partitions and their paths.

Pure: names and arithmetic only, never touches a file.
Invariant: a row belongs to exactly one partition, found from its series and its `ts` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from arena.core.bars import TsArray
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe

MARKET_FOLDER = "market"
REVISIONS_FOLDER = "revisions"
FUNDING_FOLDER = "funding"
SUFFIX = ".parquet"

_YEAR_FROM_STEP_MS = 15 * 60_000
_LAST_MS = 253_402_300_799_999  # end of 9999, so that periods sort as text
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PERIOD = re.compile(r"\d{4}(-\d{2})?")


class Kind(StrEnum):
    """Which prices a bar series holds."""

    CANDLES = "candles"
    MARK = "mark"
    INDEX = "index"


PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, order=True)
class SeriesInfo:
    """Name of one stored bar series."""

    kind: Kind
    inst_id: str
    timeframe: Timeframe

    @property
    def folder(self) -> str:
        """Folder of the series, relative to the market's."""
        return f"{self.kind}/{check_id(self.inst_id)}/{self.timeframe}"

    @property
    def values(self) -> tuple[str, ...]:
        """Columns that carry values; mark and index prices have no volume."""
        return (*PRICE_COLUMNS, "volume") if self.kind is Kind.CANDLES else PRICE_COLUMNS

    @property
    def calendar_unit(self) -> str:
        """`M` for partitions of a month, `Y` of a year: what keeps the append of one bar cheap."""
        return "Y" if self.timeframe.step_ms >= _YEAR_FROM_STEP_MS else "M"

    @property
    def label(self) -> str:
        """What messages call the series."""
        return f"{self.timeframe} {self.kind} of {self.inst_id}"


@dataclass(frozen=True, slots=True, order=True)
class FundingInfo:
    """Name of one stored funding series."""

    inst_id: str

    @property
    def folder(self) -> str:
        """Folder of the series, relative to the market's."""
        return f"{FUNDING_FOLDER}/{check_id(self.inst_id)}"

    @property
    def values(self) -> tuple[str, ...]:
        """Columns that carry values."""
        return ("rate", "source")

    @property
    def calendar_unit(self) -> str:
        """Always `Y`: three to twenty-four settlements a day."""
        return "Y"

    @property
    def label(self) -> str:
        """What messages call the series."""
        return f"funding of {self.inst_id}"


Series = SeriesInfo | FundingInfo


def check_id(inst_id: str) -> str:
    """Return `inst_id` when it can name a folder.

    Raises:
        DataError: it could lead out of the store.
    """
    if not _SAFE_ID.fullmatch(inst_id):
        raise DataError(f"instrument id '{inst_id}' cannot name a folder: write it like BTC-USDT-SWAP")
    return inst_id


def is_period(name: str) -> bool:
    """Whether `name` is the stem of a partition file."""
    return _PERIOD.fullmatch(name) is not None


def period_of(ts: int, calendar_unit: str) -> str:
    """Return the partition of `ts`, like `2026-01` or `2026`; times out of four-digit years are clipped."""
    return str(np.datetime64(min(max(ts, 0), _LAST_MS), "ms").astype(f"datetime64[{calendar_unit}]"))


def period_bounds(period: str) -> tuple[int, int]:
    """Return first ms of the period and first ms after it."""
    begin = np.datetime64(period)
    return int(begin.astype("datetime64[ms]").astype(np.int64)), int(
        (begin + 1).astype("datetime64[ms]").astype(np.int64)
    )


def split_by_period(ts: TsArray, calendar_unit: str) -> Iterator[tuple[str, slice]]:
    """Yield each period that ascending `ts` touches with the positions inside it, oldest first."""
    begin = 0
    while begin < len(ts):
        period = period_of(int(ts[begin]), calendar_unit)
        end = int(np.searchsorted(ts, period_bounds(period)[1], side="left"))
        yield period, slice(begin, end)
        begin = end
