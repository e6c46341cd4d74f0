"""The page of `python -m jobs.monitor`; Streamlit runs this file from top to bottom at every look.

Writes nothing. Invariant: all that is shown was read through DataService in one go, at the time shown on top.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # Streamlit starts this file outside of the project

from arena.core.clock import to_iso, wall_clock
from arena.core.errors import ArenaError
from arena.data.overview import StoreOverview
from streamlit_app.charts import coverage_chart, gap_chart
from streamlit_app.readings import Readings, read_all

Row = dict[str, Any]

ROOT_KEY = "ARENA_MONITOR_ROOT"
REFRESH_KEY = "ARENA_MONITOR_REFRESH_S"

REFRESH_S = int(os.environ.get(REFRESH_KEY, "30"))
MAIN_TIMEFRAMES = ("15m", "1h", "4h", "1d")


def read() -> Readings:
    """Return the state of the store that the job was started with."""
    root = os.environ.get(ROOT_KEY, "data")
    return read_all(StoreOverview(root, os.environ.get("DATABASE_URL") or None), root, wall_clock)


@st.fragment(run_every=REFRESH_S or None)
def page() -> None:
    """Draw everything; runs again by itself every REFRESH_S seconds."""
    try:
        found = read()
    except ArenaError as error:
        st.error(f"The store cannot be opened: {error}")
        return
    _head(found)
    if found.is_empty:
        st.info(
            f"Nothing is stored in {found.location} yet. Fill it with `python -m jobs.ingest`, or "
            "`make demo` for a generated market."
        )
    if found.series:
        _series(found)
        _gaps(found)
    _events(found.events)
    _table("Repairs", found.repairs, "No repair was ever asked for.")
    _table("Revisions", found.revisions, "No stored value was ever changed.")
    _jobs(found.jobs)


def _head(found: Readings) -> None:
    if found.synthetic:
        st.warning("SYNTHETIC: some of these prices were generated; no market made them.")
    st.caption(
        f"Store `{found.location}`, read at {to_iso(found.now_ms)[:19]}Z"
        + (f", again every {REFRESH_S} s" if REFRESH_S else "")
    )
    for problem in found.problems:
        st.error(problem[0].upper() + problem[1:])
    newest = [row for row in found.series if row["age_hours"] is not None and row["kind"] == "candles"]
    columns = st.columns(4)
    columns[0].metric("Series", f"{len(found.series):,}")
    columns[1].metric("Bars", f"{sum(row['bars'] for row in found.series if row['kind'] != 'funding'):,}")
    youngest = min((row["age_hours"] for row in newest), default=None)
    columns[2].metric("Newest bar is", "none" if youngest is None else f"{_age(youngest)} old")
    columns[3].metric("On disk", f"{found.bytes_stored / 1e6:,.1f} MB")


def _series(found: Readings) -> None:
    st.subheader("Health of each series")
    st.caption(
        "A: nothing found. B: warnings. C: errors, under 0.1 % missing. D: under 1 % missing. F: more. "
        "Behind: bars that have closed since the newest stored one."
    )
    shown = [
        {
            "grade": row["grade"],
            "instrument": row["instrument"],
            "series": row["series"],
            "coverage": row["coverage"],
            "bars": row["bars"],
            "missing": row["missing"],
            "behind": row["behind"],
            "age, h": None if row["age_hours"] is None else round(row["age_hours"], 1),
            "first": row["first"],
            "last": row["last"],
            "MB": round(row["bytes"] / 1e6, 2),
            "found": row["why"],
            "origin": "SYNTHETIC" if row["synthetic"] else "observed",
        }
        for row in _main_first(found.series)
    ]
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "coverage": st.column_config.ProgressColumn(
                "coverage", format="percent", min_value=0, max_value=1
            ),
            "bars": st.column_config.NumberColumn(format="localized"),
            "missing": st.column_config.NumberColumn(format="localized"),
            "behind": st.column_config.NumberColumn(format="localized"),
        },
    )
    st.subheader("Coverage")
    st.altair_chart(coverage_chart(_main_first(found.series)))


def _gaps(found: Readings) -> None:
    st.subheader("Holes over time")
    st.altair_chart(gap_chart(found.gaps, _main_first(found.series)))
    _table("", sorted(_readable(found.gaps), key=lambda row: row["from"], reverse=True), "No bar is missing.")


def _readable(gaps: Sequence[Row]) -> list[Row]:
    return [
        {
            "instrument": row["instrument"],
            "series": row["series"],
            "what": row["kind"],
            "from": to_iso(row["start"])[:16].replace("T", " "),
            "to": to_iso(row["end"])[:16].replace("T", " "),
            "bars": row["bars"],
        }
        for row in gaps
    ]


def _events(events: Sequence[Row]) -> None:
    st.subheader("Findings")
    if not events:
        st.caption("The ledger knows of no finding. `python -m jobs.health` looks for them.")
        return
    columns = st.columns(4)
    chosen = {
        name: column.multiselect(name, sorted({str(row[name]) for row in events}), placeholder="all")
        for name, column in zip(("severity", "kind", "timeframe", "state"), columns, strict=True)
    }
    shown = [
        row
        for row in events
        if all(not wanted or str(row[name]) in wanted for name, wanted in chosen.items())
    ]
    st.caption(f"{len(shown):,} of {len(events):,}, the newest range first")
    st.dataframe(shown, hide_index=True)


def _jobs(jobs: Sequence[Row]) -> None:
    st.subheader("Last job runs")
    failed = [
        row for row in jobs if row["status"] not in {"done", "running"} or row["exit code"] not in {0, None}
    ]
    if failed:
        st.error(
            f"{len(failed)} of the last {len(jobs)} runs did not end well; the newest: {failed[0]['message']}"
        )
    if jobs:
        st.dataframe(list(jobs), hide_index=True)
    else:
        st.caption("No job has run here.")


def _table(title: str, rows: Sequence[Row], instead: str) -> None:
    if title:
        st.subheader(title)
    if rows:
        st.dataframe(list(rows), hide_index=True)
    else:
        st.caption(instead)


def _main_first(series: Sequence[Row]) -> list[Row]:
    """Return candles of swaps in the usual lengths first, then the rest, each group in its own order."""
    return sorted(
        series,
        key=lambda row: (
            row["kind"] != "candles",
            not row["instrument"].endswith("-SWAP"),
            row["timeframe"] not in MAIN_TIMEFRAMES,
        ),
    )


def _age(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.0f} days"


st.set_page_config(page_title="Alpha Arena: data health", layout="wide")
st.title("Data health")
page()
