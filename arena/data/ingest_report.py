"""What an import did, series by series, as data and as lines for people.

Pure. Invariant: for a series of files, rows read = accepted + duplicates + refused, and
accepted = inserted + unchanged + revised + kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from arena.core.bars import SYNTHETIC
from arena.core.clock import to_iso

DERIVED_FROM = "stored "
"""Beginning of the format of a series that was built from finer stored bars."""

ASKED_FROM = "asked from "
"""Beginning of the format of a series that came from an exchange."""


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """One stored series. `timeframe` is None for funding; `rejects` are files of refused rows.

    `notes` say what else has to be known of it.

    `gaps` counts holes between accepted rows, `missing` the rows absent in them. `seconds` is the time
    to read and check (or generate) and to write this series.
    """

    kind: str
    inst_id: str
    timeframe: str | None
    source: str
    format: str
    rows_read: int
    accepted: int
    inserted: int
    unchanged: int
    revised: int
    kept: int
    first_ts: int | None
    last_ts: int | None
    seconds: float
    files: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    gaps: int = 0
    missing: int = 0
    rejects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call the series."""
        return f"{self.inst_id} {self.kind}" + (f" {self.timeframe}" if self.timeframe else "")


@dataclass(frozen=True, slots=True)
class IngestReport:
    """All series of one import, and the whole time it took."""

    series: tuple[SeriesReport, ...]
    seconds: float

    @property
    def is_synthetic(self) -> bool:
        """Whether any series was generated instead of observed."""
        return any(series.source == SYNTHETIC for series in self.series)

    @property
    def changed(self) -> int:
        """Rows that the store did not hold like this before."""
        return sum(series.inserted + series.revised for series in self.series)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {**asdict(self), "synthetic": self.is_synthetic, "changed": self.changed}

    def lines(self) -> list[str]:
        """Return the report as text: a line a series, its derived bars below it, and what was wrong."""
        lines = ["SYNTHETIC: generated prices, no market made them"] if self.is_synthetic else []
        for series in self.series:
            if series.format.startswith(DERIVED_FROM):
                continue
            lines.append(_headline(series))
            derived = [one for one in self.series if _is_derived_from(one, series)]
            if derived:
                lines.append(f"  derived: {', '.join(_short(one) for one in derived)}")
            lines.extend(f"  {line}" for one in (series, *derived) for line in _remarks(one))
        return [*lines, f"{self.changed:,} rows new or changed in {self.seconds:.2f} s"]


def _is_derived_from(series: SeriesReport, source: SeriesReport) -> bool:
    same = series.kind == source.kind and series.inst_id == source.inst_id
    return same and series.format == f"{DERIVED_FROM}{source.timeframe}"


def _headline(series: SeriesReport) -> str:
    span = "no rows"
    if series.first_ts is not None and series.last_ts is not None:
        span = f"{to_iso(series.first_ts)} to {to_iso(series.last_ts)}"
    pace = ""
    if series.format.startswith(ASKED_FROM) and series.seconds > 0:
        pace = f"; {series.rows_read / series.seconds:,.0f} rows a second"
    return f"{series.label} ({series.format}): {_counts(series)}; {span}{pace}"


def _counts(series: SeriesReport) -> str:
    named = {
        "new": series.inserted,
        "unchanged": series.unchanged,
        "revised": series.revised,
        "kept as stored": series.kept,
    }
    return ", ".join(f"{count:,} {name}" for name, count in named.items() if count) or "nothing new"


def _short(series: SeriesReport) -> str:
    return f"{series.timeframe} {_counts(series)}"


def _remarks(series: SeriesReport) -> list[str]:
    remarks = []
    if series.gaps:
        holes = "1 hole" if series.gaps == 1 else f"{series.gaps} holes"
        remarks.append(f"{series.label}: {series.missing:,} rows missing in {holes}")
    if series.out_of_order:
        remarks.append(f"{series.out_of_order} rows out of order: sorted")
    if series.duplicates:
        remarks.append(f"{series.duplicates} exact duplicates: dropped")
    if series.refused:
        reasons = ", ".join(f"{count} {reason}" for reason, count in series.refused.items())
        total = sum(series.refused.values())
        where = f": see {', '.join(series.rejects)}" if series.rejects else ""
        remarks.append(f"{total} rows refused ({reasons}){where}")
    return [*remarks, *series.notes]
