"""The generated market: the same for a seed, consistent bar by bar, and like a market in its numbers."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars
from arena.core.errors import ConfigError
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.exchange.synthetic import SyntheticMarket, SyntheticSpec, generate_bars, generate_market
from arena.exchange.synthetic import market as market_module
from arena.exchange.synthetic.spec import Events

COLUMNS = ("ts", "open", "high", "low", "close", "volume")
NO_EVENTS = Events(outage_day=1e6, crash_day=1e6, hole_day=1e6)
SHORT = SyntheticSpec(
    seed=3,
    days=10,
    events=Events(
        outage_day=2.25, outage_hours=4, crash_day=5.5, hole_day=7.78, hole_minutes=315, crash_minutes=20
    ),
)
SHORT_DIGEST = "b91ea34366f66036c0719ed150cf4a117a8f675af2ade7449a82f2f28478a152"


def _tf(name: str) -> Timeframe:
    return Timeframe.parse(name)


def _digest(market: SyntheticMarket) -> str:
    digest = hashlib.sha256()
    for bars in (market.candles(_tf("1m")), market.mark(_tf("1m")), market.index(_tf("1m"))):
        for name in COLUMNS:
            digest.update(getattr(bars, name).tobytes())
    digest.update(market.funding.ts.tobytes() + market.funding.rate.tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def long_market(instrument) -> SyntheticMarket:
    return generate_market(instrument)


@pytest.fixture
def short_market(instrument) -> SyntheticMarket:
    return generate_market(instrument, SHORT)


def test_seed_gives_the_same_market_bit_for_bit(instrument, short_market):
    assert _digest(generate_market(instrument, SHORT)) == _digest(short_market)
    assert _digest(short_market) == SHORT_DIGEST
    assert _digest(generate_market(instrument, replace(SHORT, seed=4))) != SHORT_DIGEST


@given(days=st.integers(1, 9))
@settings(max_examples=5, deadline=None)
def test_longer_market_begins_with_the_shorter_one(instrument, days):
    whole, part = generate_market(instrument, SHORT), generate_market(instrument, replace(SHORT, days=days))
    for series in ("candles", "mark", "index"):
        short, long = getattr(part, series)(_tf("1m")), getattr(whole, series)(_tf("1m"))
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[: len(short)])
    np.testing.assert_array_equal(part.funding.rate, whole.funding.rate[: len(part.funding)])


def test_size_of_the_work_chunk_changes_nothing(instrument, short_market, monkeypatch):
    monkeypatch.setattr(market_module, "_BLOCK", 777)
    assert _digest(generate_market(instrument, SHORT)) == _digest(short_market)


def _assert_consistent(bars: Bars) -> None:
    assert np.all(bars.low > 0)
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.volume >= 0)
    assert np.all(np.diff(bars.ts) > 0)
    assert np.all(bars.ts % bars.timeframe.step_ms == 0)
    for name in ("open", "high", "low", "close"):
        prices = getattr(bars, name)
        np.testing.assert_array_equal(prices, np.round(prices, 1), err_msg=f"{name} off the tick of 0.1")
    assert bars.is_synthetic


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "4h", "1d"])
@pytest.mark.parametrize("series", ["candles", "mark", "index"])
def test_bars_are_consistent_and_on_the_grid(series, timeframe, long_market):
    bars = getattr(long_market, series)(_tf(timeframe))
    _assert_consistent(bars)
    step = bars.timeframe.step_ms
    first, end = long_market.spec.start_ms, long_market.spec.end_ms
    assert (bars.ts[0], bars.ts[-1]) == (first, end - step)
    whole = (end - first) // step
    assert len(bars) == whole if series != "candles" else 0 < whole - len(bars) <= 315


def test_hole_is_missing_from_candles_alone_and_never_bridged(short_market):
    minutes = short_market.candles(_tf("1m")).ts
    gap = np.flatnonzero(np.diff(minutes) > 60_000)
    assert (np.diff(minutes)[gap] // 60_000 - 1).tolist() == [315]
    hours = short_market.candles(_tf("1h"))
    begin, end = minutes[gap[0]] + 60_000, minutes[gap[0] + 1]
    touching = (hours.ts + 3_600_000 > begin) & (hours.ts < end)
    assert not touching.any()
    assert len(short_market.mark(_tf("1m"))) == short_market.spec.minutes


def test_outage_is_flat_without_volume_at_the_last_price(short_market):
    bars = short_market.candles(_tf("1m"))
    flat = np.flatnonzero(bars.volume == 0)
    begin = round(2.25 * 1440)
    assert flat.tolist() == list(range(begin, begin + 240))
    last = bars.close[begin - 1]
    for name in ("open", "high", "low", "close"):
        assert set(getattr(bars, name)[flat]) == {last}
    index = short_market.index(_tf("1m"))
    assert len(set(index.close[flat])) > 100, "the world went on while the venue stood still"


def test_crash_falls_in_minutes_and_recovers_in_part(short_market):
    close = short_market.candles(_tf("1m")).close
    begin = round(5.5 * 1440)
    fall = close[begin : begin + 40].min() / close[begin - 1] - 1
    after = close[begin + 360] / close[begin - 1] - 1
    assert -0.25 < fall < -0.10
    assert fall + 0.02 < after < -0.01


def test_funding_is_settled_at_its_hours_inside_the_clamp(long_market):
    funding = long_market.funding
    assert set(funding.source) == {"synthetic"}
    assert set((funding.ts % MS_PER_DAY // 3_600_000).tolist()) == {0, 8, 16}
    assert np.all(np.diff(funding.ts) == 8 * 3_600_000)
    assert long_market.spec.start_ms < funding.ts[0]
    assert funding.ts[-1] < long_market.spec.end_ms
    rule = long_market.spec.funding
    assert np.all(np.abs(funding.rate) <= rule.cap)
    assert 2e-5 < funding.rate.mean() < 2e-4
    assert 0.05 < np.mean(funding.rate != rule.interest) < 0.5
    assert 0.01 < np.mean(funding.rate < 0) < 0.3


def test_returns_have_fat_tails_and_clustered_volatility(long_market):
    returns = np.diff(np.log(long_market.candles(_tf("1h")).close))
    kurtosis = np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2
    size = np.abs(returns)
    assert kurtosis > 5
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.1
    assert np.corrcoef(size[:-24], size[24:])[0, 1] > 0.05
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.1
    assert 0.3 < returns.std() * np.sqrt(8760) < 0.9


def test_volume_goes_with_volatility_and_the_hour(long_market):
    bars = long_market.candles(_tf("1h"))
    traded = bars.volume > 0
    swing = np.log(bars.high / bars.low)[traded]
    assert np.corrcoef(np.log(swing + 1e-6), np.log(bars.volume[traded]))[0, 1] > 0.5
    hour = bars.ts % MS_PER_DAY // 3_600_000
    assert bars.volume[hour == 14].mean() > 1.3 * bars.volume[hour == 3].mean()


def test_premium_is_small_and_centred(long_market):
    hour = _tf("1h")
    mark, index = long_market.mark(hour), long_market.index(hour)
    premium = mark.close / index.close - 1
    assert abs(premium.mean()) < 1e-4
    assert 1e-4 < premium.std() < 1e-3
    assert np.abs(premium).max() < 5e-3


def test_price_stays_in_a_plausible_range(long_market):
    days = long_market.candles(_tf("1d"))
    assert days.low.min() > 10_000
    assert days.high.max() < 250_000


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 1), ("15m", 500), ("1h", 48), ("1d", 3)])
def test_series_of_a_chosen_length(timeframe, count, instrument):
    bars = generate_bars(instrument, _tf(timeframe), count, seed=5)
    assert (len(bars), bars.timeframe.name) == (count, timeframe)
    _assert_consistent(bars)
    longer = generate_bars(instrument, _tf(timeframe), count + 1, seed=5)
    np.testing.assert_array_equal(bars.close, longer.close[:count])


def test_other_grids_are_kept(instrument):
    coarse = replace(instrument, tick_sz=2.5, ct_val=1.0, lot_sz=1.0)
    market = generate_market(coarse, replace(SHORT, days=2, events=NO_EVENTS))
    bars = market.candles(_tf("1m"))
    assert np.all(bars.close % 2.5 == 0)
    assert np.all(bars.volume % 1 == 0)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"seed": -1}, {"start_ms": 1}])
def test_impossible_specs_are_refused(wrong):
    with pytest.raises(ConfigError):
        SyntheticSpec(**wrong)


def test_series_of_no_bars_is_refused(instrument):
    with pytest.raises(ConfigError, match="count=0"):
        generate_bars(instrument, _tf("1h"), 0)
