"""What the band of a result says, in words, rows and small pictures, and what was assumed of orders.

Pure: reads a result and its configuration, runs nothing. Invariant: a figure that is unknown reads as a
dash and has no point in its picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arena.backtest.result import Assumptions, BacktestResult, Band, Metric
from arena.config.models import BacktestConfig, CostsConfig
from arena.config.orders import OrdersConfig
from arena.reporting.figures import number, percent

WIDE = 0.1
"""Width of the band as a share of the net result from which it is called wide."""

HEADS = ("Pessimistic", "Expected", "Optimistic")

_READINGS = {
    "worst": "adverse extreme first",
    "best": "favourable extreme first",
    "ohlc": "nearer extreme first",
    "detail": "stored finer bars",
}
_FIGURES: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("total_return", "Total return", lambda value: percent(value, signed=True)),
    ("final_equity", "Final equity, USDT", number),
    ("sharpe", "Sharpe", number),
    ("max_drawdown", "Max drawdown", percent),
)


@dataclass(frozen=True, slots=True)
class Head:
    """A column: how its bars are read; `own` where the run itself read them so."""

    name: str
    reading: str
    own: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """Three points on a line; places in percent of the row's own scale, None where unknown."""

    left: float
    width: float
    points: list[float | None]
    zero: float


@dataclass(frozen=True, slots=True)
class BandRow:
    """One figure under the three readings."""

    label: str
    texts: list[str]
    picture: Interval | None


@dataclass(frozen=True, slots=True)
class BandView:
    """The band, ready to read; without an ambiguous bar there are no rows."""

    sentence: str
    heads: list[Head]
    rows: list[BandRow]
    notes: list[str]
    share: str
    share_note: str
    bad: bool


def band_view(result: BacktestResult) -> BandView | None:
    """Return the band of a result as a page shows it, or None of a result that was made without one."""
    band = result.band
    if band is None:
        return None
    share, note = _share(band.assumptions, result.pnl.total)
    bad = (band.assumptions.share or 0.0) > 1.0
    if not band.ambiguous_bars:
        sentence = (
            "No bar met more than one level of the position: however the bars are read, the figures above "
            "stay as they are."
        )
        return BandView(sentence, [], [], [], share, note, bad)
    figures = (band.pessimistic, band.expected, band.optimistic)
    own = [one.final_equity == result.account.final_equity for one in figures]
    heads = [
        Head(name, _READINGS[one.reading], is_own)
        for name, one, is_own in zip(HEADS, figures, own, strict=True)
    ]
    rows = [
        _row(label, words, [getattr(one, key) for one in figures], _zero(key, result))
        for key, label, words in _FIGURES
    ]
    settled = _settled(result, band)
    notes = _notes(band, own_shown=any(own), settled=settled)
    return BandView(_counts(band, settled=settled), heads, rows, notes, share, note, bad)


def wide_note(result: BacktestResult) -> str:
    """Return what a terminal says of a band that is wide or open in its sign, else an empty text.

    A run that finer bars have settled needs no word: its own figures are the expected ones.
    """
    band, net = result.band, result.pnl.total
    if band is None or not band.ambiguous_bars:
        return ""
    settled = _settled(result, band)
    if settled and band.expected.final_equity == result.account.final_equity:
        return ""
    ends = [band.pessimistic, band.expected, band.optimistic]
    known = [one.total_return for one in ends if one.total_return is not None]
    width = band.assumptions.band_width
    is_open = bool(known) and min(known) < 0.0 < max(known)
    if not is_open and width < WIDE * abs(net):
        return ""
    low, high = (number(pick(one.final_equity for one in ends)) for pick in (min, max))
    size = f", {percent(width / abs(net), 0)} of the net result" if net else ""
    remedy = _remedy(settled=settled)
    sign = " Even gain or loss is open." if is_open else ""
    return f"The band is wide: final equity from {low} to {high} USDT{size}.{sign} {remedy}"


def band_metrics(result: BacktestResult) -> list[Metric]:
    """Return the band as rows for a comparison of runs."""
    band = result.band
    if band is None:
        return []
    figures = (band.pessimistic, band.expected, band.optimistic)
    rows = [
        Metric(
            name=f"band_return_{head.lower()}",
            label=f"Total return, {head.lower()}",
            value=one.total_return,
            unit="fraction",
            reason="undefined in this reading" if one.total_return is None else None,
        )
        for head, one in zip(HEADS, figures, strict=True)
    ]
    share = band.assumptions
    rows.append(
        Metric(
            name="assumed_share",
            label="Result that is assumed",
            value=share.share,
            unit="fraction",
            reason=share.reason,
        )
    )
    return rows


def conduct_rows(config: BacktestConfig) -> list[tuple[str, str]]:
    """Return what is assumed of orders and the market, as far as it is not the default."""
    read = [] if config.intrabar == "worst" else [("Bars read", _READINGS[config.intrabar])]
    return [*_order_rows(config.orders), *_cost_rows(config.costs), *read]


def _order_rows(orders: OrdersConfig) -> list[tuple[str, str]]:
    if orders.kind == "market":
        return []
    rule = "reaches" if orders.fill == "touch" else "goes beyond"
    bars = _count(orders.bars, "bar")
    return [
        ("Entries", f"limit orders, {orders.offset_bps:g} bps from the deciding close, for {bars}"),
        ("Limit fills", f"where the price {rule} it"),
        ("Maker fee", f"{100 * orders.maker_fee_rate:g}%"),
        *([("Take-profits", "limit orders")] if orders.take_profit == "limit" else []),
    ]


def _cost_rows(costs: CostsConfig) -> list[tuple[str, str]]:
    rows = []
    if costs.latency_bars:
        rows.append(("Latency", _count(costs.latency_bars, "bar")))
    if costs.impact_coefficient:
        rows.append(("Impact", f"square root, coefficient {costs.impact_coefficient:g}"))
    if costs.participation_cap is not None:
        rows.append(("Participation", f"at most {100 * costs.participation_cap:g}% of a bar's volume"))
    return rows


def _counts(band: Band, *, settled: bool) -> str:
    ambiguous, resolved = band.ambiguous_bars, band.resolved_bars
    met = f"{_count(ambiguous, 'bar')} met more than one level of the position and {_do(ambiguous)} not say "
    if resolved == ambiguous:
        found = "Stored finer bars say it" if ambiguous == 1 else "Stored finer bars say it of every one"
    elif settled:  # another reading is another course, which may meet a few bars more or less
        found = f"Walked along stored finer bars the run meets {resolved:,} of that kind, all of them settled"
    elif resolved:
        found = f"Stored finer bars say it of {resolved:,}, not of all"
    else:
        found = "No stored finer bars say it"
    return f"{met}which came first. {found}."


def _notes(band: Band, *, own_shown: bool, settled: bool) -> list[str]:
    figures = (band.pessimistic, band.expected, band.optimistic)
    low, middle, high = (one.final_equity for one in figures)
    notes = []
    if not own_shown:
        notes.append("The run itself read its bars in yet another way; its figures are the headline.")
    if band.expected.reading == "detail" and not settled:
        notes.append("Of bars without finer ones, the expected figures take the adverse extreme first.")
    if not min(low, high) <= middle <= max(low, high) or low > high:
        notes.append(
            "The three are whole runs, and here they are not in order: sizes depend on what was won before, "
            "or an order that adds to the position rested. Pessimistic and optimistic are no bounds."
        )
    return notes


def _settled(result: BacktestResult, band: Band) -> bool:
    """Whether finer bars settle every bar: a run of another reading has `detail` as expected only then."""
    if band.expected.reading != "detail":
        return False
    is_own = band.expected.final_equity == result.account.final_equity
    return not is_own or band.resolved_bars == band.ambiguous_bars


def _remedy(*, settled: bool) -> str:
    if settled:
        return "Stored finer bars settle it: see the expected figures, or run with intrabar=detail."
    return "Ingest finer bars to settle it, or run a finer timeframe."


def _share(assumed: Assumptions, net: float) -> tuple[str, str]:
    if assumed.share is None:
        reason = assumed.reason or "nobody said why"
        return "unknown", f"{reason[:1].upper()}{reason[1:]}."
    note = (
        f"(width of the band in final equity, {number(assumed.band_width)} USDT, + assumed costs, "
        f"{number(assumed.assumed_costs)} USDT) / net result without its sign, {number(abs(net))} USDT. A "
        "cost is assumed by its estimated and missing share."
    )
    return percent(assumed.share, 1), f"{note} Above 100% the assumptions are larger than the result."


def _zero(key: str, result: BacktestResult) -> float:
    return result.account.initial_capital if key == "final_equity" else 0.0


def _row(
    label: str, words: Callable[[float | None], str], values: list[float | None], zero: float
) -> BandRow:
    return BandRow(label, [words(value) for value in values], _interval(values, zero))


def _interval(values: list[float | None], zero: float) -> Interval | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    first, last = min(*known, zero), max(*known, zero)
    room = 0.12 * ((last - first) or 1.0)  # so that a dot at an end stays inside on a narrow screen
    low, span = first - room, last - first + 2 * room

    def place(value: float) -> float:
        return round(100.0 * (value - low) / span, 2)

    left = place(min(known))
    return Interval(
        left,
        round(place(max(known)) - left, 2),
        [None if value is None else place(value) for value in values],
        place(zero),
    )


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
