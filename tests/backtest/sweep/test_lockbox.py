"""What the window keeps back is not read, in runs and in sweeps, unless it is unlocked."""

import dataclasses

import numpy as np
import pytest

from arena.backtest.market import Window, load_market
from arena.backtest.run import run_window
from arena.backtest.sweep import run_sweep
from arena.core.clock import parse_time
from arena.core.errors import ConfigError, DataError
from arena.data.service import DataService

BARS = 60 * 24


def _market(config, window: Window | None = None):
    service = DataService(config.store.root)
    wanted = run_window(config) if window is None else window
    return load_market(
        service,
        config.symbol.instrument(),
        config.timeframe.timeframe(),
        wanted,
        warmup_bars=20,
        funding_rate_estimate=0.0001,
    )


def test_nothing_of_what_is_kept_back_is_in_the_market(make_config):
    market = _market(make_config(window={"holdout": 0.25}))
    whole = _market(make_config())
    kept = len(whole.bars) // 4
    assert len(market.bars) == len(whole.bars) - kept
    assert market.held is not None
    assert (market.held.start_ms, market.held.opened) == (int(whole.bars.ts[-kept]), False)
    assert market.held.end_ms == int(whole.bars.close_ts[-1])
    assert int(market.history.ts[-1]) < market.held.start_ms
    assert int(market.funding.ts[-1]) < market.held.start_ms
    assert market.plan.settlements.bar.max() < len(market.bars)
    assert len(market.mark.open) == len(market.bars)


def test_market_before_the_lockbox_is_that_of_a_window_that_ends_there(make_config):
    market = _market(make_config(window={"holdout": 0.25}))
    ends_there = _market(make_config(), Window(None, market.held.start_ms, None, 50))
    assert market.dataset_hash == ends_there.dataset_hash


def test_unlocked_window_is_the_whole_one(make_config):
    market = _market(make_config(window={"holdout": 0.25, "unlock": True}))
    assert market.dataset_hash == _market(make_config()).dataset_hash
    assert market.held is not None
    assert market.held.opened


@pytest.mark.parametrize("holdout", [0.0, 0.0004], ids=["none", "less than a bar"])
def test_share_of_no_bar_keeps_nothing_back(make_config, holdout):
    market = _market(make_config(window={"holdout": holdout}, limit=1000))
    assert market.held is None
    assert len(market.bars) == 1000


def test_share_is_of_the_newest_bars_that_the_limit_leaves(make_config):
    market = _market(make_config(window={"holdout": 0.2}, limit=500))
    assert len(market.bars) == 400


def test_too_little_left_before_the_lockbox_is_told(make_config):
    with pytest.raises(DataError, match=r"holds 10 bars of BTC-USDT-SWAP 1h after window\.holdout=0\.9"):
        _market(make_config(window={"holdout": 0.9}, limit=100))


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"unlock": True}, r"window\.unlock=true but window\.holdout=0 keeps nothing back"),
        ({"holdout": 0.95}, r"window\.holdout=0\.95: must be at most 0\.9"),
        ({"holdout": -0.1}, r"window\.holdout=-0\.1: must be at least 0"),
    ],
    ids=["nothing to unlock", "too much", "negative"],
)
def test_mistakes_are_told_with_what_to_do(make_config, window, says):
    with pytest.raises(ConfigError, match=says):
        make_config(window=window)


def test_result_says_what_was_kept_back_and_ends_before_it(make_config, single_run):
    result, arrays = single_run(make_config(window={"holdout": 0.25}))
    assert result.market.held_start == result.market.end
    assert parse_time(result.market.held_end) > parse_time(result.market.end)
    assert len(arrays.bars) == result.market.bars == BARS * 3 // 4


def test_sweep_keeps_the_same_bars_back_as_a_run(make_config, single_run):
    config = make_config(window={"holdout": 0.25})
    swept = run_sweep(config, {"strategy.fast": [5, 8]}, threads=1)
    assert swept.dataset_hash == single_run(config)[0].provenance.dataset_hash
    assert len(swept.day_ts) == len(np.unique(single_run(config)[1].bars.ts[50:] // 86_400_000))


def test_held_range_is_frozen(make_config):
    market = _market(make_config(window={"holdout": 0.25}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        market.held.opened = True
