"""A market that is a list of ticks, and instruments with round numbers, for tests of the venue."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from arena.paper_okx.market import Contract, Quote, Settlement, Tick, Tier
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import Venue, VenueSettings

D = Decimal
BTC = "BTC-USDT-SWAP"
ETH = "ETH-USDT-SWAP"
START = 1_700_000_000_000
MINUTE = 60_000
_DEPTH = D(1000)
_BAND = D("0.05")


def tiers() -> tuple[Tier, ...]:
    """Five tiers in the proportions of the exchange's own."""
    rows = [
        ("0", "1000", "0.004", "0.01", "100"),
        ("1000.01", "5000", "0.005", "0.015", "66.66"),
        ("5000.01", "20000", "0.0075", "0.02", "50"),
        ("20000.01", "40000", "0.0125", "0.025", "40"),
        ("40000.01", "60000", "0.0175", "0.03", "33.33"),
    ]
    return tuple(Tier(*(D(cell) for cell in row)) for row in rows)


def contract(inst_id: str = BTC, ct_val: str = "0.01", tick_sz: str = "0.1", code: int = 10459) -> Contract:
    base = inst_id.split("-", maxsplit=1)[0]
    return Contract(
        inst_id=inst_id,
        inst_family=f"{base}-USDT",
        base=base,
        quote="USDT",
        settle="USDT",
        ct_val=D(ct_val),
        lot_sz=D("0.01"),
        min_sz=D("0.01"),
        tick_sz=D(tick_sz),
        max_lmt_sz=D(100_000_000),
        max_mkt_sz=D(12_000),
        lever=D(100),
        list_ms=START,
        code=code,
        tiers=tiers(),
    )


@dataclass
class FakeMarket:
    """Ticks by instrument; the book stands one tick beside the last price, `depth` contracts a level."""

    paths: dict[str, list[Tick]] = field(default_factory=dict)
    rates: dict[str, list[Settlement]] = field(default_factory=dict)
    listed: dict[str, Contract] = field(default_factory=dict)
    depth: Decimal = _DEPTH
    levels: int = 5
    spread: int = 1  # ticks between last and the best price of each side
    band: Decimal = _BAND
    served: int = 0  # ticks handed out

    @property
    def contracts(self) -> Mapping[str, Contract]:
        return self.listed

    def quote(self, inst_id: str, ts: int) -> Quote:
        path = self.paths[inst_id]
        tick = path[max(0, bisect_right(path, ts, key=lambda t: t.ts) - 1)]
        step = self.listed[inst_id].tick_sz
        away = [step * (self.spread + level) for level in range(self.levels)]
        return Quote(
            ts=tick.ts,
            last=tick.last,
            mark=tick.mark,
            index=tick.index,
            bids=[(tick.last - gap, self.depth) for gap in away],
            asks=[(tick.last + gap, self.depth) for gap in away],
            lowest=(tick.mark * (1 - self.band)).quantize(step),
            highest=(tick.mark * (1 + self.band)).quantize(step),
        )

    def ticks(self, inst_id: str, after: int, until: int) -> Iterator[Tick]:
        path = self.paths[inst_id]
        for place in range(bisect_right(path, after, key=lambda t: t.ts), len(path)):
            if path[place].ts > until:
                return
            self.served += 1
            yield path[place]

    def settlements(self, inst_id: str, after: int, until: int) -> Sequence[Settlement]:
        return [s for s in self.rates.get(inst_id, []) if after < s.ts <= until]


def tick(minute: int, last: str, *, volume: str = "1000", mark: str = "", index: str = "") -> Tick:
    return Tick(START + minute * MINUTE, D(last), D(volume), D(mark or last), D(index or last))


def market(*lasts: str, volume: str = "1000", inst_id: str = BTC, **more: object) -> FakeMarket:
    """Return a market of one instrument: one tick a minute, mark and index equal to last."""
    made = FakeMarket(listed={inst_id: contract(inst_id)}, **more)  # type: ignore[arg-type]
    made.paths[inst_id] = [tick(minute, last, volume=volume) for minute, last in enumerate(lasts)]
    return made


def opened(
    *lasts: str, usdt: int = 10_000, pos_mode: str = "net_mode", acct_lv: str = "2", **more: object
) -> Venue:
    """Return a venue at the first tick of such a market, with an account `u`; a touch fills what rests."""
    chosen = VenueSettings(fill_rule="touch", volume_share=D(1))
    venue = Venue(market(*lasts, **more), chosen)  # type: ignore[arg-type]
    venue.advance(START)
    venue.open_account("u", D(usdt), pos_mode, acct_lv)
    return venue


def order(**more: object) -> dict[str, object]:
    """Return a request: one contract at market, bought on cross margin, but for what is named."""
    return {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1", **more}


def limit(px: str, **more: object) -> dict[str, object]:
    return {**order(ordType="limit", px=px), **more}


def minutes(count: int) -> int:
    return START + count * MINUTE


def look(venue: Venue, ack: Mapping[str, object]) -> dict[str, object]:
    """Return the order that an acknowledgement speaks of."""
    return venue.get_order("u", {"instId": BTC, "ordId": ack["ordId"]})


def refused(call: Callable[[], object]) -> str:
    """Return the code that a call was refused with, "" where it was not."""
    try:
        call()
    except Refusal as refusal:
        return refusal.code
    return ""


def position(venue: Venue, **asked: object) -> dict[str, object]:
    """Return the only position that is asked for."""
    (row,) = venue.positions("u", asked)
    return row


def cash(venue: Venue) -> Decimal:
    (detail,) = venue.balance("u")["details"]  # type: ignore[attr-defined]
    return D(detail["cashBal"])


def detail(venue: Venue) -> dict[str, str]:
    (found,) = venue.balance("u")["details"]  # type: ignore[attr-defined]
    return found  # type: ignore[no-any-return]
