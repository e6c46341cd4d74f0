"""What the statistics say of a result, in words, rows and small pictures for the templates.

Pure: reads a `Verdict`, computes no statistic of its own. Invariant: a statistic that is missing is
shown as missing with its reason; nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arena.backtest.verdict import (
    IntervalRow,
    OverfittingVerdict,
    SharpeVerdict,
    TrialHistory,
    Verdict,
    WalkForward,
)
from arena.reporting.figures import DASH, moment, number, percent
from arena.reporting.plot import Plot
from arena.reporting.verdict_plots import Curve, break_even_curve, forward_plot, logit_plot

SURE = 0.95

_SAID_WITH_THE_NUMBER = {"sharpe", "trials", "overfitting", "lockbox"}

_DEFLATED, _OVERFITTING = "Deflated Sharpe", "Backtest overfitting"

_FIGURES = {"sharpe": "Sharpe, annualised", "total_return": "Total return", "max_drawdown": "Max drawdown"}
_BENCHMARKS = {"flat": "Holding nothing", "buy_and_hold": "Buy and hold"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of the verdict with what it means; `bad` where it warns."""

    label: str
    text: str
    note: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """An interval as a bar: places in percent of its own scale; `zero` is None where 0 is not on it."""

    label: str
    text: str
    value: str
    left: float
    width: float
    at: float
    zero: float | None
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """All of it, ready to read."""

    luck: str
    facts: list[Fact]
    tracks: list[Track]
    level: str
    superiority: list[Fact]
    curves: list[Curve]
    lockbox: str
    overfitting: Plot | None
    overfitting_note: str
    forward: Plot | None
    forward_rows: list[list[str]]
    windows: list[tuple[str, list[list[str]]]]
    unknown: list[tuple[str, str]]

    @property
    def headline(self) -> list[Fact]:
        """The two numbers that belong beside the headline: deflated Sharpe and overfitting."""
        return [fact for fact in self.facts if fact.label in {_DEFLATED, _OVERFITTING}]


def verdict_view(verdict: Verdict) -> VerdictView:
    """Return the verdict as the pages show it."""
    over = verdict.overfitting
    return VerdictView(
        luck=luck_sentence(verdict),
        facts=_facts(verdict),
        tracks=[_track(row) for row in verdict.intervals],
        level=percent(verdict.intervals[0].level, 0) if verdict.intervals else "",
        superiority=[
            Fact(
                _BENCHMARKS[test.benchmark],
                _p_value(test.p_value, test.draws),
                "beaten beyond chance at 5%, search included"
                if test.p_value < 1 - SURE
                else "not beaten beyond chance at 5%, search included",
                bad=test.p_value >= 1 - SURE,
            )
            for test in verdict.superiority
        ],
        curves=[break_even_curve(curve) for curve in verdict.break_even],
        lockbox=_lockbox(verdict),
        overfitting=logit_plot(over) if over and sum(over.counts) else None,
        overfitting_note=_overfitting_note(over) if over else "",
        forward=forward_plot(verdict.walk_forward) if verdict.walk_forward else None,
        forward_rows=[_forward_row(walk) for walk in verdict.walk_forward],
        windows=[(walk.kind.capitalize(), _window_rows(walk)) for walk in verdict.walk_forward],
        unknown=[
            (_field_name(path), reason)
            for path, reason in sorted(verdict.reasons.items())
            if path.split(".", maxsplit=1)[0] not in _SAID_WITH_THE_NUMBER
        ],
    )


def luck_sentence(verdict: Verdict) -> str:
    """Return in plain words how likely the result is luck, given how many sets were tried."""
    sharpe, trials = verdict.sharpe, verdict.trials
    tried = f"{trials.sets:,} parameter sets tried on this data" if trials else "an unknown number of tries"
    if sharpe.deflated is None:
        reason = verdict.reasons.get("sharpe.deflated") or verdict.reasons.get("sharpe")
        return f"How likely luck is cannot be said{f': {reason}' if reason else ''}."
    bar, own = annual(sharpe, sharpe.expected_maximum), sharpe.annualised
    against = ""
    if bar is not None and own is not None:
        against = (
            f": the best of as many worthless sets would reach a Sharpe of about {number(bar)}, "
            f"this one has {number(own)}"
        )
    many = trials is not None and trials.sets > 1
    what = f"With {tried}" if many or trials is None else "With no other set tried on this data"
    chance = f"The probability that its true Sharpe is above that is {_probability(sharpe.deflated)}."
    if sharpe.deflated >= SURE:
        return f"{what}, luck is an unlikely explanation{against}. {chance}"
    if sharpe.deflated >= 0.5:
        return f"{what}, luck cannot be ruled out{against}. {chance}"
    return f"{what}, this is what luck looks like{against}. {chance}"


def annual(sharpe: SharpeVerdict, per_bar: float | None) -> float | None:
    """Return a Sharpe ratio a bar as a year's, by the ratio of the run's own two."""
    if per_bar is None or not sharpe.sharpe or sharpe.annualised is None:
        return None
    return per_bar * sharpe.annualised / sharpe.sharpe


def _facts(verdict: Verdict) -> list[Fact]:
    sharpe = verdict.sharpe
    return [
        _trials_fact(verdict.trials),
        Fact(
            _DEFLATED,
            _probability(sharpe.deflated),
            _because(
                verdict,
                "sharpe.deflated",
                sharpe.deflated,
                "probability that the true Sharpe is above the best of as many worthless sets",
            ),
            bad=sharpe.deflated is not None and sharpe.deflated < SURE,
        ),
        Fact(
            "Probabilistic Sharpe",
            _probability(sharpe.probabilistic),
            _because(
                verdict,
                "sharpe.probabilistic",
                sharpe.probabilistic,
                "probability that the true Sharpe is above 0, had this been the only try",
            ),
            bad=sharpe.probabilistic is not None and sharpe.probabilistic < SURE,
        ),
        Fact(
            "Best of noise",
            number(annual(sharpe, sharpe.expected_maximum)),
            _because(
                verdict,
                "sharpe.expected_maximum",
                sharpe.expected_maximum,
                f"annualised Sharpe that luck alone is expected to reach; here {number(sharpe.annualised)}",
            ),
        ),
        Fact(
            "Minimum track record",
            DASH
            if sharpe.minimum_track_record_days is None
            else f"{number(sharpe.minimum_track_record_days, 0)} days",
            _because(
                verdict,
                "sharpe.minimum_track_record_days",
                sharpe.minimum_track_record_days,
                "needed to tell this Sharpe from 0 at 95%",
            ),
        ),
        _overfitting_fact(verdict),
    ]


def _trials_fact(trials: TrialHistory | None) -> Fact:
    if trials is None:
        return Fact("Sets tried so far", DASH, "no trial ledger: how many were tried is not known", bad=True)
    parts = [f"{_count(trials.runs, 'run')} and {_count(trials.sweeps, 'sweep')} on this data"]
    if trials.effective is not None:
        parts.append(f"they act like {number(trials.effective, 1)} independent ones")
    if trials.first_run_at:
        parts.append(f"since {moment(trials.first_run_at)} UTC")
    return Fact("Sets tried so far", number(trials.sets, 0), "; ".join(parts))


def _overfitting_fact(verdict: Verdict) -> Fact:
    over = verdict.overfitting
    note = "how often the best in sample falls below the median out of sample"
    return Fact(
        _OVERFITTING,
        _probability(over.probability if over else None),
        _because(verdict, "overfitting", over, note),
        bad=over is not None and over.probability > 0.5,
    )


def _because(verdict: Verdict, path: str, value: object, note: str) -> str:
    """Return the note, or for a missing value its reason: its own or that of the part it belongs to."""
    if value is not None:
        return note
    return verdict.reasons.get(path) or verdict.reasons.get(path.split(".", maxsplit=1)[0]) or "not computed"


def _track(row: IntervalRow) -> Track:
    words: Callable[[float], str] = number if row.name == "sharpe" else lambda value: percent(value, 1)
    ends = sorted((row.low, row.high, row.value, 0.0))
    spread = (ends[-1] - ends[0]) or 1.0
    low, high = ends[0] - 0.06 * spread, ends[-1] + 0.06 * spread

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    return Track(
        label=_FIGURES[row.name],
        text=f"{words(row.low)} to {words(row.high)}",
        value=words(row.value),
        left=place(row.low),
        width=round(place(row.high) - place(row.low), 2),
        at=place(row.value),
        zero=place(0.0),
        low=words(row.low),
        high=words(row.high),
    )


def _overfitting_note(over: OverfittingVerdict) -> str:
    return (
        f"{over.trials:,} trials over {over.blocks} blocks give {over.splits:,} ways to split the days in "
        f"half. In {percent(over.probability, 1)} of them the best set of one half did no better than the "
        f"median of all in the other; in {percent(over.loss_probability, 1)} it lost money there."
    )


def _forward_row(walk: WalkForward) -> list[str]:
    return [
        walk.kind.capitalize(),
        str(len(walk.windows)),
        number(walk.sharpe_in),
        number(walk.sharpe_out),
        number(walk.ratio),
        percent(walk.return_out, signed=True),
        f"{_count(walk.purge_days, 'day')}, {_count(walk.embargo_days, 'day')}",
    ]


def _window_rows(walk: WalkForward) -> list[list[str]]:
    return [
        [
            f"{window.train_start[:10]} to {window.train_end[:10]}",
            f"{window.test_start[:10]} to {window.test_end[:10]}",
            ", ".join(f"{short_name(name)} {value:g}" for name, value in window.params.items()),
            number(window.sharpe_in),
            number(window.sharpe_out),
            percent(window.return_out, signed=True),
        ]
        for window in walk.windows
    ]


def short_name(name: str) -> str:
    """Return an axis' name as a column shows it: strategy.fast reads fast, sizing.value sizing value."""
    return name.removeprefix("strategy.").removeprefix("costs.").replace(".", " ").replace("_", " ")


def _lockbox(verdict: Verdict) -> str:
    box = verdict.lockbox
    if box is None:
        return f"Not known: {verdict.reasons.get('lockbox', 'no history was kept back')}."
    if not box.holdout:
        return "No part of the history was kept back for the end (window.holdout)."
    kept = f"The last {percent(box.holdout, 0)} of the window, from {moment(box.start)} UTC,"
    opened = (
        f"opened {_count(box.unlocks, 'time')} on this data so far" if box.unlocks else "never opened so far"
    )
    if box.unlocked:
        return f"{kept} was opened for this run; {opened}. What is seen more than once is no test any more."
    return f"{kept} was kept shut: nothing here has seen it; {opened}."


def _probability(value: float | None) -> str:
    """Return a probability as percent that never reads as certain when it is not."""
    if value is None:
        return DASH
    if 0.999 < value < 1.0:
        return "over 99.9%"
    if 0.0 < value < 0.001:
        return "under 0.1%"
    return percent(value, 1)


def _p_value(value: float, draws: int) -> str:
    return f"{number(value, 3)} ({draws:,} draws)"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _field_name(path: str) -> str:
    return path.replace(".", " ").replace("_", " ").capitalize()
