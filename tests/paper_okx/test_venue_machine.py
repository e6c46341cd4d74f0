"""Any sequence of calls and ticks: money adds up, fills make the positions, what has ended stays so."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from arena.paper_okx.market import Settlement
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import Venue, VenueSettings
from arena.paper_okx.venue.funds import headroom
from tests.paper_okx import venue_field_lists as fields
from tests.paper_okx.fake_market import BTC, ETH, MINUTE, START, D, FakeMarket, contract, tick

SWAP = {"instType": "SWAP"}
ALGOS = {"ordType": "conditional,oco,trigger,move_order_stop"}
INSTRUMENTS = st.sampled_from([BTC, ETH])
MODES = st.sampled_from(["cross", "isolated"])
SIDES = st.sampled_from(["buy", "sell"])
SIZES = st.sampled_from(["0.01", "1", "7.5", "40", "300", "2500"])
TYPES = st.sampled_from(["market", "limit", "post_only", "fok", "ioc", "optimal_limit_ioc"])
OFFSETS = st.integers(-40, 40)  # tenths of a percent from the last price
ENDED = {"filled", "canceled"}


class VenueMachine(RuleBasedStateMachine):
    """One account on two instruments; each rule is one call."""

    @initialize(
        mode=st.sampled_from(["net_mode", "long_short_mode"]), usdt=st.sampled_from([500, 20_000, 400_000])
    )
    def open(self, mode: str, usdt: int) -> None:
        listed = {BTC: contract(), ETH: contract(ETH, ct_val="0.1", tick_sz="0.01", code=10461)}
        self.market = FakeMarket(listed=listed, depth=D(500))
        self.market.paths = {BTC: [tick(0, "50000")], ETH: [tick(0, "2500")]}
        self.market.rates = {BTC: [], ETH: []}
        self.venue = Venue(self.market, VenueSettings(fill_rule="touch", volume_share=D("0.5")))
        self.minute = 0
        self.ended: dict[str, dict[str, object]] = {}
        self.heard: list[tuple[str, frozenset[str]]] = []
        self.venue.listen(lambda e: self.heard.extend((e.channel, frozenset(row)) for row in e.rows))
        self.venue.advance(START)
        self.venue.open_account("u", Decimal(usdt), mode)

    def price(self, inst_id: str, tenths: int) -> str:
        last, step = self.market.paths[inst_id][-1].last, self.market.listed[inst_id].tick_sz
        return str((last * (1000 + tenths) / 1000 // step) * step)

    def leg(self, side: str, closing: bool) -> dict[str, str]:
        if self.venue.config("u")["posMode"] == "net_mode":
            return {}
        return {"posSide": "long" if (side == "buy") != closing else "short"}

    def ask(self, method: str, **asked: object) -> bool:
        """Make a call; return whether it was done."""
        try:
            getattr(self.venue, method)("u", asked)
        except Refusal:
            return False
        return True

    @rule(
        inst_id=INSTRUMENTS,
        mode=MODES,
        side=SIDES,
        kind=TYPES,
        sz=SIZES,
        tenths=OFFSETS,
        closing=st.booleans(),
        reduce_only=st.booleans(),
        stop=st.booleans(),
    )
    def place(
        self,
        inst_id: str,
        mode: str,
        side: str,
        kind: str,
        sz: str,
        tenths: int,
        closing: bool,
        reduce_only: bool,
        stop: bool,
    ) -> None:
        account = self.venue._desk.accounts["u"]
        before = headroom(self.venue._desk, account)
        asked: dict[str, object] = {
            "instId": inst_id,
            "tdMode": mode,
            "side": side,
            "ordType": kind,
            "sz": sz,
        }
        if kind not in {"market", "optimal_limit_ioc"}:
            asked["px"] = self.price(inst_id, tenths)
        if stop:
            away = -60 if side == "buy" else 60
            asked["attachAlgoOrds"] = [{"slTriggerPx": self.price(inst_id, away), "slOrdPx": "-1"}]
        placed = self.ask("place_order", **asked, **self.leg(side, closing), reduceOnly=reduce_only)
        if placed and before >= 0:
            assert headroom(self.venue._desk, account) >= D("-1E-9")

    @rule(pick=st.integers(0, 20))
    def cancel(self, pick: int) -> None:
        if pending := self.venue.orders_pending("u"):
            chosen = pending[pick % len(pending)]
            assert self.ask("cancel_order", instId=chosen["instId"], ordId=chosen["ordId"])

    @rule(pick=st.integers(0, 20), sz=SIZES, tenths=OFFSETS)
    def amend(self, pick: int, sz: str, tenths: int) -> None:
        if pending := self.venue.orders_pending("u"):
            chosen = pending[pick % len(pending)]
            inst_id = str(chosen["instId"])
            self.ask(
                "amend_order",
                instId=inst_id,
                ordId=chosen["ordId"],
                newSz=sz,
                newPx=self.price(inst_id, tenths),
                cxlOnFail=pick % 5 == 0,
            )

    @rule(
        inst_id=INSTRUMENTS,
        mode=MODES,
        side=SIDES,
        sz=SIZES,
        kind=st.sampled_from(["conditional", "oco", "trigger", "move_order_stop"]),
        whole=st.booleans(),
    )
    def wait(self, inst_id: str, mode: str, side: str, sz: str, kind: str, whole: bool) -> None:
        up, down = self.price(inst_id, 15), self.price(inst_id, -15)
        take, stop = (up, down) if side == "sell" else (down, up)
        asked: dict[str, object] = {
            "instId": inst_id,
            "tdMode": mode,
            "side": side,
            "ordType": kind,
            "sz": sz,
        }
        if kind == "trigger":
            asked |= {"triggerPx": take, "orderPx": "-1"}
        elif kind == "move_order_stop":
            asked |= {"activePx": take, "callbackRatio": "0.01", "cxlOnClosePos": whole}
        else:
            asked |= {"slTriggerPx": stop, "slOrdPx": "-1", "cxlOnClosePos": whole}
            if kind == "oco":
                asked |= {"tpTriggerPx": take, "tpOrdPx": take}
            if whole:
                asked |= {"sz": "", "closeFraction": "1"}
        self.ask("place_algo", **asked, **self.leg(side, kind != "trigger"), reduceOnly=kind != "trigger")

    @rule(pick=st.integers(0, 20))
    def cancel_waiting(self, pick: int) -> None:
        if rows := self.venue.algos_pending("u", ALGOS):
            chosen = rows[pick % len(rows)]
            assert self.ask("cancel_algo", instId=chosen["instId"], algoId=chosen["algoId"])

    @rule(inst_id=INSTRUMENTS, mode=MODES, lever=st.sampled_from([1, 2, 10, 40, 100]), long=st.booleans())
    def lever(self, inst_id: str, mode: str, lever: int, long: bool) -> None:
        leg = self.leg("buy" if long else "sell", closing=False) if mode == "isolated" else {}
        self.ask("set_leverage", instId=inst_id, mgnMode=mode, lever=lever, **leg)

    @rule(mode=st.sampled_from(["net_mode", "long_short_mode"]))
    def mode(self, mode: str) -> None:
        self.ask("set_position_mode", posMode=mode)

    @rule(inst_id=INSTRUMENTS, mode=MODES, long=st.booleans(), cancel=st.booleans())
    def close(self, inst_id: str, mode: str, long: bool, cancel: bool) -> None:
        leg = self.leg("buy" if long else "sell", closing=False)
        self.ask("close_position", instId=inst_id, mgnMode=mode, autoCxl=cancel, **leg)

    @rule(
        inst_id=INSTRUMENTS, long=st.booleans(), add=st.booleans(), amt=st.sampled_from(["0.5", "75", "4000"])
    )
    def margin(self, inst_id: str, long: bool, add: bool, amt: str) -> None:
        leg = self.leg("buy" if long else "sell", closing=False)
        self.ask("margin_balance", instId=inst_id, type="add" if add else "reduce", amt=amt, **leg)

    @rule(seconds=st.sampled_from(["0", "10", "70"]))
    def switch(self, seconds: str) -> None:
        self.ask("cancel_all_after", timeOut=seconds)

    @rule(usdt=st.integers(-300, 300))
    def deposit(self, usdt: int) -> None:
        try:
            self.venue.deposit("u", Decimal(usdt))
        except Refusal:
            assert usdt < 0

    @rule(
        btc=st.integers(-60, 60),
        eth=st.integers(-60, 60),
        gap=st.integers(-30, 30),
        volume=st.sampled_from(["0", "3", "900"]),
        rate=st.sampled_from(["", "0.003", "-0.001"]),
    )
    def advance(self, btc: int, eth: int, gap: int, volume: str, rate: str) -> None:
        """Play one minute: prices move by tenths of a percent, the mark beside them by hundredths."""
        self.minute += 1
        for inst_id, tenths in ((BTC, btc), (ETH, eth)):
            last = max(D("10"), D(self.price(inst_id, tenths)))
            mark = last * (10_000 + gap) / 10_000
            self.market.paths[inst_id].append(tick(self.minute, str(last), volume=volume, mark=str(mark)))
            if rate:
                self.market.rates[inst_id].append(Settlement(START + self.minute * MINUTE, D(rate)))
        self.venue.advance(START + self.minute * MINUTE)

    @invariant()
    def the_sum_of_bills_is_the_cash(self) -> None:
        account = self.venue._desk.accounts["u"]
        assert sum(bill.bal_chg for bill in account.bills) == account.profile.cash
        (detail,) = self.venue.balance("u")["details"]  # type: ignore[attr-defined]
        assert D(detail["cashBal"]) == account.profile.cash
        running = D(0)
        for bill in account.bills:
            running += bill.bal_chg
            assert bill.bal == running
            if bill.kind in {"2", "5", "8"}:
                assert bill.bal_chg == bill.pnl + bill.fee

    @invariant()
    def money_went_where_the_records_say(self) -> None:
        account = self.venue._desk.accounts["u"]
        margin = sum(p.margin for p in account.positions.values())
        assert all(p.margin == 0 for p in account.positions.values() if not p.held or p.mgn_mode == "cross")
        moved = sum(b.pos_bal_chg for b in account.bills)
        assert moved == margin
        made = sum(f.pnl + f.fee for f in account.fills) + sum(b.pnl for b in account.bills if b.kind == "8")
        paid = sum(b.bal_chg for b in account.bills if b.kind == "1")
        assert account.profile.cash + margin == paid + made

    @invariant()
    def the_sum_of_fills_is_the_position(self) -> None:
        account = self.venue._desk.accounts["u"]
        held: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        filled: dict[str, Decimal] = defaultdict(Decimal)
        for fill in account.fills:
            held[fill.inst_id, fill.td_mode, fill.pos_side] += fill.sz if fill.side == "buy" else -fill.sz
            filled[fill.ord_id] += fill.sz
        assert {k: v for k, v in held.items() if v} == {
            p.position_key: p.held for p in account.open_positions()
        }
        for order in account.orders.values():
            assert filled.get(order.ord_id, D(0)) == order.acc_fill_sz <= order.sz
        assert all(
            (p.held > 0) == (p.pos_side == "long") for p in account.open_positions() if p.pos_side != "net"
        )
        assert len({fill.trade_id for fill in account.fills}) == len(account.fills)

    @invariant()
    def equity_is_cash_and_isolated_and_profit(self) -> None:
        (detail,) = self.venue.balance("u")["details"]  # type: ignore[attr-defined]
        rows = self.venue.positions("u")
        isolated = sum(D(r["margin"]) + D(r["upl"]) for r in rows if r["mgnMode"] == "isolated")  # type: ignore[arg-type]
        crossed = sum(D(r["upl"]) for r in rows if r["mgnMode"] == "cross")  # type: ignore[arg-type]
        assert D(detail["eq"]) == D(detail["cashBal"]) + isolated + crossed
        assert D(detail["isoEq"]) == isolated
        assert D(detail["availEq"]) >= 0
        for row in rows:
            parts = ("pnl", "fee", "fundingFee", "liqPenalty")
            assert D(row["realizedPnl"]) == sum(D(row[part]) for part in parts)  # type: ignore[arg-type]
            assert row["liqPx"] == "" or D(row["liqPx"]) > 0  # type: ignore[arg-type]
            assert D(row["liqPenalty"]) <= 0  # type: ignore[arg-type]

    @invariant()
    def what_has_ended_stays_as_it_was(self) -> None:
        rows = {str(row["ordId"]): row for row in self.venue.orders_history_archive("u", SWAP)}
        for ord_id, row in self.ended.items():
            assert rows.get(ord_id, row) == row
        self.ended |= rows
        assert all(row["state"] in ENDED for row in rows.values())
        assert not {str(row["ordId"]) for row in self.venue.orders_pending("u")} & set(self.ended)

    @invariant()
    def rows_are_whole_and_plain(self) -> None:
        read = [
            (fields.ORDER, self.venue.orders_pending("u")),
            (fields.ORDER, self.venue.orders_history_archive("u", SWAP)),
            (fields.FILL, self.venue.fills("u")),
            (fields.POSITION, self.venue.positions("u")),
            (fields.CLOSING, self.venue.positions_history("u")),
            (fields.BILL, self.venue.bills("u")),
            (fields.BALANCE, [self.venue.balance("u")]),
            (fields.ALGO, self.venue.algos_pending("u", ALGOS)),
        ]
        for keys, rows in read:
            for row in rows:
                assert set(row) == keys
                assert not [
                    v
                    for v in row.values()
                    if isinstance(v, str) and ("N" in v[:1] or "E+" in v or "Inf" in v)
                ]
        assert all(keys == fields.BY_CHANNEL[channel] for channel, keys in self.heard)
        self.heard.clear()


TestVenueMachine = VenueMachine.TestCase
TestVenueMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
