"""The random processes under a synthetic market: volatility, phases, jumps, premium.

Pure numpy; every process draws from a stream of its own, in the order of time. Invariant: value i
depends on the spec and on i alone, so a longer market begins with the shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import FloatArray
from arena.core.timeframe import MS_PER_DAY
from arena.exchange.synthetic.spec import MINUTES_PER_DAY, SyntheticSpec

_YEAR_MINUTES = 365 * MINUTES_PER_DAY
_BUSY_HOUR = 14.5  # UTC

STREAMS = ("slow", "fast", "phase", "drift", "swing", "jump", "premium", "ripple", "path", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """What drives each minute.

    `sigma` is the standard deviation of the minute's log return, `push` its known part (drift, swing,
    jump, crash), `premium` the perpetual over the index at the minute's close.
    """

    sigma: FloatArray
    push: FloatArray
    premium: FloatArray


def streams(seed: int) -> dict[str, np.random.Generator]:
    """Return one independent generator a process."""
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return {
        name: np.random.Generator(np.random.PCG64(child))
        for name, child in zip(STREAMS, children, strict=True)
    }


def make_latent(spec: SyntheticSpec, draw: dict[str, np.random.Generator]) -> Latent:
    """Return what drives each minute of the market."""
    count = spec.minutes
    jump = _jumps(spec, draw["jump"])
    crash, alarm = _crash(spec)
    sigma = _volatility(spec, draw, jump, alarm)
    phase = _squash(_mean_reverting(draw["phase"], count, spec.regimes.phase_days * MINUTES_PER_DAY, 1.0))
    drift = _mean_reverting(draw["drift"], count, spec.regimes.drift_days * MINUTES_PER_DAY, 1.0)
    # the swing has less room in a trend, the trend less pull in a range
    calm_swing = spec.regimes.swing_std * (1.25 - phase)
    swing = calm_swing * _mean_reverting(draw["swing"], count, spec.regimes.swing_hours * 60, 1.0)
    push = phase * drift * (spec.regimes.drift_annual / _YEAR_MINUTES) - 0.5 * sigma**2
    push += np.diff(swing, prepend=0.0) + jump + crash
    return Latent(sigma, push, _premium(spec, draw, phase * drift))


def _volatility(
    spec: SyntheticSpec, draw: dict[str, np.random.Generator], jump: FloatArray, alarm: FloatArray
) -> FloatArray:
    rule, count = spec.volatility, spec.minutes
    slow = _mean_reverting(draw["slow"], count, rule.slow_days * MINUTES_PER_DAY, rule.slow_std)
    fast = _mean_reverting(draw["fast"], count, rule.fast_hours * 60, rule.fast_std)
    shock = _recursion(rule.jump_shock * np.abs(jump), np.exp(-1 / (rule.fast_hours * 60)))
    logs = slow + fast + shock + alarm + season(spec)
    base = rule.annual / np.sqrt(_YEAR_MINUTES) * np.exp(-(rule.slow_std**2) - rule.fast_std**2)
    # the ceiling keeps a pile-up of shocks from breaking the price scale
    sigma: FloatArray = base * np.exp(np.minimum(logs, 2.6))
    return sigma


def season(spec: SyntheticSpec) -> FloatArray:
    """Return the log of the time-of-day and day-of-week activity, zero on average over a weekday."""
    minute = np.arange(MINUTES_PER_DAY)
    day = spec.volatility.season * np.cos(2 * np.pi * (minute / 60 - _BUSY_HOUR) / 24)
    first = spec.start_ms // MS_PER_DAY
    weekday = (np.arange(first, first + spec.days) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    off = np.where(weekday >= 5, -spec.volatility.weekend, 0.0)
    return (off[:, None] + day[None, :]).ravel()


def _jumps(spec: SyntheticSpec, rng: np.random.Generator) -> FloatArray:
    """Return the jump of each minute; waiting times and sizes are drawn in turn, a year at a time."""
    jump = np.zeros(spec.minutes)
    at = 0.0
    while at < spec.minutes:
        waits = rng.exponential(MINUTES_PER_DAY / spec.jumps.per_day, 256)
        sizes = rng.standard_normal(256) * spec.jumps.std
        places = (at + np.cumsum(waits)).astype(np.int64)
        inside = places < spec.minutes
        np.add.at(jump, places[inside], sizes[inside])
        at = float(at + waits.sum())
    return jump


def _crash(spec: SyntheticSpec) -> tuple[FloatArray, FloatArray]:
    """Return the crash's log return a minute and what it adds to log-volatility."""
    event, count = spec.events, spec.minutes
    push, alarm = np.zeros(count), np.zeros(count)
    begin = round(event.crash_day * MINUTES_PER_DAY)
    fall = np.log1p(-event.crash_depth)
    minutes = np.arange(event.crash_minutes)
    weight = (minutes + 1.0) ** 1.5  # it accelerates until it breaks off
    _add(push, begin, fall * weight / weight.sum())
    rebound = np.exp(-np.arange(round(event.crash_recovery_hours * 60)) / (event.crash_recovery_hours * 15))
    _add(push, begin + event.crash_minutes, -fall * event.crash_recovers * rebound / rebound.sum())
    _add(alarm, begin, 1.9 * np.exp(-np.arange(2 * MINUTES_PER_DAY) / 420))
    return push, alarm


def _add(target: FloatArray, begin: int, values: FloatArray) -> None:
    room = max(0, min(len(values), len(target) - begin))
    target[begin : begin + room] += values[:room]


def _premium(spec: SyntheticSpec, draw: dict[str, np.random.Generator], trend: FloatArray) -> FloatArray:
    rule, count = spec.premium, spec.minutes
    slow = _mean_reverting(draw["premium"], count, rule.slow_days * MINUTES_PER_DAY, rule.slow_std)
    ripple = _mean_reverting(draw["ripple"], count, rule.fast_minutes, rule.fast_std)
    return slow + ripple + rule.of_drift * trend


def _mean_reverting(rng: np.random.Generator, count: int, memory_minutes: float, std: float) -> FloatArray:
    """Return an Ornstein-Uhlenbeck path of this stationary deviation; it starts at its mean."""
    keep = np.exp(-1 / memory_minutes)
    return _recursion(rng.standard_normal(count) * (std * np.sqrt(1 - keep**2)), keep)


def smooth(values: FloatArray, minutes: float) -> FloatArray:
    """Return the exponential average of `values` over about `minutes`."""
    keep = np.exp(-1 / minutes)
    return _recursion(values * (1 - keep), keep)


def _recursion(shocks: FloatArray, keep: float) -> FloatArray:
    """Return x[t] = keep * x[t-1] + shocks[t] from x[-1] = 0.

    By doubling inside blocks whose length only depends on `keep`: a loop over bars would take longer
    than the rest of the market, and a compiled one is slow on its first run.
    """
    block = 1024
    padded = np.zeros(-(-len(shocks) // block) * block)
    padded[: len(shocks)] = shocks
    rows = padded.reshape(-1, block)
    span, factor = 1, keep
    while span < block:
        rows[:, span:] += factor * rows[:, :-span]
        span, factor = 2 * span, factor * factor
    weights = keep ** np.arange(1, block + 1)
    carry = 0.0
    for place in range(len(rows)):
        rows[place] += carry * weights
        carry = rows[place, -1]
    return rows.ravel()[: len(shocks)]


def _squash(values: FloatArray) -> FloatArray:
    """Return values in (0, 1), mostly near the ends: phases, not blends."""
    return 1.0 / (1.0 + np.exp(-2.5 * values))
