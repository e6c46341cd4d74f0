"""What the known publishers call their columns, and how a file's layout is told from its content.

Pure. Invariant: a layout is chosen by column names, or by the number of columns where a file
names none; never by a file's name. Adding a publisher is adding a row to `LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from arena.core.errors import ConfigError
from arena.exchange.files.tables import Table

Kind = Literal["candles", "mark", "index", "funding"]
Format = Literal["auto", "arena", "binance", "okx", "freqtrade"]

FUNDING: Kind = "funding"
WITHOUT_VOLUME: tuple[Kind, ...] = ("mark", "index")
INSTRUMENT_COLUMNS = ("instid", "inst_id", "instrument_name")


@dataclass(frozen=True, slots=True)
class Layout:
    """One way of writing bars or funding.

    `columns` maps our names to the file's: ts, open, high, low, close, volume and `closed` (1 for a
    finished bar), or ts and rate; `end` only tells layouts apart. `width` is set for files without
    names, whose columns are counted.
    """

    format: Format
    name: str
    columns: Mapping[str, str]
    width: int | None = None
    kinds: tuple[Kind, ...] = ("candles", "mark", "index")
    optional: frozenset[str] = frozenset()
    base_volume: bool = False  # the layout has a column in coins, whatever the unit of its other one

    def fits(self, table: Table, kind: Kind) -> bool:
        """Return whether `table` has the columns that this layout needs for `kind`."""
        if kind not in self.kinds:
            return False
        if self.width is not None:
            return not table.has_header and len(table.columns) == self.width
        spared = self.optional | ({"volume"} if kind in WITHOUT_VOLUME else set())
        needed = {theirs for ours, theirs in self.columns.items() if ours not in spared}
        return table.has_header and needed <= set(table.columns)

    def columns_in(self, table: Table, kind: Kind) -> dict[str, str]:
        """Return the mapping ours to theirs for the columns that are read from `table`."""
        skipped = {"end", "volume"} if kind in WITHOUT_VOLUME else {"end"}
        return {o: t for o, t in self.columns.items() if t in table.columns and o not in skipped}


_OHLC = ("ts", "open", "high", "low", "close")


def _bars(ts: str, volume: str, **more: str) -> dict[str, str]:
    return {"ts": ts, **{name: name for name in _OHLC[1:]}, "volume": volume, **more}


def _counted(*names: str) -> dict[str, str]:
    return {name: str(place) for place, name in enumerate(names) if name}


_SHORT = {"ts": "ts", "open": "o", "high": "h", "low": "l", "close": "c"}
_PRICE_KINDS = WITHOUT_VOLUME
_FUNDING_ONLY: tuple[Kind, ...] = (FUNDING,)


def _funding(publisher: Format, name: str, ts: str, rate: str) -> Layout:
    return Layout(publisher, name, {"ts": ts, "rate": rate}, kinds=_FUNDING_ONLY)


LAYOUTS: tuple[Layout, ...] = (
    # the order matters: a layout that needs more columns stands before one that needs fewer
    Layout("binance", "Binance kline archive", _bars("open_time", "volume", end="close_time")),
    Layout("binance", "Binance kline archive, no header", _counted(*_OHLC, "volume"), width=12),
    Layout(
        "okx",
        "OKX candle archive",
        _bars("open_time", "vol_ccy", closed="confirm"),
        optional=frozenset({"closed"}),
        base_volume=True,
    ),
    Layout(
        "okx",
        "OKX candle rows",
        {**_SHORT, "volume": "volccy", "closed": "confirm"},
        base_volume=True,
    ),
    Layout(
        "okx",
        "OKX candle arrays",
        _counted(*_OHLC, "", "volume", "", "closed"),
        width=9,
        base_volume=True,
    ),
    Layout("okx", "OKX price arrays", _counted(*_OHLC, "closed"), width=6, kinds=_PRICE_KINDS),
    Layout("freqtrade", "freqtrade bars", _bars("date", "volume")),
    Layout("arena", "own columns", _bars("ts", "volume")),
    Layout("arena", "own columns", _bars("timestamp", "volume")),
    Layout("arena", "own columns, no header", _counted(*_OHLC, "volume"), width=6),
    Layout("arena", "own columns, no header", _counted(*_OHLC), width=5, kinds=_PRICE_KINDS),
    _funding("binance", "Binance funding archive", "calc_time", "last_funding_rate"),
    Layout("binance", "Binance funding archive, no header", _counted("ts", "", "rate"), 3, _FUNDING_ONLY),
    _funding("okx", "OKX funding history", "fundingtime", "realizedrate"),
    _funding("okx", "OKX funding archive", "funding_time", "real_funding_rate"),
    _funding("okx", "OKX funding archive", "funding_time", "funding_rate"),
    _funding("freqtrade", "freqtrade funding", "date", "open"),
    _funding("arena", "own columns", "ts", "rate"),
    Layout("arena", "own columns, no header", _counted("ts", "rate"), 2, _FUNDING_ONLY),
)

KNOWN = {
    "bars": (
        "own columns ts,open,high,low,close,volume; Binance klines (12 columns); "
        "OKX candles [ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm] or prices [ts,o,h,l,c,confirm]; "
        "freqtrade date,open,high,low,close,volume"
    ),
    "funding": (
        "own columns ts,rate; Binance calc_time,funding_interval_hours,last_funding_rate; "
        "OKX fundingTime,realizedRate; freqtrade date,open"
    ),
}


def detect_layout(table: Table, kind: Kind, wanted: Format = "auto") -> Layout:
    """Return the layout of `table` as a series of `kind`.

    Raises:
        ConfigError: no known layout fits, or not the one that was asked for.
    """
    fitting = [layout for layout in LAYOUTS if layout.fits(table, kind)]
    if len(table.columns) == 6 and not table.has_header:
        fitting = [layout for layout in fitting if _six_columns_fit(layout, table, kind)]
    chosen = [layout for layout in fitting if wanted in {"auto", layout.format}]
    if chosen:
        return chosen[0]
    found = _describe(table)
    if fitting:
        raise ConfigError(
            f"{table.label}: exchange.format={wanted} does not fit, the file looks like {fitting[0].name} "
            f"({found}); use exchange.format={fitting[0].format} or auto"
        )
    known = KNOWN["funding" if kind == FUNDING else "bars"]
    raise ConfigError(f"{table.label}: unknown layout for kind={kind}, found {found} (known: {known})")


def _six_columns_fit(layout: Layout, table: Table, kind: Kind) -> bool:
    """Tell OKX prices, whose last column is a flag, from bars, whose last column is a volume."""
    last = set(table.texts("5"))
    flags = "1" in last and last <= {"0", "1"}  # all "0" is a volume of none
    if kind == "candles" and flags:
        raise ConfigError(
            f"{table.label}: rows of [ts,o,h,l,c,confirm] carry no volume, so they are no candles; "
            "name them kind=mark or kind=index"
        )
    return (layout.format == "okx") == flags


def _describe(table: Table) -> str:
    if table.has_header:
        return f"columns {', '.join(table.columns)}"
    return f"{len(table.columns)} columns without names"
