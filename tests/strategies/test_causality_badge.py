"""The badge must be earned: every known way to peek is planted here and has to be caught."""

from collections.abc import Callable

import numpy as np
import pytest

from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.strategies import StrategyParams, StrategySpec, check_causality, compute_signal, make_signal
from arena.strategies.causality import MAX_CUTS, choose_cuts

EIGHT_HOURS_MS = 28_800_000
FOUR_HOURS_MS = 14_400_000


class NoParams(StrategyParams):
    pass


Answer = Callable[[Bars, FundingSeries, NoParams], Signal]


def spec_of(signal: Answer, warmup: int = 0) -> StrategySpec[NoParams]:
    return StrategySpec("planted", "a test's own", NoParams, signal, lambda _: warmup)


def honest_momentum(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    target = np.zeros(len(bars))
    target[24:] = np.sign(bars.close[24:] - bars.close[:-24])
    return make_signal(target)


def honest_four_hour_high(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """Uses the high of the last bucket that is complete at the bar's close."""
    bucket = bars.ts // FOUR_HOURS_MS
    target = np.zeros(len(bars))
    for t in range(len(bars)):
        complete = bars.high[: t + 1][(bucket[: t + 1] + 1) * FOUR_HOURS_MS <= bars.close_ts[t]]
        if len(complete):
            target[t] = float(bars.close[t] > complete[-4:].max())
    return make_signal(target)


def one_bar_lookahead(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    target = np.zeros(len(bars))
    target[:-1] = np.sign(bars.close[1:] - bars.close[:-1])
    return make_signal(target)


def shifted_signal(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    honest = honest_momentum(bars, funding, params).target
    return make_signal(np.concatenate((honest[1:], honest[-1:])))


def centred_window(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    reach = 5
    padded = np.pad(bars.close, reach, mode="edge")
    mean = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).mean(axis=1)[: len(bars)]
    return make_signal(np.where(bars.close > mean, 1.0, -1.0))


def future_funding(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """Uses the rate that will be settled next instead of the one that was settled last."""
    after = np.searchsorted(funding.ts, bars.close_ts, side="right")
    rate = np.concatenate((funding.rate, [0.0]))[after]
    return make_signal(-np.sign(rate))


def open_four_hour_bar(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """Uses the high of the bucket the bar lies in, which is complete only with its last bar."""
    _, inverse = np.unique(bars.ts // FOUR_HOURS_MS, return_inverse=True)
    highs = np.full(inverse.max() + 1 if len(bars) else 0, -np.inf)
    np.maximum.at(highs, inverse, bars.high)
    return make_signal((bars.high >= highs[inverse]).astype(np.float64))


def whole_sample_zscore(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    spread = bars.close.std() or 1.0
    return make_signal(-np.sign((bars.close - bars.close.mean()) / spread))


def knows_the_length(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """Goes flat on the last bar of whatever it is given."""
    target = np.ones(len(bars))
    target[-1:] = 0.0
    return make_signal(target)


def peeking_stop(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """An honest target with a stop just beyond the worst price that is still to come."""
    worst = np.minimum.accumulate(bars.low[::-1])[::-1]
    return make_signal(np.ones(len(bars)), stop_distance=bars.close - worst + 1.0)


def rare_peek(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
    """Honest but on the bars where the side changes, which it sees one bar early."""
    honest = honest_momentum(bars, funding, params).target
    early = np.concatenate((honest[1:], honest[-1:]))
    return make_signal(np.where(np.arange(len(bars)) % 97 == 0, early, honest))


CHEATS = [
    one_bar_lookahead,
    shifted_signal,
    centred_window,
    future_funding,
    open_four_hour_bar,
    whole_sample_zscore,
    knows_the_length,
    peeking_stop,
]


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_cheat_is_caught(cheat: Answer, seed: int, market) -> None:
    bars, funding = market(seed, 700)
    report = check_causality(spec_of(cheat), bars, funding, NoParams())
    assert not report.passed
    assert report.summary().startswith("planted looks ahead: ")
    assert all(violation.bar <= violation.cut for violation in report.violations)


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
def test_planted_cheat_is_caught_on_a_long_series(cheat: Answer, market) -> None:
    bars, funding = market(4, 20_000)
    assert not check_causality(spec_of(cheat), bars, funding, NoParams()).passed


@pytest.mark.real_market
@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
def test_planted_cheat_is_caught_on_real_history(cheat: Answer, real_market) -> None:
    bars, funding = real_market
    assert not check_causality(spec_of(cheat), bars, funding, NoParams()).passed


def test_peek_on_every_97th_bar_is_caught_when_its_bars_are_cut_at(market) -> None:
    bars, funding = market(5, 1_000)
    cuts = range(0, len(bars), 97)
    assert not check_causality(spec_of(rare_peek), bars, funding, NoParams(), cuts=cuts).passed


@pytest.mark.parametrize("honest", [honest_momentum, honest_four_hour_high], ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_honest_strategy_passes(honest: Answer, seed: int, market) -> None:
    bars, funding = market(seed, 250)
    report = check_causality(spec_of(honest), bars, funding, NoParams())
    assert report.passed, report.summary()
    assert report.summary() == f"planted is causal: no difference in {report.comparisons} recomputations"


def test_peek_into_funding_alone_is_seen_with_the_bars_whole(market) -> None:
    bars, funding = market(6, 300)
    report = check_causality(spec_of(future_funding), bars, funding, NoParams(), cuts=[100, 101, 150])
    assert "cut off in funding alone" in {violation.kind for violation in report.violations}


def test_violation_names_the_array_the_bar_and_both_values(market) -> None:
    bars, funding = market(7, 300)
    report = check_causality(spec_of(peeking_stop), bars, funding, NoParams(), cuts=[50])
    assert {violation.array for violation in report.violations} == {"stop_distance"}
    assert str(report.violations[0]).endswith("with everything after bar 50 cut off")


def test_strategy_that_refuses_nan_is_counted_not_condemned(market) -> None:
    def strict(bars: Bars, funding: FundingSeries, params: NoParams) -> Signal:
        if np.isnan(bars.close).any():
            raise ValueError("no price")
        return honest_momentum(bars, funding, params)

    bars, funding = market(8, 300)
    report = check_causality(spec_of(strict), bars, funding, NoParams(), cuts=[50, 60])
    assert (report.passed, report.refused) == (True, 2)


def test_cuts_cover_warm_up_gaps_reversals_and_all_places_in_a_bucket(market) -> None:
    bars, funding = market(9, 5_000, gaps=3)
    signal = compute_signal(spec_of(honest_momentum), bars, funding, NoParams())
    cuts = choose_cuts(bars, signal, 24)
    assert cuts == choose_cuts(bars, signal, 24) == sorted(set(cuts))
    assert len(cuts) <= 2 * MAX_CUTS
    gaps = np.flatnonzero(np.diff(bars.ts) != bars.timeframe.step_ms)
    assert {0, 1, 2, 23, 24, 25, len(bars) - 2, len(bars) - 1, *gaps.tolist(), *(gaps + 1).tolist()} <= set(
        cuts
    )
    changes = set((np.flatnonzero(np.diff(signal.target)) + 1).tolist())
    assert len(changes & set(cuts)) >= 20


@pytest.mark.parametrize("length", [4_000, 4_800, 9_600, 14_400, 20_160, 50_400])
def test_cuts_visit_every_place_in_a_higher_timeframe(length: int, market) -> None:
    bars, _ = market(12, length, gaps=0)
    cuts = choose_cuts(bars, make_signal(np.zeros(length)), 24)
    for bucket in (4, 7, 12, 24):
        assert {cut % bucket for cut in cuts} == set(range(bucket))


@pytest.mark.parametrize("length", [0, 1, 2, 30, 97, 161, 400, 100_000])
def test_cuts_stay_inside_the_series_and_are_few(length: int, market) -> None:
    bars, funding = market(10, length, gaps=1)
    signal = compute_signal(spec_of(honest_momentum), bars, funding, NoParams())
    cuts = choose_cuts(bars, signal, 24)
    assert all(0 <= cut < len(bars) for cut in cuts)
    assert len(cuts) <= min(len(bars), 2 * MAX_CUTS)
    assert len(bars) == 0 or cuts[-1] == len(bars) - 1


def test_empty_series_has_nothing_to_compare(market) -> None:
    bars, funding = market(11, 0)
    report = check_causality(spec_of(honest_momentum), bars, funding, NoParams())
    assert (report.passed, report.comparisons, report.cuts) == (True, 0, ())
