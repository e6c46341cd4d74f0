"""What funding_rate_arbitrage says about rates written down by hand."""

import numpy as np
import pytest

from arena import indicators as ta
from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.strategies import compute_signal, get_strategy

SPEC = get_strategy("funding_rate_arbitrage")
HOUR = 3_600_000
PER_YEAR = 3 * 365  # settlements every eight hours


def bars_of(count: int) -> Bars:
    """Bars of eight hours' closes: one a settlement, on hourly bars."""
    rng = np.random.default_rng(1)
    close = 30_000.0 + np.cumsum(rng.normal(0.0, 20.0, count))
    ts = np.arange(count, dtype=np.int64) * HOUR
    return Bars(
        "BTC-USDT-SWAP", Timeframe.parse("1h"), ts, close, close + 30.0, close - 30.0, close, np.ones(count)
    )


def funding_of(*apr: float) -> FundingSeries:
    """Settlements at hours 0, 8, 16, ... that annualise to `apr`."""
    ts = np.arange(len(apr), dtype=np.int64) * 8 * HOUR
    return FundingSeries("BTC-USDT-SWAP", ts, np.array(apr, np.float64) / PER_YEAR, ("okx",) * len(apr))


def says(funding: FundingSeries, hours: int | None = None, **values) -> Signal:
    count = 8 * len(funding) if hours is None else hours
    return compute_signal(SPEC, bars_of(count), funding, SPEC.params(**values))


def held_after(signal: Signal) -> list[float]:
    """Target on the last bar before each settlement but the first."""
    return signal.target[14::8].tolist()


def words(signal: Signal) -> list[str]:
    return [signal.reasons[code] for code in signal.reason]


@pytest.mark.parametrize(
    ("apr", "expected"),
    [
        pytest.param([0, 0.25, 0.15, 0.05, 0.15], [-1, -1, 0, 0], id="short-with-hysteresis"),
        pytest.param([0, -0.25, -0.15, -0.05, -0.15], [1, 1, 0, 0], id="long-with-hysteresis"),
        pytest.param([0, 0.25, -0.25, 0.25], [-1, 1, -1], id="sign-turns"),
        pytest.param([0, 0.25, -0.15], [-1, 0], id="sign-turns-without-enough"),
        pytest.param([0, 0.19, -0.19], [0, 0], id="never-enough"),
        pytest.param([0, 0.25, np.nan, 0.25], [-1, 0, -1], id="unknown-in-between"),
    ],
)
def test_paid_side_is_held_between_the_thresholds(apr: list[float], expected: list[float]) -> None:
    assert held_after(says(funding_of(*apr))) == expected


def test_exit_at_zero_leaves_when_nobody_is_paid() -> None:
    assert held_after(says(funding_of(0, 0.3, 0.01, 0.0), exit_apr=0.0)) == [-1.0, -1.0, 0.0]
    assert held_after(says(funding_of(0, -0.3, -0.01, 0.0), exit_apr=0.0)) == [1.0, 1.0, 0.0]


def test_exactly_the_entry_enters_and_exactly_the_exit_stays() -> None:
    rate = np.array([0.0, 0.5, 0.25, 0.125]) / 1024
    funding = FundingSeries("BTC-USDT-SWAP", np.arange(4, dtype=np.int64) * 8 * HOUR, rate, ("okx",) * 4)
    entry, stay = (0.5 / 1024) * PER_YEAR, (0.25 / 1024) * PER_YEAR
    assert held_after(says(funding, entry_apr=entry, exit_apr=stay)) == [-1.0, -1.0, 0.0]


def test_rate_counts_from_the_bar_that_closes_on_its_settlement() -> None:
    signal = says(funding_of(0.0, 0.3, 0.3))
    assert np.flatnonzero(signal.target)[0] == 7  # closes at hour 8


def test_first_settlement_alone_is_unknown_because_it_has_no_interval() -> None:
    signal = says(funding_of(0.9), hours=20)
    assert not signal.target.any()
    assert set(words(signal)) == {"funding_unknown"}


def test_settlement_older_than_allowed_is_unknown_and_the_position_is_left() -> None:
    signal = says(funding_of(0.0, 0.3), hours=60, max_age_hours=24.0)
    held = np.flatnonzero(signal.target)
    assert (held[0], held[-1]) == (7, 31)  # from the close at hour 8 to the close 24 hours later
    assert words(signal)[32] == "funding_unknown"


@pytest.mark.parametrize(("side", "expected"), [("long", [0.0, 1.0]), ("short", [-1.0, 0.0])])
def test_other_side_is_flat_and_says_why(side: str, expected: list[float]) -> None:
    signal = says(funding_of(0, 0.3, -0.3), side=side)
    assert held_after(signal) == expected
    assert "side_barred" in words(signal)


def test_words_tell_who_is_paid() -> None:
    seen = words(says(funding_of(0, 0.3, -0.3, 0.0)))
    assert [seen[hour] for hour in (6, 14, 22, 30)] == [
        "funding_unknown",
        "shorts_are_paid",
        "longs_are_paid",
        "apr_too_small",
    ]


@pytest.mark.parametrize(("apr", "confidence"), [(0.2, 0.5), (0.3, 0.75), (0.4, 1.0), (4.0, 1.0)])
def test_confidence_is_one_half_at_the_entry_and_one_at_twice_it(apr: float, confidence: float) -> None:
    signal = says(funding_of(0, apr * (1 + 1e-12)))
    np.testing.assert_allclose(signal.confidence[-1], confidence, rtol=1e-9)


def test_stop_needs_the_atr_and_delays_the_first_entry() -> None:
    free = says(funding_of(0, 0.3, 0.3, 0.3))
    guarded = says(funding_of(0, 0.3, 0.3, 0.3), atr_stop=2.0, atr_period=20)
    assert np.isnan(free.stop_distance).all()
    bars = bars_of(32)
    np.testing.assert_array_equal(guarded.stop_distance, 2.0 * ta.atr(bars.high, bars.low, bars.close, 20))
    assert (np.flatnonzero(free.target)[0], np.flatnonzero(guarded.target)[0]) == (7, 20)


@pytest.mark.parametrize(("values", "bars"), [({}, 0), ({"atr_stop": 1.0}, 14), ({"atr_period": 99}, 0)])
def test_warm_up_is_the_stops_alone(values, bars: int) -> None:
    assert SPEC.warmup(SPEC.params(**values)) == bars


def test_shorter_interval_annualises_to_more() -> None:
    rate = np.full(10, 0.1 / PER_YEAR)
    every_hour = FundingSeries("BTC-USDT-SWAP", np.arange(10, dtype=np.int64) * HOUR, rate, ("okx",) * 10)
    assert says(every_hour, hours=10).target[-1] == -1.0
    assert says(funding_of(*[0.1] * 10)).target[-1] == 0.0
