"""Many accounts over one market: trials in groups, each a signal, a pass over the bars and its sums.

No rule of the account lives here: a plain account passes by stretches, any other bar by bar. A group of
plain ones goes through the market piece by piece, one trial after the other, while the piece is in the
processor's cache. Memory is written over by the next group, so it does not grow with trials. Invariant: a
trial depends neither on those beside it nor on where the market is cut.
"""

from typing import Any

import numpy as np

from arena.engine.account import AccountRules
from arena.engine.jit import inlined, kernel
from arena.engine.kernel import run_bars
from arena.engine.lanes import LANES
from arena.engine.path_sums import SUMS, begin_sums, finish_sums, sum_piece, write_days
from arena.engine.sides import GIVEN, make_sides
from arena.engine.stretches import run_stretches
from arena.engine.summary import sum_round_trips

SIZE = SUMS * LANES


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
    memory: Any,
    money: Any,
    day_ends: Any,
    summaries: Any,
    daily: Any,
    places: Any,
    guide: Any,
    start: int,
    stop_before: int,
    conduct: Any,
) -> int:
    """Run trials from `start` until `stop_before` or until one needs other memory.

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
            where `memory` holds the signal.
        states: (trials,) of STATE_DTYPE, fresh; updated in place.
        memory: `TrialMemory`; one that is whole where `conduct` is not plain.
        money: (initial capital, equity that counts as ruin, coins a contract).
        day_ends: position of each UTC day's last bar among the traded ones.
        summaries: (trials,) of SUMMARY_DTYPE, written.
        daily: (rows, days) float32, written: return of each day.
        places: (trials,) row of each trial there.
        guide: `market_guide` for plain accounts, else None.
        start: first trial to run.
        stop_before: trial that is not run any more.
        conduct: (`run_bars`'s, None for plain accounts; bar whose decision is acted upon at each close,
            (n,), None where decisions are not late; the terms of orders that rest, None where none do).

    Returns:
        The next trial to run; `stop_before` when done. From that trial on nothing counts that was written.
        Its `second` is NaN where the memory has to be whole, else there has to be more room for fills.
    """
    columns, source, limits = conduct
    bars, first, capital = len(market[4]), rules.first_bar, money[0]
    leader = start
    while leader < stop_before:
        last = make_sides(batch, leader, min(leader + len(memory.course), stop_before), memory, columns)
        for trial in range(leader, last):
            begin_sums(memory.course[trial - leader], memory.sums, (trial - leader) * SIZE, capital, bars)
        begin = day = 0
        while begin < bars:
            end, days = _piece_end(begin, first, bars, memory.path, columns), day
            while days < len(day_ends) and first + day_ends[days] < end:
                days += 1
            for trial in range(leader, last):
                number = trial - leader
                course = memory.course[number]
                memory.path[0] = course.value
                done = _pass_piece(
                    market,
                    step_ms,
                    funding,
                    tier_lots,
                    tier_mmr,
                    _own_rules(rules, terms, trial),
                    states[trial : trial + 1],
                    batch,
                    trial,
                    number,
                    memory,
                    guide,
                    columns,
                    source,
                    begin,
                    end,
                )
                if done < end:
                    return leader
                course.value = memory.path[end - begin]
                if begin <= first:
                    memory.path[first - begin] = capital  # the traded part begins with it
                sums, at = memory.sums, number * SIZE
                sum_piece(memory.path, begin, end, first, bars, money[1], course, sums, at, memory.edge)
                own_days = daily[places[trial]]
                write_days(memory.path, begin, first, day_ends, day, days, own_days, course, memory.ends)
                if end == bars:
                    finish_sums(
                        memory.path,
                        begin,
                        first,
                        bars,
                        capital,
                        course,
                        sums,
                        at,
                        memory.apart,
                        summaries[trial],
                    )
            begin, day = end, days
        for trial in range(leader, last):
            if np.isnan(summaries[trial].second):
                return trial
            own = _own_rules(rules, terms, trial)
            fills = memory.fills[memory.course[trial - leader].fills_from :]
            sum_round_trips(
                fills, states[trial], own, money[2], bars, limits, summaries[trial], memory.pairwise
            )
        leader = last
    return stop_before


@inlined
def _own_rules(rules: Any, terms: Any, trial: int) -> Any:
    return AccountRules(
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
        rules.first_bar,
    )


@inlined
def _piece_end(begin: int, first: int, bars: int, path: Any, columns: Any) -> int:
    """Return where the piece from `begin` on ends: as long as `path` allows, and cut at `first`."""
    if columns is not None:
        return bars
    end = min(begin + len(path) - 1 - LANES, bars)
    return int(min(end, first) if begin < first else end)


@inlined
def _pass_piece(
    market: Any,
    step_ms: int,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state: Any,
    batch: Any,
    trial: int,
    number: int,
    memory: Any,
    guide: Any,
    columns: Any,
    source: Any,
    begin: int,
    end: int,
) -> int:
    """Run the account over bars [begin, end); return the bar that there was no room for, else `end`."""
    if columns is None:
        return int(
            _pass_stretches(
                funding,
                tier_lots,
                tier_mmr,
                rules,
                state,
                batch,
                trial,
                number,
                memory,
                guide,
                begin,
                end,
            )
        )
    signal = _arriving(memory.target, memory.stop, memory.take, memory.late, source)
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
            memory.fills,
            memory.path[1 : end + 1],
            0,
            columns,
        )
    )


@inlined
def _pass_stretches(
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state: Any,
    batch: Any,
    trial: int,
    number: int,
    memory: Any,
    guide: Any,
    begin: int,
    end: int,
) -> int:
    if guide is None:
        return 0  # bars are passed one by one: what follows is not compiled at all
    course = memory.course[number]
    near, far, offset = 1.0, 1.0, 0
    stops, takes = memory.stop, memory.take
    if batch[4][trial] != GIVEN:
        near = far = 0.0
        if batch[11][trial] != GIVEN:
            stops = takes = batch[2][batch[11][trial]]
            near, far, offset = batch[12][trial], batch[13][trial], batch[3]
    return int(
        run_stretches(
            (memory.starts[course.runs_from :], memory.targets[course.runs_from :], course.runs),
            (stops, takes, offset, near, far),
            funding,
            tier_lots,
            tier_mmr,
            rules,
            state,
            memory.fills[course.fills_from : course.fills_to],
            memory.path[1:],
            guide,
            course,
            begin,
            end,
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
