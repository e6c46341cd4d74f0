"""The one way to call a strategy, with what it returned checked.

Backtest, sweep and live cycle come through here. Invariant: a signal that leaves this module has
contiguous writable arrays of the bars' length and no value outside its range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from arena.core.bars import Bars, FundingSeries
from arena.core.errors import ConfigError
from arena.core.signal import Signal
from arena.strategies.base import P, StrategySpec


def compute_signal(spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P) -> Signal:
    """Return the strategy's word on every bar; `bars` start at the first stored bar of the series.

    Raises:
        ConfigError: the strategy returned an array of the wrong length or type or a value out of range;
            names the strategy and the bar.
    """
    answer = spec.signal(bars, funding, params)
    signal = Signal(
        target=_array(spec, bars, answer, "target", np.float64),
        stop_distance=_array(spec, bars, answer, "stop_distance", np.float64),
        take_distance=_array(spec, bars, answer, "take_distance", np.float64),
        confidence=_array(spec, bars, answer, "confidence", np.float64),
        reason=_array(spec, bars, answer, "reason", np.int16),
        reasons=tuple(answer.reasons),
    )
    for name, good, allowed in _rules(signal):
        if not good.all():
            bar = int(np.argmin(good))
            _refuse(spec, bars, bar, name, getattr(signal, name)[bar], allowed)
    early = signal.target[: spec.warmup(params)] != 0.0
    if early.any():
        bar = int(np.argmax(early))
        allowed = f"0 on the {spec.warmup(params)} bars of its warm-up"
        _refuse(spec, bars, bar, "target", signal.target[bar], allowed)
    return signal


def _array(spec: StrategySpec[P], bars: Bars, answer: Signal, name: str, dtype: DTypeLike) -> NDArray[Any]:
    given = np.asarray(getattr(answer, name))
    if given.ndim != 1 or len(given) != len(bars) or given.dtype.kind not in "bif":
        raise ConfigError(
            f"strategy '{spec.name}' returned {name} of shape {given.shape} and type {given.dtype}: "
            f"must be {len(bars)} numbers, one a bar"
        )
    if given.dtype == dtype and given.flags.c_contiguous and given.flags.writeable:
        return given
    return np.array(given, dtype, order="C")


def _rules(signal: Signal) -> list[tuple[str, NDArray[np.bool_], str]]:
    stop, take = signal.stop_distance, signal.take_distance
    return [
        ("target", np.abs(signal.target) <= 1.0, "from -1 to 1"),
        ("stop_distance", np.isnan(stop) | ((stop > 0.0) & (stop < np.inf)), "above 0, or NaN for none"),
        ("take_distance", np.isnan(take) | ((take > 0.0) & (take < np.inf)), "above 0, or NaN for none"),
        ("confidence", (signal.confidence >= 0.0) & (signal.confidence <= 1.0), "from 0 to 1"),
        (
            "reason",
            (signal.reason >= 0) & (signal.reason < max(len(signal.reasons), 1)),
            f"an index into the {len(signal.reasons)} reasons",
        ),
    ]


def _refuse(spec: StrategySpec[P], bars: Bars, bar: int, name: str, value: object, allowed: str) -> None:
    moment = np.datetime64(int(bars.ts[bar]), "ms")
    raise ConfigError(f"strategy '{spec.name}', bar {bar} ({moment}Z): {name} is {value}, must be {allowed}")
