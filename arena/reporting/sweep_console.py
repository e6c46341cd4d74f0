"""A sweep as people read it in a terminal."""

from __future__ import annotations

from pathlib import Path

from arena.backtest.sweep.checkpoint import RECORD_FILE
from arena.backtest.sweep.record import SweepRecord, SweepTrial
from arena.reporting.figures import number, percent
from arena.reporting.sweep_folder import REPORT_FILE

SHOWN = 5
_HEAD = ("Sharpe", "return", "max drawdown", "trades")


def sweep_headline(record: SweepRecord, folder: Path, *, html: bool) -> str:
    """Return counts, the table of the best trials, what the statistics say and where the files are."""
    lines = []
    if record.synthetic:
        lines.append("SYNTHETIC: the market was generated; these numbers are about no real one")
    lines += [*_titles(record), "", *_table(record), "", *_statistics(record)]
    lines += [f"! {text}" for text in record.warnings if not text.startswith("SYNTHETIC")]
    lines.append(f"best    {folder / (record.best_run_folder or '')}")
    lines.append(f"report  {folder / (REPORT_FILE if html else RECORD_FILE)}")
    return "\n".join(lines)


def _titles(record: SweepRecord) -> list[str]:
    strategies = ", ".join(dict.fromkeys(batch.strategy for batch in record.batches))
    symbols = ", ".join(dict.fromkeys(batch.market.symbol for batch in record.batches))
    timeframes = ", ".join(dict.fromkeys(batch.market.timeframe for batch in record.batches))
    market = record.batches[0].market
    done = sum(batch.done for batch in record.batches)
    trials = sum(batch.trials for batch in record.batches)
    dropped = sum(sum(batch.dropped.values()) for batch in record.batches)
    of = "" if done == trials else f" of {trials:,}"
    dropping = f", {dropped:,} combinations dropped" if dropped else ""
    batches = f" in {len(record.batches)} batches" if len(record.batches) > 1 else ""
    reasons = dict.fromkeys(reason for batch in record.batches for reason in batch.dropped)
    return [
        f"{strategies}  {symbols}  {timeframes}",
        f"{market.start} to {market.end}, {market.traded_bars:,} of {market.bars:,} bars traded",
        f"{done:,}{of} trials{batches}, {record.timing.trials_per_second:,.0f} a second{dropping}",
        *(f"  dropped: {reason}" for reason in reasons),
    ]


def _table(record: SweepRecord) -> list[str]:
    varying = [axis.name for axis in record.axes if len(axis.values) > 1]
    names = varying or [axis.name for axis in record.axes]
    labels = _short(names)
    rows = [[labels[name] for name in names] + list(_HEAD)]
    rows += [_cells(record, trial, names) for trial in record.best[:SHOWN]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = [[f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows]
    return ["  " + "  ".join(row) for row in padded]


def _short(names: list[str]) -> dict[str, str]:
    """Return each name without strategy. or costs., as the report has it, where that leaves them apart."""
    last = [name.rpartition(".")[2] for name in names]
    return {
        name: short if last.count(short) == 1 and name.startswith(("strategy.", "costs.")) else name
        for name, short in zip(names, last, strict=True)
    }


def _cells(record: SweepRecord, trial: SweepTrial, names: list[str]) -> list[str]:
    choices = next(batch.choices for batch in record.batches if batch.index == trial.batch)
    known = {**choices, **{name: f"{value:g}" for name, value in trial.params.items()}}
    figures = trial.figures
    sharpe, trades = figures["sharpe"], figures["trades"]
    return [
        *(str(known.get(name, "")) for name in names),
        "none" if sharpe is None else number(sharpe, 2),
        _percent(figures["total_return"]),
        _percent(figures["max_drawdown"]),
        f"{trades or 0:,.0f}",
    ]


def _percent(value: float | None) -> str:
    return "none" if value is None else percent(value)


def _statistics(record: SweepRecord) -> list[str]:
    verdict = record.verdict
    if verdict is None:
        return []
    lines = []
    if verdict.sharpe.deflated is not None:
        counted = f" after {verdict.trials.sets:,} parameter sets" if verdict.trials is not None else ""
        lines.append(
            f"  Deflated Sharpe {number(verdict.sharpe.deflated, 2)}: the probability that the best is more "
            f"than luck{counted}"
        )
    if verdict.overfitting is not None:
        lines.append(
            f"  PBO {number(verdict.overfitting.probability, 2)}: the probability that the best in sample is "
            "below the median out of sample"
        )
    return [*lines, ""] if lines else []
