"""What each section of the sweep's page says, as plain values for the template.

Pure: turns the record and its trials into words, rows and pictures; the verdict's statistics are taken as
they are. Invariant: an undefined number reads as a dash, and what was not run is never shown as zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.backtest.sweep.record import SweepBatch, SweepRecord, SweepTrial
from arena.core.bars import FloatArray
from arena.reporting.figures import DASH, moment, number, percent, tone
from arena.reporting.plot import Line, Mark, Plot, Scale, Ticks, draw_bars, draw_lines, in_percent, plain
from arena.reporting.sweep_cells import pair_cells
from arena.reporting.sweep_heat import value_text
from arena.reporting.sweep_trials import CellAxis, SweepTrials, figure_form
from arena.reporting.verdict_view import annual, short_name

BINS = 60
_BEST_FIGURES = (
    "sharpe",
    "total_return",
    "max_drawdown",
    "profit_factor",
    "win_rate",
    "trades",
    "exposure",
    "fees",
)
_SIGNED = {"total_return"}
_MOST_SLICES = 12


@dataclass(frozen=True, slots=True)
class BestCell:
    """A cell of the table of best trials: text, CSS and the number to sort by."""

    text: str
    css: str
    key: str


@dataclass(frozen=True, slots=True)
class BestTable:
    """The best trials, best first."""

    head: list[tuple[str, bool]]
    rows: list[list[BestCell]]


def headline_cards(record: SweepRecord) -> list[tuple[str, str, str]]:
    """Return label, text and tone of the best trial's figures."""
    if not record.best:
        return []
    figures = record.best[0].figures
    names = dict.fromkeys((record.objective, *_BEST_FIGURES))
    return [
        (
            figure_form(name)[0],
            _figure(name, figures.get(name)),
            tone(figures.get(name)) if name in _SIGNED else "",
        )
        for name in names
    ][:8]


def best_params(record: SweepRecord) -> list[tuple[str, str]]:
    """Return the best trial's choices and parameters."""
    if not record.best:
        return []
    first = record.best[0]
    choices = _batch(record, first).choices
    return [(short_name(name), str(value)) for name, value in choices.items()] + [
        (short_name(name), f"{value:g}") for name, value in first.params.items()
    ]


def best_table(record: SweepRecord) -> BestTable:
    """Return the record's best trials with choices, parameters and figures."""
    choices = [axis.name for axis in record.axes if axis.structural]
    params = [axis.name for axis in record.axes if not axis.structural]
    names = list(dict.fromkeys((record.objective, *_BEST_FIGURES)))
    head = [("#", True), *((short_name(name), False) for name in choices)]
    head += [(short_name(name), True) for name in params]
    head += [
        (figure_form(name)[0] + (", USDT" if figure_form(name)[1] == "usdt" else ""), True) for name in names
    ]
    rows = []
    for place, trial in enumerate(record.best, start=1):
        batch = _batch(record, trial)
        row = [BestCell(str(place), "num", str(place))]
        row += [BestCell(text := str(batch.choices[name]), "", text) for name in choices]
        for name in params:
            value = trial.params.get(name)
            row.append(BestCell(DASH if value is None else f"{value:g}", "num", _key(value)))
        for name in names:
            value = trial.figures.get(name)
            css = f"num {tone(value)}".strip() if name in _SIGNED else "num"
            row.append(BestCell(_figure(name, value).removesuffix(" USDT"), css, _key(value)))
        rows.append(row)
    return BestTable(head, rows)


def batch_rows(record: SweepRecord) -> list[list[str]]:
    """Return one row a batch: what it is, its market, its counts."""
    rows = []
    for batch in record.batches:
        market = batch.market
        chosen = ", ".join(f"{short_name(name)} {value}" for name, value in batch.choices.items())
        rows.append(
            [
                chosen or "all trials",
                batch.strategy,
                f"{market.symbol} {market.timeframe}",
                f"{moment(market.start)} to {moment(market.end)}",
                f"{market.traded_bars:,}",
                f"{batch.combinations:,}",
                f"{sum(batch.dropped.values()):,}",
                f"{batch.done:,} of {batch.trials:,}",
                f"{batch.days:,}",
            ]
        )
    return rows


def dropped_rows(record: SweepRecord) -> list[tuple[str, str, str]]:
    """Return reason, combinations and their share of all, the commonest first."""
    total = sum(batch.combinations for batch in record.batches)
    by_reason: dict[str, int] = {}
    for batch in record.batches:
        for reason, count in batch.dropped.items():
            by_reason[reason] = by_reason.get(reason, 0) + count
    return [
        (reason, f"{count:,}", percent(count / total if total else None, 1))
        for reason, count in sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))
    ]


def market_words(record: SweepRecord) -> str:
    """Return the market of the sweep, or how many there are."""
    markets = list(dict.fromkeys(f"{one.market.symbol} {one.market.timeframe}" for one in record.batches))
    return markets[0] if len(markets) == 1 else f"{len(markets)} markets"


def strategy_words(record: SweepRecord) -> str:
    """Return the strategy of the sweep, or how many there are."""
    names = list(dict.fromkeys(one.strategy for one in record.batches))
    return names[0] if len(names) == 1 else f"{len(names)} strategies"


def range_words(record: SweepRecord) -> str:
    """Return from when to when the batches reach."""
    first = min(one.market.start for one in record.batches)
    last = max(one.market.end for one in record.batches)
    return f"{moment(first)} to {moment(last)} UTC"


def noise_level(record: SweepRecord) -> float | None:
    """Return the annualised Sharpe ratio that the best of as many worthless sets is expected to reach."""
    if record.verdict is None:
        return None
    sharpe = record.verdict.sharpe
    return annual(sharpe, sharpe.expected_maximum)


def sharpe_plot(record: SweepRecord, trials: SweepTrials) -> tuple[Plot | None, str]:
    """Return the histogram of Sharpe ratios with the best trial and the level of noise, and a sentence."""
    values = trials.figures["sharpe"]
    known = values[~np.isnan(values)]
    undefined = len(values) - len(known)
    if not len(known):
        return None, "No trial has a defined Sharpe ratio: none of them traded enough."
    noise = noise_level(record)
    best = record.best[0].figures.get("sharpe") if record.best else None
    marks = [Mark("c-zero", "", 0.0)]
    if best is not None:
        marks.append(Mark("c-mark", f"best trial {number(best)}", best))
    if noise is not None:
        marks.append(Mark("c-noise", f"best of noise {number(noise)}", noise))
    ends = [known, np.array([mark.at for mark in marks])]
    scale = Scale.over(ends, plain, steps=7, room=0.02)
    width = (scale.high - scale.low) / BINS
    edges = width * np.arange(np.floor(scale.low / width), np.ceil(scale.high / width) + 1)  # 0 is an edge
    counts, edges = np.histogram(known, edges)
    above = (
        ""
        if noise is None
        else f"; {np.count_nonzero(known > noise):,} are above what noise is expected to reach"
    )
    words = (
        f"{len(known):,} trials with a Sharpe ratio: median {number(float(np.median(known)))}, "
        f"{percent(float((known > 0).mean()), 1)} above 0{above}."
    )
    if undefined:
        words += f" {undefined:,} more have none, because their equity did not vary."
    plot = draw_bars(
        edges,
        counts.astype(np.float64),
        scale,
        label=f"Histogram of the trials' Sharpe ratios. {words}",
        titles=("Sharpe, annualised", "Trials"),
        marks=marks,
    )
    return plot, words


def slices(record: SweepRecord, trials: SweepTrials) -> list[tuple[str, Plot]]:
    """Return for each axis that varies the objective along it: best, mean, and beside the best trial."""
    label, unit = figure_form(record.objective)
    words = in_percent if unit == "fraction" else plain
    best_cells = {axis.name: int(axis.index[trials.best]) for axis in trials.axes}
    found = []
    for axis in trials.free_axes[:_MOST_SLICES]:
        best, mean = (_along(trials, axis, record.objective, how) for how in ("best", "mean"))
        beside = _beside(trials, axis, record.objective, best_cells)
        x, ticks, scale = _axis_scale(axis)
        at = best_cells[axis.name]
        lines = [
            Line("c-one", "best of all others", x, best),
            Line("c-faint", "mean of all others", x, mean),
            Line("c-three", "others as in the best trial", x, beside),
        ]
        top = trials.figures[record.objective][trials.best]
        lines.append(Line("c-best", "best trial", x[at : at + 1], np.array([top]), dots=True))
        plot = draw_lines(
            lines,
            scale,
            Scale.over([line.y for line in lines], words, steps=4),
            label=f"{label} along {axis.title}: best, mean, and beside the best trial at {axis.labels[at]}",
            titles=(axis.title, label),
            x_ticks=ticks,
        )
        found.append((axis.title, plot))
    return found


def timing_rows(record: SweepRecord) -> list[tuple[str, str]]:
    """Return where the time went."""
    timing = record.timing
    rows = [
        ("Engine", f"{timing.engine}, {timing.workers} worker{'' if timing.workers == 1 else 's'}"),
        ("Speed", f"{number(timing.trials_per_second, 0)} trials a second"),
    ]
    return rows + [
        (name.replace("_", " ").capitalize(), f"{number(s, 2)} s") for name, s in timing.seconds.items()
    ]


def _along(trials: SweepTrials, axis: CellAxis, figure: str, how: str) -> FloatArray:
    single = CellAxis("", [""], np.zeros(len(trials), np.int64), np.zeros(1), 1, words=True)
    line: FloatArray = pair_cells(trials, axis, single, figure, "best" if how == "best" else "mean").values[0]
    return line


def _beside(trials: SweepTrials, axis: CellAxis, figure: str, at: dict[str, int]) -> FloatArray:
    same = np.ones(len(trials), np.bool_)
    for other in trials.axes:
        if other.name != axis.name:
            same &= other.index == at[other.name]
    found = np.full(len(axis), np.nan)
    worst_first = trials.worst_first[same[trials.worst_first]]
    found[axis.index[worst_first]] = trials.figures[figure][worst_first]
    return found


def _axis_scale(axis: CellAxis) -> tuple[FloatArray, Ticks | None, Scale]:
    """Return places of the cells, named ticks where the axis has no numbers, and the scale."""
    if not axis.words:
        return axis.centres, None, Scale.over([axis.centres], _number, steps=5)
    scale = Scale(-0.5, len(axis) - 0.5, plain)
    every = -(-len(axis) // 6)
    ticks = [(100 * (at + 0.5) / len(axis), axis.labels[at]) for at in range(0, len(axis), every)]
    return axis.centres, ticks, scale


def _number(value: float, decimals: int) -> str:
    return number(value, decimals)


def _figure(name: str, value: float | None) -> str:
    text = value_text(float("nan") if value is None else value, figure_form(name)[1])
    return f"+{text}" if name in _SIGNED and value is not None and value > 0 else text


def _key(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _batch(record: SweepRecord, trial: SweepTrial) -> SweepBatch:
    return next(batch for batch in record.batches if batch.index == trial.batch)
