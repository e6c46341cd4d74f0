"""A health scan as people read it in a terminal."""

from __future__ import annotations

from pathlib import Path

from arena.audit.health_result import FindingRecord, HealthResult
from arena.data.scan.finding import meaning
from arena.reporting.health_view import CONFIRMED_WORDS

SHOWN = 8
_HEAD = ("series", "grade", "first", "last", "present", "missing", "errors", "warnings", "infos")


def health_headline(result: HealthResult, report: Path) -> str:
    """Return the grades, the gravest findings, what is gone, and where the report is."""
    lines = ["SYNTHETIC: the market was generated"] if result.synthetic else []
    lines.append(
        f"{result.inst_id}  grade {result.grade}  {result.bars_scanned:,} bars in {result.seconds:.2f} s"
    )
    lines += _table(result)
    told = [one for one in result.findings if one.severity != "info"]
    lines += [_line(one) for one in told[:SHOWN]]
    if len(result.findings) > len(told[:SHOWN]):
        lines.append(f"  and {len(result.findings) - len(told[:SHOWN]):,} more in the report")
    if result.gone:
        lines.append(f"  {len(result.gone):,} finding(s) of earlier scans are gone")
    lines.append(f"report  {report}")
    return "\n".join(lines)


def _table(result: HealthResult) -> list[str]:
    rows = [list(_HEAD)]
    rows += [
        [
            one.series if one.kind != "funding" else f"funding {one.timeframe}",
            one.grade,
            (one.first or "-")[:10],
            (one.last or "-")[:10],
            f"{one.present:,}",
            f"{one.missing:,}",
            f"{one.errors:,}",
            f"{one.warnings:,}",
            f"{one.infos:,}",
        ]
        for one in result.series
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return [
        "  "
        + "  ".join(f"{cell:{'<' if at < 4 else '>'}{widths[at]}}" for at, cell in enumerate(row)).rstrip()
        for row in rows
    ]


def _line(one: FindingRecord) -> str:
    confirmed = f" ({CONFIRMED_WORDS[one.status]})" if one.status in CONFIRMED_WORDS else ""
    if one.kind.endswith("absent"):
        return f"! {one.severity:<8}{one.series}: {meaning(one.kind)}"
    return (
        f"! {one.severity:<8}{one.series}: {one.kind} of {one.bars:,} from {one.start} to {one.end}"
        f"{confirmed}, {'new' if one.status == 'new' else f'seen {one.times_seen} times'}"
    )
