"""One instrument of the replay: its terms as the exchange lists them, and its series.

No I/O. Invariant: mark and index of a listing have bars of the same length as its candles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from arena.core.bars import Bars, FundingSeries
from arena.core.instrument import Instrument
from arena.paper_okx.market import Contract, Settlement, Tier
from arena.paper_okx.replay.numerals import decimal_of
from arena.paper_okx.replay.series import Series

__all__ = ["Listing", "contract_of"]

Fetch = Callable[[], Bars | None]

_RECORDED = {  # instIdCode and listTime as OKX gives them
    "BTC-USDT-SWAP": (10459, 1_573_557_408_000),
    "ETH-USDT-SWAP": (10461, 1_573_557_408_000),
}
_MAX_LIMIT_SZ = Decimal(100_000_000)


class Listing:
    """A contract and what happened to it.

    `mark` and `index` are fetched with their first use: who lists an instrument need not wait for them.
    """

    def __init__(
        self,
        instrument: Instrument,
        candles: Bars,
        mark: Fetch,
        index: Fetch,
        funding: FundingSeries | None,
        assumed_rate: float,
    ) -> None:
        """Take over the bars; candles stand for prices that are not stored, an assumed rate for funding."""
        self.contract = contract_of(instrument)
        self.is_synthetic = candles.is_synthetic
        self.interval_ms = instrument.funding_interval_ms
        self._lot_coins = instrument.lot_sz * instrument.ct_val
        self._fetch_mark, self._fetch_index = mark, index
        self.candles = Series(candles, self._lot_coins)
        self.funding = _Funding.of(funding, self, assumed_rate)

    @cached_property
    def mark(self) -> Series:
        """Mark prices."""
        return self._fetched(self._fetch_mark)

    @cached_property
    def index(self) -> Series:
        """Index prices."""
        return self._fetched(self._fetch_index)

    def _fetched(self, fetch: Fetch) -> Series:
        bars = fetch()
        return self.candles if bars is None else Series(bars, self._lot_coins)

    @property
    def first_ms(self) -> int:
        """Open of the first bar."""
        return int(self.candles.finest.ts[0])

    @property
    def end_ms(self) -> int:
        """Close of the last bar."""
        return int(self.candles.finest.ts[-1]) + self.candles.step_ms


@dataclass(frozen=True, slots=True, eq=False)
class _Funding:
    """Settlements, oldest first."""

    ts: np.ndarray
    rate: np.ndarray

    @classmethod
    def of(cls, stored: FundingSeries | None, listing: Listing, assumed_rate: float) -> _Funding:
        if stored is not None and len(stored):
            return cls(stored.ts, stored.rate)
        step = listing.interval_ms
        first = listing.first_ms - listing.first_ms % step + step
        ts = np.arange(first, listing.end_ms + 1, step, dtype=np.int64)
        return cls(ts, np.full(len(ts), assumed_rate))

    def between(self, after: int, until: int) -> Sequence[Settlement]:
        """Return the settlements with after < ts <= until."""
        low, high = np.searchsorted(self.ts, [after, until], side="right")
        return [
            Settlement(int(self.ts[place]), decimal_of(float(self.rate[place]))) for place in range(low, high)
        ]


def contract_of(instrument: Instrument) -> Contract:
    """Return the instrument as the exchange lists it; what no config tells has the usual values."""
    base, quote, _ = instrument.inst_id.split("-")
    code, list_ms = _RECORDED.get(instrument.inst_id, (20_000 + sum(instrument.inst_id.encode()), 0))
    return Contract(
        inst_id=instrument.inst_id,
        inst_family=f"{base}-{quote}",
        base=base,
        quote=quote,
        settle=quote,
        ct_val=decimal_of(instrument.ct_val),
        lot_sz=decimal_of(instrument.lot_sz),
        min_sz=decimal_of(instrument.min_sz),
        tick_sz=decimal_of(instrument.tick_sz),
        max_lmt_sz=_MAX_LIMIT_SZ,
        max_mkt_sz=decimal_of(instrument.max_market_sz),
        lever=decimal_of(instrument.max_leverage),
        list_ms=list_ms,
        code=code,
        tiers=_tiers(instrument, decimal_of(instrument.lot_sz)),
    )


def _tiers(instrument: Instrument, lot: Decimal) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for row in instrument.tiers.tiers:
        low = tiers[-1].max_sz + lot if tiers else Decimal(0)
        imr = decimal_of(row.imr)
        lever = min(decimal_of(instrument.max_leverage), (1 / imr).quantize(Decimal("0.01"), "ROUND_DOWN"))
        tiers.append(Tier(low, decimal_of(row.max_contracts), decimal_of(row.mmr), imr, lever))
    return tuple(tiers)
