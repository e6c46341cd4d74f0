"""Many accounts over one market: a signal, a pass over the bars and its sums, trial after trial.

No rule of the account lives here: a plain account passes by stretches, any other bar by bar. Equity and
fills land in scratch memory that the next trial overwrites, so memory does not grow with trials. Invariant:
a trial does not depend on the one before.
"""

from typing import Any

import numpy as np

from arena.engine.account import AccountRules
from arena.engine.crosses import SIDE_BY_SIDE, compare_series, cross_runs
from arena.engine.jit import inlined, kernel
from arena.engine.kernel import run_bars
from arena.engine.stretches import run_stretches, runs_of
from arena.engine.summary import sum_path, sum_round_trips, write_days

GIVEN = -1
"""In place of a row: the scratch already holds the trial's signal, or nothing gates its entries."""

UNCLEAR = 2.0


@kernel
def run_trials(
    market: Any,
    step_ms: int,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    terms: Any,
    batch: Any,
    states: Any,
    scratch: Any,
    money: Any,
    day_ends: Any,
    summaries: Any,
    daily: Any,
    guide: Any,
    start: int,
    stop_before: int,
    conduct: Any,
) -> int:
    """Run trials from `start` until `stop_before` or until one needs more room for fills.

    Args:
        market: as `run_bars` has it, n bars; the next four, too.
        step_ms: length of a bar.
        funding: settlements.
        tier_lots: tiers.
        tier_mmr: their rates.
        rules: `AccountRules` of all trials, except for what `terms` changes.
        terms: (fee, cost, margin_rate, order_rate, max_position_lots, size_value), each (trials,).
        batch: (series, gates, ranges, first_bar of the run in them, then a row a trial: upper, lower,
            ready, gate, gate_least, up, down, range, stop_multiple, take_multiple); `upper` is GIVEN
            where the scratch holds the signal.
        states: (trials,) of STATE_DTYPE, fresh; updated in place.
        scratch: `trial_scratch`.
        money: (initial capital, equity that counts as ruin, coins a contract).
        day_ends: position of each UTC day's last bar among the traded ones.
        summaries: (trials,) of SUMMARY_DTYPE, written.
        daily: (trials, days) float32, written: return of each day.
        guide: `market_guide` for plain accounts, else None.
        start: first trial to run.
        stop_before: trial that is not run any more.
        conduct: (`run_bars`'s, None for plain accounts; bar whose decision is acted upon at each close,
            (n,), None where decisions are not late; the terms of orders that rest, None where none do).

    Returns:
        The next trial to run; `stop_before` when done.
    """
    target, stop, take, path, _, fills = scratch[:6]
    columns, source, limits = conduct
    bars = len(market[4])
    first = rules.first_bar
    made_range, made_stop, made_take = GIVEN, np.nan, np.nan
    runs = 0
    for trial in range(start, stop_before):
        runs = _make_sides(runs, target, batch, start, trial, stop_before, scratch, columns)
        if batch[4][trial] != GIVEN:
            row, far, near = batch[11][trial], batch[13][trial], batch[12][trial]
            if row != made_range or near != made_stop:
                _make_distance(stop, batch[2][row], batch[3], near)
            if row != made_range or far != made_take:
                _make_distance(take, batch[2][row], batch[3], far)
            made_range, made_stop, made_take = row, near, far
        own = AccountRules(
            rules.coins_per_lot,
            rules.lot_sz,
            rules.ticks_per_unit,
            rules.tick_num,
            rules.tick_den,
            rules.min_lots,
            rules.max_order_lots,
            terms[4][trial],
            terms[2][trial],
            terms[3][trial],
            terms[0][trial],  # no trial has a spot leg: what is spent at once is the fee
            terms[0][trial],
            terms[1][trial],
            rules.isolated,
            rules.size_mode,
            terms[5][trial],
            first,
        )
        path[0] = money[0]
        state = states[trial : trial + 1]
        done = _pass_bars(
            market,
            step_ms,
            runs,
            funding,
            tier_lots,
            tier_mmr,
            own,
            state,
            scratch,
            guide,
            columns,
            source,
        )
        if done < bars:
            return trial
        path[first] = money[0]  # the traded part begins with the capital
        summary = summaries[trial]
        summary.final_equity = path[bars]
        sum_path(path, first, bars, money[1], summary, scratch)
        write_days(path, first, day_ends, daily, trial)
        sum_round_trips(fills, states[trial], own, money[2], bars, limits, summary, scratch)
    return stop_before


@inlined
def _pass_bars(
    market: Any,
    step_ms: int,
    runs: int,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state: Any,
    scratch: Any,
    guide: Any,
    columns: Any,
    source: Any,
) -> int:
    """Run the account whose signal is in the scratch; return the bar that there was no room for, else n."""
    if columns is None:
        return int(_pass_stretches(runs, funding, tier_lots, tier_mmr, rules, state, scratch, guide))
    target, stop, take, path, _, fills = scratch[:6]
    signal = _arriving(target, stop, take, scratch[13], source)
    return int(
        run_bars(
            market,
            step_ms,
            signal,
            funding,
            tier_lots,
            tier_mmr,
            rules,
            state,
            fills,
            path[1 : len(market[4]) + 1],
            0,
            columns,
        )
    )


@inlined
def _pass_stretches(
    runs: int,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state: Any,
    scratch: Any,
    guide: Any,
) -> int:
    if guide is None:
        return 0  # bars are passed one by one: what follows is not compiled at all
    target, stop, take, path, _, fills = scratch[:6]
    starts, targets = scratch[11:13]
    starts[runs] = len(target)
    return int(
        run_stretches(
            (starts, targets, runs),
            (stop, take),
            funding,
            tier_lots,
            tier_mmr,
            rules,
            state,
            fills,
            path[1:],
            guide,
        )
    )


@inlined
def _arriving(target: Any, stop: Any, take: Any, late: Any, source: Any) -> Any:
    """Return target, stop and take-profit distance as known at each close; see `simulate`."""
    if source is None:
        return target, stop, take
    for bar in range(len(target)):
        i, row = np.uintp(bar), source[bar]
        known = row >= 0
        late[0, i] = target[np.uintp(row)] if known else 0.0
        late[1, i] = stop[np.uintp(row)] if known else np.nan
        late[2, i] = take[np.uintp(row)] if known else np.nan
    return late[0], late[1], late[2]


@inlined
def _make_sides(
    runs: int, target: Any, batch: Any, start: int, trial: int, stop_before: int, scratch: Any, columns: Any
) -> int:
    """Write the trial's target; where the pass is by stretches, its runs, and return how many there are.

    `runs` is what came out for the trial before: a signal that is given is the same for both.
    """
    is_given = batch[4][trial] == GIVEN
    if columns is None:
        if not is_given:
            return int(_make_runs(target, batch, start, trial, stop_before, scratch))
        return int(runs_of(target, scratch[11], scratch[12])) if runs == 0 else int(runs)
    if not is_given:
        _make_target(target, batch, trial)
    return 0


@inlined
def _make_runs(target: Any, batch: Any, start: int, trial: int, stop_before: int, scratch: Any) -> int:
    """Write the runs of the trial's target and return how many there are."""
    starts, targets, memory = scratch[11], scratch[12], scratch[14]
    number = (trial - start) % SIDE_BY_SIDE
    bars, offset, ready = len(target), batch[3], batch[6]
    if number == 0:
        stop = min(trial + SIDE_BY_SIDE, stop_before)
        compare_series(batch[0], batch[4], batch[5], ready, offset, bars, trial, stop, memory)
    words, unclear = memory
    if batch[7][trial] == GIVEN and not unclear[number]:
        begin, up, down = max(ready[trial] - offset, 0), batch[9][trial], batch[10][trial]
        return int(cross_runs(words[number], begin, bars, up, down, starts, targets))
    _make_target(target, batch, trial)
    return int(runs_of(target, starts, targets))


@inlined
def _make_target(target: Any, batch: Any, trial: int) -> None:
    """Write the side of `upper` against `lower`: +1 above, -1 below, and what was held where they are equal.

    `up` and `down` are the sides that may be held, 0 for one that is barred; no entry before bar
    `ready` of the series and, with a gate, none on a bar whose gate value is below `gate_least`.
    """
    offset, ready = batch[3], batch[6][trial]
    upper, lower = batch[0][batch[4][trial]], batch[0][batch[5][trial]]
    up, down = batch[9][trial], batch[10][trial]
    if batch[7][trial] != GIVEN:
        _gated_target(
            target, upper, lower, batch[1][batch[7][trial]], batch[8][trial], ready, up, down, offset
        )
    else:
        _plain_target(target, upper, lower, ready, up, down, offset)
    for i in range(min(max(ready - offset, 0), len(target))):
        target[i] = 0.0


@inlined
def _gated_target(
    target: Any,
    upper: Any,
    lower: Any,
    gate: Any,
    least: float,
    ready: int,
    up: float,
    down: float,
    offset: int,
) -> None:
    side = 0.0
    for bar in range(ready, offset + len(target)):
        i = np.uintp(bar)
        enter = gate[i] >= least
        if upper[i] > lower[i]:
            side = up if enter and up != 0.0 else max(side, 0.0)
        elif upper[i] < lower[i]:
            side = down if enter and down != 0.0 else min(side, 0.0)
        if bar >= offset:
            target[np.uintp(bar - offset)] = side


@inlined
def _plain_target(
    target: Any, upper: Any, lower: Any, ready: int, up: float, down: float, offset: int
) -> None:
    """Without a gate a bar's side follows from that bar alone, except where both are equal."""
    begin = max(ready - offset, 0)
    unclear = False
    for i in range(begin, len(target)):
        a, b = upper[np.uintp(i + offset)], lower[np.uintp(i + offset)]
        target[np.uintp(i)] = up if a > b else down if a < b else UNCLEAR
        unclear |= not (a > b or a < b)
    if not unclear:
        return
    side = 0.0
    for bar in range(offset - 1, ready - 1, -1):  # what was held as the run began
        if upper[bar] > lower[bar] or upper[bar] < lower[bar]:
            side = up if upper[bar] > lower[bar] else down
            break
    for i in range(begin, len(target)):
        if target[i] == UNCLEAR:
            target[i] = side
        side = target[i]


@inlined
def _make_distance(distance: Any, ranges: Any, offset: int, multiple: float) -> None:
    """Write `multiple` x range where that is a positive number, else NaN: none."""
    for i in range(len(distance)):
        value = multiple * ranges[np.uintp(i + offset)]
        distance[np.uintp(i)] = value if 0.0 < value < np.inf else np.nan
