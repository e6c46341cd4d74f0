"""A repair as people read it in a terminal."""

from __future__ import annotations

from pathlib import Path

from arena.audit.repair_result import AffectedRun, Figures, RepairedRange, RepairResult
from arena.data.scan.finding import DIFFERS_FROM
from arena.reporting.figures import DASH, number, percent

SHOWN = 10


def repair_headline(result: RepairResult, folder: Path) -> str:
    """Return the ranges, what is closed and open, and the blast radius."""
    lines = ["SYNTHETIC: the market was generated"] if result.synthetic else []
    kind = "" if result.kind == "candles" else f"{result.kind} "
    lines.append(f"{result.inst_id} {kind}{result.timeframe}  mode={result.mode}")
    if result.taken_up:
        lines.append(f"taken up: {len(result.taken_up)} ranges of repairs that did not end well")
    if not result.ranges:
        lines.append("nothing to repair: a scan finds no range that this mode can mend")
    lines += [_range_line(one) for one in result.ranges[:SHOWN]]
    if len(result.ranges) > SHOWN:
        lines.append(f"  and {len(result.ranges) - SHOWN:,} ranges more: see result.json")
    lines += [_coarser_line(one) for one in result.coarser]
    if result.ranges or result.taken_up:
        noun = "settlements" if result.kind == "funding" else "bars"
        lines.append(
            f"{result.changed_bars:,} {noun} changed; findings: {result.closed} repaired, {result.confirmed} "
            f"confirmed by the exchange, {result.open} still open"
        )
    if result.changed_bars or result.changed_others:
        lines.append(f"blast radius: {len(result.runs)} runs, {len(result.decisions)} decisions")
        lines += [line for one in result.runs[:SHOWN] for line in _run_lines(one)]
        own = sum(one.own_bar for one in result.decisions)
        if result.decisions:
            first, last = result.decisions[0], result.decisions[-1]
            lines.append(f"  decisions at {first.bar} to {last.bar}, {own} of them at a changed bar")
    lines.append(f"result  {folder / 'result.json'}")
    return "\n".join(lines)


def _range_line(one: RepairedRange) -> str:
    done = f"{one.inserted:,} inserted, {one.revised:,} revised, {one.missing_after:,} still missing"
    source = f", {one.source}" if one.source.startswith("derived") else f" from {one.source}"
    source = source if one.source else ""
    why = f" ({one.error})" if one.error else ""
    line = f"  {one.start} to {one.end}: {one.outcome}, {done}{source}{why}"
    return line + _next_step(one)


def _coarser_line(one: RepairedRange) -> str:
    line = f"  {one.timeframe} follows: {one.inserted:,} inserted, {one.revised:,} revised"
    if not one.kept:
        return line
    return (
        f"{line}; {one.kept:,} differ from the mended bars and stay, they came from elsewhere: ask for them "
        f"with timeframe={one.timeframe} range_start={one.start} range_end={one.end}"
    )


def _next_step(one: RepairedRange) -> str:
    """Return what to repair where the exchange has the same bars and finer ones deny them."""
    finer = [kind.removeprefix(DIFFERS_FROM) for kind in one.asked_by if kind.startswith(DIFFERS_FROM)]
    if one.outcome != "unchanged" or not finer:
        return ""
    return (
        f"\n    the exchange has the same bars, so the {finer[0]} bars are wrong: "
        f"timeframe={finer[0]} range_start={one.start} range_end={one.end}"
    )


def _run_lines(one: AffectedRun) -> list[str]:
    lines = [
        f"  {one.run_id} {one.strategy} {one.timeframe}: {one.bars_inside:,} changed bars in its window, "
        f"{one.bars_before:,} before; {one.trades_touching} of {one.trades} trades touch them"
    ]
    if one.now is not None:
        lines += [f"    then {_figures(one.then)}", f"    now  {_figures(one.now)}"]
    if one.not_rerun is not None:
        lines.append(f"    not run again: {one.not_rerun}")
    return lines


def _figures(figures: Figures) -> str:
    trades = DASH if figures.trades is None else number(figures.trades, 0)
    return (
        f"return {percent(figures.total_return, 4, signed=True)}, Sharpe {number(figures.sharpe, 4)}, "
        f"max drawdown {percent(figures.max_drawdown, 4)}, trades {trades}"
    )
