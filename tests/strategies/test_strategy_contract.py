"""What every registered strategy must keep: bounds, warm-up, determinism, causality, any length of series."""

import inspect
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.strategies import (
    StrategyParams,
    StrategySpec,
    check_causality,
    compute_signal,
    get_strategy,
    parse_params,
    strategy_names,
)
from arena.strategies.causality import ARRAYS

CONF = Path(__file__).resolve().parents[2] / "conf" / "strategy"
SHORT = {"fast": 3, "slow": 8, "period": 6, "adx_period": 4, "atr_period": 4}
ACTIVE = {
    "adx_min": 15.0,
    "atr_stop": 2.0,
    "atr_take": 3.0,
    "max_width": 0.2,
    "adx_max": 60.0,
    "entry_apr": 0.05,
}
ACTIVE |= {"exit_apr": 0.01}

every_strategy = pytest.mark.parametrize("name", strategy_names())


def params_of(spec: StrategySpec[Any], **values: Any) -> StrategyParams:
    return spec.params(**{key: value for key, value in values.items() if key in spec.params.model_fields})


def some_params(spec: StrategySpec[Any]) -> list[StrategyParams]:
    made = [spec.params(), params_of(spec, **SHORT), params_of(spec, **SHORT, **ACTIVE)]
    return [*made, *(params_of(spec, **SHORT, **ACTIVE, side=side) for side in ("long", "short"))]


def assert_equal(left: Signal, right: Signal) -> None:
    for array in ARRAYS:
        np.testing.assert_array_equal(getattr(left, array), getattr(right, array), err_msg=array)


def first(bars: Bars, funding: FundingSeries, count: int) -> tuple[Bars, FundingSeries]:
    return bars.slice(0, count), funding


def test_the_three_shipped_strategies_are_registered() -> None:
    assert {"bollinger_range", "ema_trend", "funding_rate_arbitrage"} <= set(strategy_names())


def test_every_strategy_has_a_yaml_and_every_yaml_a_strategy() -> None:
    assert sorted(path.stem for path in CONF.glob("*.yaml")) == list(strategy_names())


@every_strategy
def test_yaml_holds_every_parameter_with_its_default(name: str) -> None:
    spec = get_strategy(name)
    values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(values, dict)
    assert list(values) == ["name", *spec.params.model_fields]
    assert {**values} == {"name": name, **spec.params().model_dump()}
    assert parse_params(spec, values) == spec.params()


@every_strategy
def test_every_parameter_has_bounds_and_a_description(name: str) -> None:
    spec = get_strategy(name)
    assert spec.description
    for key, field in spec.params.model_fields.items():
        assert field.description, key
        assert not field.is_required(), key
        if field.annotation in {int, float}:
            assert {type(rule).__name__ for rule in field.metadata} >= {"Ge", "Le"}, key
        else:
            assert field.annotation is bool or get_args(field.annotation), key


@every_strategy
def test_signal_stays_in_bounds_for_all_kinds_of_parameters(name: str, market) -> None:
    spec = get_strategy(name)
    for seed, params in product((1, 2, 3), some_params(spec)):
        bars, funding = market(seed, 500)
        signal = compute_signal(spec, bars, funding, params)
        assert np.isin(signal.target, (-1.0, 0.0, 1.0)).all()
        assert (signal.confidence[signal.target == 0.0] == 0.0).all()
        assert signal.reasons[0] == "none"
        if getattr(params, "side", "both") == "long":
            assert (signal.target >= 0.0).all()
        if getattr(params, "side", "both") == "short":
            assert (signal.target <= 0.0).all()


@every_strategy
def test_strategy_trades_both_sides_somewhere(name: str, market) -> None:
    spec = get_strategy(name)
    params = params_of(spec, **SHORT, **ACTIVE | {"adx_min": 0.0})
    seen = {side for seed in range(5) for side in compute_signal(spec, *market(seed, 800), params).target}
    assert seen == {-1.0, 0.0, 1.0}


@every_strategy
def test_every_bar_that_holds_a_side_has_a_reason(name: str, market) -> None:
    spec = get_strategy(name)
    for params in some_params(spec):
        signal = compute_signal(spec, *market(4, 600), params)
        assert (signal.reason[signal.target != 0.0] > 0).all()
        held = {side: set(signal.reason[signal.target == side].tolist()) for side in (-1.0, 1.0)}
        assert not held[-1.0] & held[1.0]


@every_strategy
def test_target_is_flat_and_nothing_is_nan_before_the_warm_up_ends(name: str, market) -> None:
    spec = get_strategy(name)
    for params in some_params(spec):
        bars, funding = market(5, spec.warmup(params) + 50, drift=0.5)
        signal = compute_signal(spec, bars, funding, params)
        early = slice(0, spec.warmup(params))
        assert (signal.target[early] == 0.0).all()
        assert (signal.confidence[early] == 0.0).all()
        assert (signal.reason[early] == 0).all()
        assert np.isfinite(signal.target).all()
        assert np.isfinite(signal.confidence).all()


@every_strategy
def test_same_input_gives_the_same_signal_and_is_left_untouched(name: str, market) -> None:
    spec = get_strategy(name)
    bars, funding = market(6, 500)
    copies = [column.copy() for column in (bars.ts, bars.high, bars.low, bars.close, funding.rate)]
    params = params_of(spec, **SHORT, **ACTIVE)
    assert_equal(compute_signal(spec, bars, funding, params), compute_signal(spec, bars, funding, params))
    for before, after in zip(copies, (bars.ts, bars.high, bars.low, bars.close, funding.rate), strict=True):
        np.testing.assert_array_equal(before, after)


@every_strategy
def test_read_only_and_strided_bars_give_the_same_signal(name: str, market) -> None:
    spec = get_strategy(name)
    bars, funding = market(7, 400)
    params = params_of(spec, **SHORT, **ACTIVE)
    locked = [column.copy() for column in (bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume)]
    for column in locked:
        column.flags.writeable = False
    table = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume], axis=1)
    expected = compute_signal(spec, bars, funding, params)
    read_only = Bars(bars.inst_id, bars.timeframe, *locked)
    strided = Bars(bars.inst_id, bars.timeframe, bars.ts, *table.T)
    assert_equal(compute_signal(spec, read_only, funding, params), expected)
    assert_equal(compute_signal(spec, strided, funding, params), expected)


@every_strategy
@pytest.mark.parametrize("length", [0, 1, 2, 7], ids=["empty", "one-bar", "two-bars", "below-warm-up"])
def test_short_series_are_answered_bar_by_bar(name: str, length: int, market) -> None:
    spec = get_strategy(name)
    bars, funding = market(8, 300)
    for params in some_params(spec):
        signal = compute_signal(spec, *first(bars, funding, length), params)
        assert len(signal) == length
        if length <= spec.warmup(params):
            assert (signal.target == 0.0).all()


@every_strategy
def test_no_funding_at_all_is_answered(name: str, market) -> None:
    spec = get_strategy(name)
    bars, _ = market(9, 300)
    nothing = FundingSeries(bars.inst_id, np.empty(0, np.int64), np.empty(0), ())
    assert len(compute_signal(spec, bars, nothing, spec.params())) == 300


@every_strategy
def test_nan_in_the_bars_never_reaches_target_or_confidence(name: str, market) -> None:
    spec = get_strategy(name)
    bars, funding = market(10, 400)
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[[0, 100, 101, 250]] = np.nan
    for params in some_params(spec):
        signal = compute_signal(spec, bars, funding, params)
        assert np.isfinite(signal.target).all()
        assert np.isfinite(signal.confidence).all()


@every_strategy
@given(
    seed=st.integers(0, 10_000), length=st.integers(2, 160), gaps=st.integers(0, 4), which=st.integers(0, 4)
)
@settings(max_examples=20, deadline=None)
def test_generated_markets_are_judged_without_looking_ahead(
    name: str, seed: int, length: int, gaps: int, which: int, market
) -> None:
    spec = get_strategy(name)
    bars, funding = market(seed, length, gaps=gaps)
    params = some_params(spec)[which]
    report = check_causality(spec, bars, funding, params, cuts=range(0, len(bars), max(1, length // 25)))
    assert report.passed, report.summary()
    assert report.comparisons > 0
    assert report.refused == 0


@every_strategy
@pytest.mark.parametrize("timeframe", ["15m", "1h", "4h", "1d"])
def test_every_timeframe_is_judged_without_looking_ahead(name: str, timeframe: str, market) -> None:
    spec = get_strategy(name)
    bars, funding = market(11, 700, timeframe=timeframe)
    for params in some_params(spec)[1:3]:
        report = check_causality(spec, bars, funding, params)
        assert report.passed, report.summary()


@every_strategy
@pytest.mark.real_market
def test_real_history_is_judged_without_looking_ahead(name: str, real_market) -> None:
    spec = get_strategy(name)
    bars, funding = real_market
    signal = compute_signal(spec, bars, funding, spec.params())
    report = check_causality(spec, bars, funding, spec.params())
    assert report.passed, report.summary()
    assert set(np.unique(signal.target)) == {-1.0, 0.0, 1.0}
    # The hole of 2022-12-31 lies inside: both its sides must have been cut at.
    hole = int(np.argmax(np.diff(bars.ts)))
    assert {hole, hole + 1} <= set(report.cuts)


@every_strategy
def test_signal_takes_bars_funding_and_params_in_this_order(name: str) -> None:
    names = [key.lstrip("_") for key in inspect.signature(get_strategy(name).signal).parameters]
    assert names == ["bars", "funding", "params"]
