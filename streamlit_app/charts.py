"""The monitor's pictures: coverage by series and the timeline of holes.

Pure: rows in, Altair charts out. Invariant: every chart draws from the rows handed to it alone; nothing is
loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

Row = dict[str, Any]

_KINDS = {"missing": "#d62728", "no trading": "#e0a020"}


def coverage_chart(series: Sequence[Row]) -> alt.Chart:
    """Return the share of expected bars that is there, a bar a series."""
    rows = pd.DataFrame(
        [
            {
                "name": f"{row['instrument']} {row['series']}",
                "share": row["coverage"],
                "bars": row["bars"],
                "missing": row["missing"],
                "grade": row["grade"],
            }
            for row in series
        ]
    )
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(
                "share:Q",
                title="Share of expected bars",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
            ),
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color(
                "grade:N",
                title="Grade",
                scale=alt.Scale(
                    domain=list("ABCDF"), range=["#2a8a4a", "#7fb24f", "#e0a020", "#e06a20", "#d62728"]
                ),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="Series"),
                alt.Tooltip("share:Q", title="Coverage", format=".4%"),
                alt.Tooltip("bars:Q", title="Bars", format=","),
                alt.Tooltip("missing:Q", title="Missing", format=","),
            ],
        )
        .properties(height=alt.Step(22))
    )


def gap_chart(gaps: Sequence[Row], series: Sequence[Row]) -> alt.LayerChart:
    """Return what every series spans, and in it the ranges without bars or without trading."""
    spans = pd.DataFrame(
        [
            {"name": f"{row['instrument']} {row['series']}", "start": row["first"], "end": row["last"]}
            for row in series
            if row["first"]
        ]
    )
    holes = pd.DataFrame(
        [
            {
                "name": f"{row['instrument']} {row['series']}",
                "start": pd.to_datetime(row["start"], unit="ms"),
                "end": pd.to_datetime(row["end"], unit="ms"),
                "what": row["kind"],
                "bars": row["bars"],
            }
            for row in gaps
        ],
        columns=["name", "start", "end", "what", "bars"],
    )
    for frame in (spans,):
        frame["start"], frame["end"] = pd.to_datetime(frame["start"]), pd.to_datetime(frame["end"])
    y = alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    base = (
        alt.Chart(spans)
        .mark_rule(strokeWidth=8, opacity=0.25, color="#4a78b5")
        .encode(x=alt.X("start:T", title="UTC"), x2="end:T", y=y)
    )
    marks = (
        alt.Chart(holes)
        .mark_tick(thickness=3, height=16)
        .encode(
            x="start:T",
            y=y,
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="Series"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("start:T", title="From", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("end:T", title="To", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("bars:Q", title="Bars", format=","),
            ],
        )
    )
    return (base + marks).properties(height=alt.Step(22))
