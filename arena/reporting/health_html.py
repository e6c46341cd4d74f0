"""Render a health scan as one HTML file that needs no network and no script.

Reads the result, writes nothing. Invariant: everything on the page is a number or a word of the result.
"""

from __future__ import annotations

from arena.audit.health_result import HealthResult
from arena.reporting.health_view import (
    GRADES,
    SHOWN,
    finding_rows,
    kind_rows,
    remedies,
    severities,
    timeline,
)
from arena.reporting.page import content_policy, environment, static


def render_health(result: HealthResult) -> str:
    """Return the page as HTML."""
    rows = finding_rows(result.findings[:SHOWN])
    return (
        environment()
        .get_template("health.html.j2")
        .render(
            result=result,
            policy=content_policy(),
            styles=static("report.css") + static("health.css"),
            timeline=timeline(result),
            grades=GRADES,
            severities=severities(result),
            kinds=kind_rows(result),
            grave=[row for row in rows if row.severity != "info"],
            slight=[row for row in rows if row.severity == "info"],
            beyond=len(result.findings) - len(rows),
            remedies=remedies(result),
        )
    )
