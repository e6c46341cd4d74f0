"""Metrics of round trips.

Pure. Invariant: only trades that ended are judged; one still open is counted in a note.
"""

import math

import numpy as np
from numpy.typing import NDArray

from arena.backtest.metrics.definition import MetricDefinition, Outcome, Reading, Undefined
from arena.backtest.metrics.distributions import t_survival
from arena.backtest.metrics.inputs import MetricInputs, varies
from arena.backtest.metrics.wording import bar_time, signed_percent, signed_usdt
from arena.core.bars import FloatArray

FEW_TRADES = 30
SMALL_SAMPLE = 100

NO_TRADE = Undefined("no closed trade")
NO_WIN = Undefined("no winning trade")
NO_LOSS = Undefined("no losing trade")


def profit_factor(inputs: MetricInputs) -> Outcome:
    """Return what winners made over what losers lost."""
    if not len(inputs.net):
        return NO_TRADE
    if len(inputs.losses):
        return float(inputs.wins.sum() / -inputs.losses.sum())
    return Undefined("∞ (no losing trade)" if len(inputs.wins) else "neither a winning nor a losing trade")


def win_rate(inputs: MetricInputs) -> Outcome:
    """Return the share of trades that made money, with the payoff ratio."""
    if not len(inputs.net):
        return NO_TRADE
    ratio = payoff_ratio(inputs)
    told = ratio.reason if isinstance(ratio, Undefined) else f"payoff ratio {ratio:.2f}"
    return Reading(len(inputs.wins) / len(inputs.net), told)


def trade_count(inputs: MetricInputs) -> Outcome:
    """Return the number of closed trades, with a word on whether they are enough."""
    count = len(inputs.net)
    notes = []
    if count < FEW_TRADES:
        notes.append(f"fewer than {FEW_TRADES}: too few to judge by")
    elif count < SMALL_SAMPLE:
        notes.append(f"fewer than {SMALL_SAMPLE}: a small sample")
    still_open = len(inputs.trades) - count
    if still_open:
        notes.append(f"{still_open} more still open")
    return Reading(float(count), "; ".join(notes) or None)


def expectancy(inputs: MetricInputs) -> Outcome:
    """Return the mean net PnL of a trade, with its share of equity."""
    if not len(inputs.net):
        return NO_TRADE
    share = float(inputs.closed["return_on_equity"].mean())
    return Reading(float(inputs.net.mean()), f"{signed_percent(share)} of equity a trade")


def payoff_ratio(inputs: MetricInputs) -> float | Undefined:
    """Return the mean win over the mean loss."""
    if not len(inputs.net):
        return NO_TRADE
    if not len(inputs.losses):
        return NO_LOSS
    return float(inputs.wins.mean() / -inputs.losses.mean()) if len(inputs.wins) else NO_WIN


def kelly(inputs: MetricInputs) -> Outcome:
    """Return the growth-optimal share for the win rate and payoff seen."""
    ratio = payoff_ratio(inputs)
    if isinstance(ratio, Undefined):
        return ratio
    rate = len(inputs.wins) / len(inputs.net)
    return rate - (1.0 - rate) / ratio


def sqn(inputs: MetricInputs) -> Outcome:
    """Return the system quality number: the t statistic of the mean trade."""
    return _t_statistic(inputs)


def p_value(inputs: MetricInputs) -> Outcome:
    """Return the chance of so high a mean trade if the true mean were 0."""
    statistic = _t_statistic(inputs)
    return statistic if isinstance(statistic, Undefined) else t_survival(statistic, len(inputs.net) - 1)


def best_trade(inputs: MetricInputs) -> Outcome:
    """Return the highest return on equity of a trade."""
    return _trade(inputs, int(inputs.closed["return_on_equity"].argmax())) if len(inputs.net) else NO_TRADE


def worst_trade(inputs: MetricInputs) -> Outcome:
    """Return the lowest return on equity of a trade."""
    return _trade(inputs, int(inputs.closed["return_on_equity"].argmin())) if len(inputs.net) else NO_TRADE


def max_consecutive_wins(inputs: MetricInputs) -> Outcome:
    """Return the longest run of winning trades."""
    return _longest_run(inputs.net > 0.0)


def max_consecutive_losses(inputs: MetricInputs) -> Outcome:
    """Return the longest run of losing trades."""
    return _longest_run(inputs.net < 0.0)


def holding_of_winners(inputs: MetricInputs) -> Outcome:
    """Return the mean bars a winner was held."""
    return _holding(inputs, inputs.net > 0.0, NO_WIN)


def holding_of_losers(inputs: MetricInputs) -> Outcome:
    """Return the mean bars a loser was held."""
    return _holding(inputs, inputs.net < 0.0, NO_LOSS)


def average_mae(inputs: MetricInputs) -> Outcome:
    """Return the mean worst excursion against the entry price."""
    return float(inputs.closed["mae"].mean()) if len(inputs.net) else NO_TRADE


def average_mfe(inputs: MetricInputs) -> Outcome:
    """Return the mean best excursion from the entry price."""
    return float(inputs.closed["mfe"].mean()) if len(inputs.net) else NO_TRADE


def _t_statistic(inputs: MetricInputs) -> float | Undefined:
    count = len(inputs.net)
    if count < 2:
        return Undefined("fewer than 2 closed trades")
    mean, spread = float(inputs.net.mean()), float(inputs.net.std(ddof=1))
    # Spread and mean are money here: only their ratio can tell rounding from variation.
    if spread == 0.0 or not varies(spread / (abs(mean) + spread), 1.0):
        return Undefined("net PnL of trades does not vary")
    return math.sqrt(count) * mean / spread


def _trade(inputs: MetricInputs, row: int) -> Reading:
    trade = inputs.closed[row]
    return Reading(float(trade["return_on_equity"]), signed_usdt(float(trade["net_pnl"])))


def _longest_run(hits: NDArray[np.bool_]) -> float:
    misses = np.flatnonzero(~hits)
    edges = np.concatenate(([-1], misses, [len(hits)]))
    return float(np.diff(edges).max() - 1)


def _holding(inputs: MetricInputs, chosen: NDArray[np.bool_], none: Undefined) -> Outcome:
    if not len(inputs.net):
        return NO_TRADE
    if not chosen.any():
        return none
    bars = float(inputs.closed["bars_held"][chosen].mean())
    return Reading(bars, bar_time(bars, inputs.path.timeframe.step_ms))


def _side_definitions(side: int, name: str) -> tuple[MetricDefinition, ...]:
    def net_of(inputs: MetricInputs) -> FloatArray:
        chosen: FloatArray = inputs.net[inputs.closed["side"] == side]
        return chosen

    def count(inputs: MetricInputs) -> Outcome:
        return float(len(net_of(inputs)))

    def net_pnl(inputs: MetricInputs) -> Outcome:
        return float(net_of(inputs).sum())

    def rate(inputs: MetricInputs) -> Outcome:
        net = net_of(inputs)
        return float((net > 0.0).mean()) if len(net) else Undefined(f"no closed {name} trade")

    title = name.capitalize()
    return (
        MetricDefinition(
            f"{name}_trades", f"{title} trades", "count", count, formula=f"closed {name} trades"
        ),
        MetricDefinition(
            f"{name}_net_pnl",
            f"{title} net PnL",
            "usdt",
            net_pnl,
            formula=f"sum of net PnL of closed {name} trades",
        ),
        MetricDefinition(
            f"{name}_win_rate",
            f"{title} win rate",
            "fraction",
            rate,
            formula=f"winning / closed {name} trades",
            undefined=f"no closed {name} trade",
        ),
    )


_NONE_CLOSED = "no closed trade"

PROFIT_FACTOR = MetricDefinition(
    "profit_factor",
    "Profit factor",
    "ratio",
    profit_factor,
    formula="sum of net PnL of winning trades / |sum of net PnL of losing trades|",
    undefined="no closed trade; no losing trade",
)
WIN_RATE = MetricDefinition(
    "win_rate",
    "Win rate",
    "fraction",
    win_rate,
    formula="trades with net PnL > 0 / closed trades",
    undefined=_NONE_CLOSED,
)
TRADES = MetricDefinition(
    "trades",
    "Trades",
    "count",
    trade_count,
    formula=f"closed round trips; the note warns below {FEW_TRADES} and {SMALL_SAMPLE} and counts one still "
    f"open",
)
EXPECTANCY = MetricDefinition(
    "expectancy",
    "Expectancy per trade",
    "usdt",
    expectancy,
    formula="mean net PnL of closed trades; the note has the mean of net PnL / equity before the entry",
    undefined=_NONE_CLOSED,
)
SECONDARY = (
    MetricDefinition(
        "payoff_ratio",
        "Payoff ratio",
        "ratio",
        payoff_ratio,
        formula="mean net PnL of winners / |mean net PnL of losers|",
        undefined="no winning or no losing trade",
    ),
    MetricDefinition(
        "kelly",
        "Kelly fraction",
        "fraction",
        kelly,
        formula="W - (1 - W) / payoff ratio, W = win rate; negative: do not bet",
        undefined="no winning or no losing trade",
    ),
    MetricDefinition(
        "sqn",
        "SQN",
        "ratio",
        sqn,
        formula="sqrt(n) mean(p) / sd(p), p = net PnL of each of n closed trades (n - 1 in sd), not capped "
        "at n = 100",
        undefined="fewer than 2 closed trades; equal net PnL",
    ),
    MetricDefinition(
        "p_value",
        "p-value of mean trade",
        "fraction",
        p_value,
        formula="P(T > SQN), T Student's t with n - 1 degrees of freedom: one-sided, the chance of so high "
        "a mean "
        "net PnL if the true mean were 0 and trades were independent",
        undefined="fewer than 2 closed trades; equal net PnL",
    ),
    MetricDefinition(
        "best_trade",
        "Best trade",
        "fraction",
        best_trade,
        formula="largest net PnL / equity before the entry",
        undefined=_NONE_CLOSED,
    ),
    MetricDefinition(
        "worst_trade",
        "Worst trade",
        "fraction",
        worst_trade,
        formula="smallest net PnL / equity before the entry",
        undefined=_NONE_CLOSED,
    ),
    MetricDefinition(
        "max_consecutive_wins",
        "Max consecutive wins",
        "count",
        max_consecutive_wins,
        formula="longest run of closed trades with net PnL > 0",
    ),
    MetricDefinition(
        "max_consecutive_losses",
        "Max consecutive losses",
        "count",
        max_consecutive_losses,
        formula="longest run of closed trades with net PnL < 0",
    ),
    MetricDefinition(
        "holding_winners",
        "Holding time, winners",
        "bars",
        holding_of_winners,
        formula="mean bars held of winning trades; a bar counts where the trade was in it for any time",
        undefined="no winning trade",
    ),
    MetricDefinition(
        "holding_losers",
        "Holding time, losers",
        "bars",
        holding_of_losers,
        formula="mean bars held of losing trades; a bar counts where the trade was in it for any time",
        undefined="no losing trade",
    ),
    *_side_definitions(1, "long"),
    *_side_definitions(-1, "short"),
    MetricDefinition(
        "average_mae",
        "Average MAE",
        "fraction",
        average_mae,
        formula="mean over closed trades of the worst price move against the average entry price, <= 0, "
        "from the highs "
        "and lows of the bars the trade was in: as fine as the bars",
        undefined=_NONE_CLOSED,
    ),
    MetricDefinition(
        "average_mfe",
        "Average MFE",
        "fraction",
        average_mfe,
        formula="mean over closed trades of the best price move from the average entry price, >= 0, likewise",
        undefined=_NONE_CLOSED,
    ),
)
