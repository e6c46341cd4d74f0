"""python -m benchmarks [--quick] [--only 1,4]: run the cases, print the table, keep it as JSON."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Row, print_rows, write_json

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Check that trades are equal, then measure; exit 1 when they are not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and shorter histories: about a minute"
    )
    parser.add_argument("--only", default="0123456789", help="numbers of the cases to run, like 1,4")
    arguments = parser.parse_args()
    chosen = set(arguments.only) & set("0123456789")
    print("load average:", ", ".join(f"{load:.2f}" for load in os.getloadavg()))
    rows: list[Row] = []
    checks: list[str] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        if chosen & set("12") and not _trades_are_equal(checks, quick=arguments.quick):
            return 1
        for number, case in _cases(Path(folder), quick=arguments.quick).items():
            if number in chosen:
                found = case(checks)
                print_rows(found)
                rows += found
    write_json(RESULTS, rows, checks, quick=arguments.quick)
    print("\nkept in benchmarks/results/latest.json; load average:", f"{os.getloadavg()[0]:.2f}")
    return 0


def _trades_are_equal(checks: list[str], *, quick: bool) -> bool:
    from benchmarks.case_engine import check_trades

    equal = True
    print("\nAre the trades equal?")
    for job, comparison in check_trades(quick=quick):
        checks.append(f"{job}: {comparison.sentence()}")
        print(f"  {checks[-1]}")
        equal &= comparison.is_equal
    if not equal:
        print("the engines did different work: no ratio would mean anything", file=sys.stderr)
    return equal


def _cases(folder: Path, *, quick: bool) -> dict[str, Callable[[list[str]], list[Row]]]:
    from benchmarks import (
        case_bounds,
        case_engine,
        case_health,
        case_ingest,
        case_paper,
        case_process,
        case_report,
        case_store,
        case_sweep,
    )

    return {
        "0": lambda _checks: case_bounds.measure_bounds(quick=quick),
        "1": lambda _checks: case_engine.measure_warm(quick=quick),
        "2": lambda _checks: case_engine.measure_reversals(quick=quick),
        "3": lambda checks: case_process.measure_cold(folder, checks, quick=quick),
        "4": lambda _checks: case_store.measure_store(folder, quick=quick),
        "5": lambda _checks: case_report.measure_steps(folder, quick=quick),
        "6": lambda checks: case_sweep.measure_sweeps(folder, checks, quick=quick),
        "7": lambda _checks: case_paper.measure_paper(folder, quick=quick),
        "8": lambda checks: case_ingest.measure_ingest(folder, checks, quick=quick),
        "9": lambda _checks: case_health.measure_health(folder, quick=quick),
    }


if __name__ == "__main__":
    sys.exit(main())
