"""A client that does anything, decided by a seed, and the books of an account that have to balance.

Run as a program it plays on a state file until it is killed, and writes down what was acknowledged:
`python venue_play.py STATE ACKS SEED`.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from decimal import Decimal

from arena.paper_okx.market import Settlement
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import State, Venue, VenueSettings
from tests.paper_okx.fake_market import BTC, ETH, MINUTE, START, D, FakeMarket, contract, tick

ALGOS = {"ordType": "conditional,oco,trigger,move_order_stop"}
ENDED_ALGOS = {**ALGOS, "state": "effective,canceled,order_failed"}
SWAP = {"instType": "SWAP"}


def wild_market(ticks: int = 4000, seed: int = 7) -> FakeMarket:
    """Return two instruments that jump about, and settle funding every forty ticks."""
    dice = random.Random(seed)  # noqa: S311 - a path, not a secret
    made = FakeMarket(listed={BTC: contract(), ETH: contract(ETH, ct_val="0.1", tick_sz="0.01", code=10461)})
    made.depth = D(400)
    for inst_id, start in ((BTC, 50_000), (ETH, 2_500)):
        price, made.paths[inst_id] = D(start), []
        for minute in range(ticks):
            move = dice.choice([0, 0, 1, -1, 3, -3, 12, -12, 70, -70]) if minute else 0
            price = max(D(start) / 4, min(D(start) * 3, price * (1000 + move) / 1000)).quantize(D("0.1"))
            mark = (price * (10_000 + dice.randint(-9, 9)) / 10_000).quantize(D("0.01"))
            made.paths[inst_id].append(
                tick(minute, str(price), volume=str(dice.choice([0, 5, 80, 900])), mark=str(mark))
            )
        made.rates[inst_id] = [
            Settlement(START + at * MINUTE, D(dice.randint(-300, 300)) / 100_000)
            for at in range(40, ticks, 40)
        ]
    return made


def opened_on(market: FakeMarket, state: State | None) -> Venue:
    """Return a venue on a state, with two accounts where it is new."""
    venue = Venue(market, VenueSettings(fill_rule="touch", volume_share=D("0.5")), state)
    if not venue.uids:
        venue.advance(START)
        venue.open_account("net", D(60_000))
        venue.open_account("legs", D(60_000), "long_short_mode")
    return venue


class Player:
    """Makes one call after another; `acks` are the ids of orders and algos that were acknowledged."""

    def __init__(self, venue: Venue, market: FakeMarket, seed: int) -> None:
        self.venue, self.market = venue, market
        self.dice = random.Random(seed)  # noqa: S311 - a path, not a secret
        self.done: Counter[str] = Counter()

    def step(self) -> tuple[str, str] | None:
        """Make a call; return account and id of what it placed."""
        dice = self.dice
        uid = dice.choice(["net", "legs"])
        name = dice.choices(list(_CALLS), weights=[weight for weight, _ in _CALLS.values()])[0]
        try:
            row = _CALLS[name][1](self, uid)
        except Refusal as refusal:
            self.done[f"{name} {refusal.code}"] += 1
            return None
        self.done[name] += 1
        if name in {"place", "wait"} and isinstance(row, dict):
            return uid, str(row["ordId"] if name == "place" else row["algoId"])
        return None

    def price(self, inst_id: str, tenths: int) -> str:
        quote = self.market.quote(inst_id, self.venue.now)
        step = self.market.listed[inst_id].tick_sz
        return str((quote.last * (1000 + tenths) / 1000 // step) * step)

    def base(self, uid: str, closing: bool) -> dict[str, object]:
        side = self.dice.choice(["buy", "sell"])
        asked: dict[str, object] = {
            "instId": self.dice.choice([BTC, ETH]),
            "tdMode": self.dice.choice(["cross", "isolated"]),
            "side": side,
            "sz": self.dice.choice(["0.01", "3", "25", "120", "700", "6000"]),
            "reduceOnly": closing,
        }
        if uid == "legs":
            asked["posSide"] = "long" if (side == "buy") != closing else "short"
        return asked


def _place(player: Player, uid: str) -> object:
    dice = player.dice
    asked = player.base(uid, closing=dice.random() < 0.3)
    kind = dice.choice(["market", "market", "limit", "limit", "limit", "post_only", "fok", "ioc"])
    inst_id = str(asked["instId"])
    asked["ordType"] = kind
    if kind != "market":
        asked["px"] = player.price(inst_id, dice.randint(-20, 20))
    if dice.random() < 0.3:
        away = -50 if asked["side"] == "buy" else 50
        asked["attachAlgoOrds"] = [{"slTriggerPx": player.price(inst_id, away), "slOrdPx": "-1"}]
    return player.venue.place_order(uid, asked)


def _wait(player: Player, uid: str) -> object:
    asked = player.base(uid, closing=True) | {
        "ordType": player.dice.choice(["conditional", "move_order_stop"])
    }
    away = -15 if asked["side"] == "sell" else 15
    if asked["ordType"] == "move_order_stop":
        asked |= {"callbackRatio": "0.01", "activePx": player.price(str(asked["instId"]), -away // 3)}
        return player.venue.place_algo(uid, asked)
    asked |= {"slTriggerPx": player.price(str(asked["instId"]), away), "slOrdPx": "-1"}
    return player.venue.place_algo(uid, asked)


def _cancel(player: Player, uid: str) -> object:
    rows = player.venue.orders_pending(uid)
    return rows and player.venue.cancel_order(uid, player.dice.choice(rows))


def _amend(player: Player, uid: str) -> object:
    rows = player.venue.orders_pending(uid)
    if not rows:
        return None
    row = player.dice.choice(rows)
    change = {"newSz": "9", "newPx": player.price(str(row["instId"]), player.dice.randint(-20, 20))}
    return player.venue.amend_order(uid, {"instId": row["instId"], "ordId": row["ordId"], **change})


def _close(player: Player, uid: str) -> object:
    rows = player.venue.positions(uid)
    if not rows:
        return None
    row = player.dice.choice(rows)
    return player.venue.close_position(uid, {**row, "posSide": row["posSide"], "autoCxl": True, "ccy": ""})


def _lever(player: Player, uid: str) -> object:
    asked = player.base(uid, closing=False)
    asked |= {"mgnMode": asked["tdMode"], "lever": player.dice.choice([2, 10, 40, 66, 100])}
    return player.venue.set_leverage(uid, asked)


def _margin(player: Player, uid: str) -> object:
    asked = player.base(uid, closing=False)
    asked |= {"type": player.dice.choice(["add", "reduce"]), "amt": player.dice.choice(["1.5", "200"])}
    return player.venue.margin_balance(uid, asked)


def _advance(player: Player, uid: str) -> object:
    return player.venue.advance(player.venue.now + player.dice.randint(1, 3 * MINUTE))


def _refill(player: Player, uid: str) -> object:
    return player.venue.deposit(uid, Decimal(20_000))


_CALLS = {
    "place": (8, _place),
    "wait": (2, _wait),
    "cancel": (2, _cancel),
    "amend": (2, _amend),
    "close": (1, _close),
    "lever": (1, _lever),
    "margin": (1, _margin),
    "advance": (8, _advance),
    "refill": (0.2, _refill),
}


def check_books(venue: Venue) -> None:
    """Assert that the rows of every account agree with each other."""
    for uid in venue.uids:
        account = venue._desk.accounts[uid]
        assert sum(bill.bal_chg for bill in account.bills) == account.profile.cash
        assert len({bill.bill_id for bill in account.bills}) == len(account.bills)
        assert len({fill.trade_id for fill in account.fills}) == len(account.fills)
        filled: Counter[str] = Counter()
        held: Counter[tuple[str, str, str]] = Counter()
        for fill in account.fills:
            filled[fill.ord_id] += fill.sz  # type: ignore[assignment]
            held[fill.inst_id, fill.td_mode, fill.pos_side] += fill.sz if fill.side == "buy" else -fill.sz  # type: ignore[assignment]
        for order in account.orders.values():
            assert filled[order.ord_id] == order.acc_fill_sz
        for position in account.positions.values():
            assert held[position.position_key] == position.held
            assert position.held or not position.margin
        moved = sum(bill.pos_bal_chg for bill in account.bills)
        assert moved == sum(p.margin for p in account.positions.values())


def everything(venue: Venue) -> list[object]:
    """Return all that can be read of every account."""
    return [
        [
            venue.config(uid),
            venue.balance(uid),
            venue.positions(uid),
            venue.positions_history(uid),
            venue.orders_pending(uid),
            venue.orders_history_archive(uid, SWAP),
            venue.algos_pending(uid, ALGOS),
            venue.algos_history(uid, ENDED_ALGOS),
            venue.fills_history(uid, SWAP),
            venue.bills_archive(uid),
        ]
        for uid in venue.uids
    ]


def main(state: str, acks: str, seed: str) -> None:
    """Play until killed."""
    market = wild_market()
    player = Player(opened_on(market, State(state)), market, int(seed))
    with open(acks, "ab", buffering=0) as written:  # noqa: PTH123 - unbuffered: a line is out before the next call
        while True:
            placed = player.step()
            if placed is not None:
                os.write(written.fileno(), " ".join(placed).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
