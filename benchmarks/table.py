"""Rows of the result: printed as a table, kept as JSON.

Invariant: a target is shown beside its figure and never asserted, and nothing kept names a machine or a path.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.timing import Sample

LIBRARIES = ("backtesting", "numba", "numpy", "pandas", "polars", "pyarrow", "vectorbt")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `target` is the most it should be, `least` the least."""

    case: str
    what: str
    unit: str
    median: float
    low: float
    high: float
    target: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median keeps to its bounds; None where there is none."""
        if self.target is None and self.least is None:
            return None
        return (self.target is None or self.median <= self.target) and (
            self.least is None or self.median >= self.least
        )


def row(
    case: str, what: str, unit: str, sample: Sample, target: float | None = None, least: float | None = None
) -> Row:
    """Return the row of a sample that is in `unit` already."""
    return Row(case, what, unit, sample.median, sample.low, sample.high, target, least)


def print_rows(rows: Sequence[Row]) -> None:
    """Print rows of one case under its name."""
    if not rows:
        return
    print(f"\n{rows[0].case}")
    for one in rows:
        spread = f"{_short(one.low)}-{_short(one.high)}"
        verdict = ""
        if one.met is not None:
            bound = f"at least {_short(one.least)}" if one.target is None else _short(one.target)
            verdict = f"target {bound}: {'met' if one.met else 'not met'}"
        print(f"  {one.what:<64} {_short(one.median):>9} {one.unit:<9} {spread:<17} {verdict}".rstrip())
    sys.stdout.flush()


def write_json(path: Path, rows: Sequence[Row], checks: Sequence[str], *, quick: bool) -> None:
    """Keep the run as JSON, with what it ran on: versions, processors and load."""
    document = {
        "quick": quick,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "processors": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "checks": list(checks),
        "rows": [{**asdict(one), "met": one.met} for one in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
