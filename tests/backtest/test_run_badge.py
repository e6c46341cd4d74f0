"""The badge that every run carries: cheats are caught on a few prefixes, slow strategies not waited for."""

from collections.abc import Callable

import numpy as np
import pytest

from arena.backtest.causality import award_badge, badge_sentence
from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.strategies import (
    StrategyParams,
    StrategySpec,
    compute_signal,
    get_strategy,
    make_signal,
    parse_params,
    strategy_names,
)
from arena.strategies.causality import BRIEF_CUTS, BRIEF_REACH, choose_brief_cuts

HOUR_MS = 3_600_000
START = 1_735_689_600_000
Answer = Callable[[Bars, FundingSeries, StrategyParams], Signal]


def market(seed: int, length: int) -> tuple[Bars, FundingSeries]:
    rng = np.random.default_rng(seed)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 0.004, length)))
    opened = np.r_[30_000.0, close[:-1]][:length]
    reach = np.abs(rng.normal(0, 0.002, length)) * close
    bars = Bars(
        "BTC-USDT-SWAP",
        Timeframe.parse("1h"),
        START + np.arange(length) * HOUR_MS,
        opened,
        np.maximum(opened, close) + reach,
        np.minimum(opened, close) - reach,
        close,
        rng.random(length),
    )
    ts = START + np.arange(length // 8 + 2) * 8 * HOUR_MS
    rates = np.cumsum(rng.normal(0, 1e-4, len(ts)))
    return bars, FundingSeries("BTC-USDT-SWAP", ts, rates, ("okx",) * len(ts))


def badge_of(answer: Answer, bars: Bars, funding: FundingSeries, **settings):
    spec = StrategySpec("planted", "a test's own", StrategyParams, answer, lambda _: 0)
    full = compute_signal(spec, bars, funding, StrategyParams())
    return award_badge(spec, bars, funding, StrategyParams(), full, **settings)


def momentum(bars, funding, params):
    target = np.zeros(len(bars))
    target[24:] = np.sign(bars.close[24:] - bars.close[:-24])
    return make_signal(target)


def next_bar(bars, funding, params):
    target = np.zeros(len(bars))
    target[:-1] = np.sign(bars.close[1:] - bars.close[:-1])
    return make_signal(target)


def shifted(bars, funding, params):
    honest = momentum(bars, funding, params).target
    return make_signal(np.concatenate((honest[1:], honest[-1:])))


def centred_window(bars, funding, params):
    padded = np.pad(bars.close, 5, mode="edge")
    mean = np.lib.stride_tricks.sliding_window_view(padded, 11).mean(axis=1)[: len(bars)]
    return make_signal(np.where(bars.close > mean, 1.0, -1.0))


def future_funding(bars, funding, params):
    after = np.searchsorted(funding.ts, bars.close_ts, side="right")
    return make_signal(-np.sign(np.concatenate((funding.rate, [0.0]))[after]))


def open_four_hour_bar(bars, funding, params):
    _, bucket = np.unique(bars.ts // (4 * HOUR_MS), return_inverse=True)
    highs = np.full(bucket.max() + 1, -np.inf)
    np.maximum.at(highs, bucket, bars.high)
    return make_signal((bars.high >= highs[bucket]).astype(np.float64))


def whole_sample(bars, funding, params):
    return make_signal(-np.sign(bars.close - bars.close.mean()))


def knows_the_length(bars, funding, params):
    target = np.ones(len(bars))
    target[-1:] = 0.0
    return make_signal(target)


def peeking_stop(bars, funding, params):
    worst = np.minimum.accumulate(bars.low[::-1])[::-1]
    return make_signal(np.ones(len(bars)), stop_distance=bars.close - worst + 1.0)


CHEATS = [
    next_bar,
    shifted,
    centred_window,
    future_funding,
    open_four_hour_bar,
    whole_sample,
    knows_the_length,
    peeking_stop,
]


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("length", [800, 4_000])
def test_a_planted_cheat_fails_the_badge(cheat, seed, length):
    badge = badge_of(cheat, *market(seed, length))
    assert badge.passed is False
    assert badge.difference is not None
    assert badge.difference.bar <= badge.difference.cut
    assert badge.difference.field == ("stop_distance" if cheat is peeking_stop else "target")
    assert badge_sentence(badge).startswith("THE STRATEGY LOOKS AHEAD")


@pytest.mark.parametrize("name", strategy_names())
def test_a_shipped_strategy_passes_at_the_same_bars_each_time(name):
    spec = get_strategy(name)
    bars, funding = market(1, 5_000)
    params = parse_params(spec, {})
    full = compute_signal(spec, bars, funding, params)
    badge = award_badge(spec, bars, funding, params, full)
    assert badge == award_badge(spec, bars, funding, params, full)
    assert (badge.passed, badge.refused, badge.reason) == (True, 0, None)
    assert 2 <= badge.prefixes <= BRIEF_CUTS
    assert badge.recomputations == 2 * badge.prefixes
    assert "gave the same bits on" in badge_sentence(badge)


def test_the_badge_names_bar_time_and_both_values():
    bars, funding = market(2, 800)
    badge = badge_of(next_bar, bars, funding)
    found = badge.difference
    assert found.open == np.datetime_as_string(np.datetime64(int(bars.ts[found.bar]), "ms"), unit="s") + "Z"
    assert found.with_future == np.sign(bars.close[found.bar + 1] - bars.close[found.bar])
    assert f"is {found.with_future!r} with what came after bar" in badge_sentence(badge)


def test_a_slow_strategy_is_checked_on_its_shortest_prefixes_alone():
    times = iter(np.arange(0.0, 10.0, 0.1))
    badge = badge_of(momentum, *market(3, 4_000), stopwatch=lambda: float(next(times)))
    assert badge.passed is True
    assert badge.recomputations == 3
    assert badge.reason == "the strategy is slow: only its shortest prefixes were recomputed"
    assert badge.reason in badge_sentence(badge)


def test_a_strategy_that_cannot_answer_on_less_is_not_condemned():
    def demanding(bars, funding, params):
        if len(bars) < 3_000 or bars.close[-1] > 1e7 or bars.close[-1] < 1e3:
            raise ValueError("too little")
        return momentum(bars, funding, params)

    badge = badge_of(demanding, *market(3, 3_000))
    assert (badge.passed, badge.recomputations, badge.difference) == (None, 0, None)
    assert badge.refused > 4
    assert badge_sentence(badge).startswith(
        "Look-ahead could not be checked: the strategy gave no valid answer"
    )


def test_an_answer_that_was_made_beforehand_earns_no_badge():
    bars, funding = market(4, 900)
    known = momentum(bars, funding, None)
    badge = badge_of(lambda _bars, _funding, _params: known, bars, funding)
    assert (badge.passed, badge.refused > 0) == (None, True)


@pytest.mark.parametrize("length", [0, 1])
def test_a_series_that_cannot_be_cut_is_said_to_be_so(length):
    bars, funding = market(1, 2)
    badge = badge_of(knows_the_length, bars.slice(0, length), funding)
    assert (badge.passed, badge.reason) == (None, "the series is too short to cut")


@pytest.mark.parametrize("length", [2, 3, 50, 1_000, 400_000])
def test_cuts_are_few_inside_the_series_and_bounded_in_cost(length):
    changing = make_signal(np.where(np.arange(length) // 7 % 2, 1.0, -1.0))
    for signal in (changing, make_signal(np.zeros(length))):
        cuts = choose_brief_cuts(signal)
        assert 1 <= len(cuts) <= BRIEF_CUTS
        assert cuts == sorted(set(cuts))
        assert cuts[0] >= 0
        assert cuts[-1] < min(length, BRIEF_REACH) - 1
        assert sum(cuts) <= 2.5 * min(length, BRIEF_REACH)
