"""The account in plain Python and Decimal, written from docs/engine.md and OKX's formulas.

Slow on purpose and structured unlike the kernel: a position object, a list of events a bar, a
loop that asks "what is the next thing that happens". Shares with the kernel only the written
rules and the two conventions that decide ties: SIZE_EPS for grids, order of events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, getcontext

getcontext().prec = 40

D = Decimal
ZERO = D(0)
GRID_EPS = D("0.000001")


def grid_floor(value: D) -> D:
    return (value + GRID_EPS).to_integral_value(ROUND_FLOOR)


def grid_ceil(value: D) -> D:
    return (value - GRID_EPS).to_integral_value(ROUND_CEILING)


@dataclass
class OracleRules:
    ct_val: D
    lot: D
    tick: D
    min_contracts: D
    max_order_contracts: D
    tiers: list[tuple[D, D, D]]  # (largest contracts, mmr, imr)
    leverage: D
    fee: D
    cost: D
    isolated: bool
    size_mode: str
    size_value: D
    first_bar: int


@dataclass
class OracleResting:
    offset: D
    bars: int
    through: bool
    maker_fee: D
    takes: bool


@dataclass
class OracleSpot:
    opens: list[D]
    closes: list[D]
    cost: D
    fee: D

    def paid(self, coins: D, price: D) -> tuple[D, D]:
        """Price paid and fee of signed coins."""
        price *= 1 + self.cost if coins > 0 else 1 - self.cost
        return price, abs(coins) * price * self.fee


@dataclass
class OracleSpotFill:
    bar: int
    coins: D  # signed
    price: D
    fee: D


@dataclass
class OracleFill:
    bar: int
    reason: str
    contracts: D  # signed
    ref: D
    price: D
    fee: D


@dataclass
class Order:
    bar: int
    target: D
    contracts: D
    stop_distance: D | None
    take_distance: D | None
    limit: D | None = None


@dataclass
class Account:
    rules: OracleRules
    wallet: D
    contracts: D = ZERO
    entry: D = ZERO
    margin: D = ZERO
    stop: D | None = None
    take: D | None = None
    funding: D = ZERO
    fees: D = ZERO
    fills: list[OracleFill] = field(default_factory=list)
    acted: D = ZERO
    order: Order | None = None
    expired: int = 0
    rejected: int = 0
    clipped: int = 0
    dead: bool = False
    room: D | None = None  # lots that an order may take of this bar; None: any
    impact: D = ZERO  # of one lot, in this bar
    resting: OracleResting | None = None
    unfilled: int = 0
    ambiguous: int = 0
    unresolved: list[int] = field(default_factory=list)
    spot: OracleSpot | None = None
    vault: D = ZERO  # coins held
    spot_fills: list[OracleSpotFill] = field(default_factory=list)

    @property
    def long(self) -> bool:
        return self.contracts > 0

    def coins(self, contracts: D | None = None) -> D:
        return (self.contracts if contracts is None else contracts) * self.rules.ct_val

    def unrealised(self, price: D) -> D:
        return self.coins() * (price - self.entry)

    def backing(self) -> D:
        return self.margin if self.rules.isolated else self.wallet

    def tier(self, contracts: D) -> int:
        for number, (largest, _, _) in enumerate(self.rules.tiers, 1):
            if abs(contracts) <= largest + GRID_EPS * self.rules.lot:
                return number
        return len(self.rules.tiers)

    def liquidation_price(self) -> D | None:
        """Isolated long: (entry - margin/size) / (1 - (mmr + fee)); the rest by sign (rigor.md)."""
        if self.contracts == 0:
            return None
        rate = self.rules.tiers[self.tier(self.contracts) - 1][1] + self.rules.fee
        per_coin = self.backing() / abs(self.coins())
        price = (self.entry - per_coin) / (1 - rate) if self.long else (self.entry + per_coin) / (1 + rate)
        return price if price > 0 else None

    def at_risk(self, mark: D) -> bool:
        """Whether OKX's margin ratio is at or below 100 %."""
        rate = self.rules.tiers[self.tier(self.contracts) - 1][1] + self.rules.fee
        return self.backing() + self.unrealised(mark) <= abs(self.coins()) * mark * rate

    def fill_price(self, ref: D, contracts: D) -> D:
        """What a market order of signed contracts pays."""
        buy = contracts > 0
        cost = self.rules.cost + self.impact * (abs(contracts) / self.rules.lot).sqrt()
        moved = ref * (1 + cost) if buy else ref * (1 - cost)
        steps = grid_ceil(moved / self.rules.tick) if buy else grid_floor(moved / self.rules.tick)
        return steps * self.rules.tick

    def trade(
        self,
        bar: int,
        contracts: D,
        ref: D,
        reason: str,
        price: D | None = None,
        fee_rate: D | None = None,
    ) -> None:
        """Book one fill that opens, adds, reduces or closes."""
        if price is None:
            price = self.fill_price(ref, contracts)
        rate = self.rules.fee if fee_rate is None else fee_rate
        fee = abs(self.coins(contracts)) * price * rate
        self.wallet -= fee
        self.fees += fee
        after = self.contracts + contracts
        if self.contracts == 0:
            self.entry = price
            self.margin = abs(self.coins(contracts)) * price / self.rules.leverage
        elif self.contracts * contracts > 0:
            self.entry = (self.contracts * self.entry + contracts * price) / after
            self.margin += abs(self.coins(contracts)) * price / self.rules.leverage
        else:
            self.wallet += self.coins(-contracts) * (price - self.entry)
            self.margin *= after / self.contracts
        self.contracts = after
        if after == 0:
            self.entry, self.margin, self.stop, self.take = D(0), D(0), None, None
        self.fills.append(OracleFill(bar, reason, contracts, ref, price, fee))

    def hedge(self, bar: int, *, at_open: bool) -> None:
        """Trade the coins of every fill of the swap that has none against it yet."""
        if self.spot is None or len(self.fills) == len(self.spot_fills):
            return
        for fill in self.fills[len(self.spot_fills) :]:
            coins = -self.coins(fill.contracts)
            quoted = (self.spot.opens if at_open else self.spot.closes)[bar]
            price, fee = self.spot.paid(coins, quoted)
            self.wallet -= coins * price + fee
            self.vault += coins
            self.spot_fills.append(OracleSpotFill(bar, coins, price, fee))
        assert self.vault == -self.coins()
        if self.wallet > 0:
            self.dead = False

    def spent_at_once(self) -> D:
        """What adding one coin takes out of the cash, as a share of its price."""
        if self.spot is None:
            return self.rules.fee
        return self.rules.fee + (1 + self.spot.cost) * (1 + self.spot.fee)

    def settle(self, rate: D, mark: D) -> None:
        amount = -self.coins() * mark * rate
        self.wallet += amount
        self.funding += amount

    def liquidate(self, bar: int, mark: D) -> None:
        first = True
        while self.contracts != 0 and (first or self.at_risk(mark)):
            first = False
            tier = self.tier(self.contracts)
            direction = 1 if self.long else -1
            solvent = self.backing() + self.unrealised(mark) > 0
            keep = D(0)
            if tier >= 3:
                keep = grid_floor(self.rules.tiers[tier - 3][0] / self.rules.lot) * self.rules.lot
            if solvent and keep > 0:
                self.trade(bar, -direction * (abs(self.contracts) - keep), mark, "liquidation_partial")
                continue
            # bankruptcy: the price at which margin, PnL and fee add up to nothing
            per_coin = self.backing() / abs(self.coins())
            fee = self.rules.fee
            gone = (self.entry - per_coin) / (1 - fee) if self.long else (self.entry + per_coin) / (1 + fee)
            self.trade(bar, -self.contracts, mark, "liquidation", gone)
            self.dead = not self.rules.isolated

    def largest_position(self, price: D) -> D:
        """Contracts that leverage tier, margin and fee allow at this price."""
        rules = self.rules
        held = abs(self.contracts)
        worth = rules.ct_val * price
        rate = 1 / rules.leverage + self.spent_at_once()
        if rules.isolated:
            money = held + max(D(0), (self.wallet - self.margin) / (worth * rate))
        else:
            money = (self.wallet + self.unrealised(price) + held * worth * self.spent_at_once()) / (
                worth * rate
            )
        allowed = [largest for largest, _, imr in rules.tiers if imr <= 1 / rules.leverage + D("1e-12")]
        tier_limit = grid_floor(max(allowed, default=D(0)) / rules.lot) * rules.lot
        return grid_floor(min(money, tier_limit) / rules.lot) * rules.lot

    def goal(self, order: Order) -> D:
        """How far towards the order's size this bar's volume lets the position go."""
        wanted, held, rules = order.contracts, self.contracts, self.rules
        if self.room is None or abs(wanted - held) <= self.room * rules.lot:
            return wanted
        step = grid_floor(self.room) * rules.lot
        if step < rules.min_contracts:
            return held
        goal = held + (step if wanted > held else -step)
        flips = goal * held < 0
        return ZERO if flips and abs(goal) < rules.min_contracts else goal

    def execute(self, bar: int, ref: D) -> None:
        order = self.order
        assert order is not None
        self.order = None
        self.acted = order.target
        if order.contracts == 0 and order.target != 0 and bar == order.bar + 1:
            self.rejected += 1
        goal, held = self.goal(order), self.contracts
        if goal != held:
            self.move(bar, ref, goal, order)
        if self.contracts == goal != order.contracts:
            self.order = order

    def move(self, bar: int, ref: D, wanted: D, order: Order) -> None:
        """Go to `wanted` contracts in one order: what it does in the bar has one price."""
        rules, held = self.rules, self.contracts
        price = self.fill_price(ref, wanted - held)
        if held != 0 and wanted * held <= 0:
            self.trade(bar, -held, ref, "close", price)
        elif abs(wanted) < abs(held):
            if abs(held) - abs(wanted) >= rules.min_contracts:
                self.trade(bar, wanted - held, ref, "close", price)
            else:
                self.rejected += 1
        if abs(wanted) <= abs(self.contracts):
            return
        if self.resting is not None:
            assert order.limit is not None
            if ref > order.limit if wanted > 0 else ref < order.limit:
                self.order = order
                return
            price = min(price, order.limit) if wanted > 0 else max(price, order.limit)
        self.add(bar, ref, price, wanted, order, "open", rules.fee)

    def add(self, bar: int, ref: D, price: D, wanted: D, order: Order, reason: str, fee_rate: D) -> None:
        """Open or enlarge to `wanted`, as far as margin and limits allow at `price`."""
        rules = self.rules
        direction = 1 if wanted > 0 else -1
        size = min(abs(wanted), self.largest_position(price), abs(self.contracts) + rules.max_order_contracts)
        added = size - abs(self.contracts)
        if added <= 0 or added < rules.min_contracts:
            self.rejected += 1
            return
        if size < D("0.99") * abs(wanted) - rules.lot:
            self.clipped += 1
        self.trade(bar, direction * added, ref, reason, price, fee_rate)
        self.stop = self._level(self.entry, -direction, order.stop_distance)
        self.take = self._level(self.entry, direction, order.take_distance)

    def rested(self, bar: int, open_: D, *, adjacent: bool) -> None:
        """An order that was in the book before this bar, at the bar's open."""
        assert self.order is not None
        assert self.resting is not None
        if bar - self.order.bar > self.resting.bars or not adjacent:
            self.order = None
            self.unfilled += 1
        elif self.fills_at(open_):
            self.enter(bar)

    def fills_at(self, price: D) -> bool:
        """Whether this price fills the resting order."""
        assert self.order is not None
        assert self.order.limit is not None
        assert self.resting is not None
        gone = (self.order.limit - price) * (1 if self.order.contracts > 0 else -1)
        return gone > 0 if self.resting.through else gone >= 0

    def enter(self, bar: int) -> None:
        order, self.order = self.order, None
        assert order is not None
        assert order.limit is not None
        assert self.resting is not None
        fee = self.resting.maker_fee
        self.add(bar, order.limit, order.limit, order.contracts, order, "open_limit", fee)

    def take_is_met(self, take: D | None, price: D, *, is_long: bool) -> bool:
        if take is None:
            return False
        gone = price - take if is_long else take - price
        strict = self.resting is not None and self.resting.takes and self.resting.through
        return gone > 0 if strict else gone >= 0

    def take_profit(self, bar: int, ref: D) -> None:
        if self.resting is not None and self.resting.takes:
            assert self.take is not None
            self.trade(bar, -self.contracts, self.take, "take_profit", self.take, self.resting.maker_fee)
        else:
            self.trade(bar, -self.contracts, ref, "take_profit")

    def sail(self, bar: int, candle: dict[str, D], order: str) -> None:
        """The path of a candle while an order may rest: from event to event, the next on the way first."""
        low_first, start = self.heading(bar, candle, order)
        for side in ("low", "high") if low_first else ("high", "low"):
            while event := self.next_event(candle, side):
                name, level = event
                was_long = self.long
                worse, better = (min, max) if was_long else (max, min)
                if name == "limit":
                    self.enter(bar)
                    start = level
                    continue
                if name == "liquidation":
                    self.liquidate(bar, worse(level, candle["mark_open"]))
                elif name == "stop":
                    self.trade(bar, -self.contracts, worse(level, start), "stop_loss")
                else:
                    self.take_profit(bar, better(level, start))
                self.drop_order(was_long=was_long)
        rising_at_last = not low_first
        if self.contracts == 0 or self.long != rising_at_last:
            return
        if self.take_is_met(self.take, candle["close"], is_long=self.long):
            assert self.take is not None
            self.take_profit(bar, max(self.take, start) if self.long else min(self.take, start))

    def heading(self, bar: int, candle: dict[str, D], order: str) -> tuple[bool, D]:
        """Whether the low comes first, and the price that the way begins at."""
        up, down = candle["high"] - candle["open"], candle["open"] - candle["low"]
        if self.contracts != 0:
            against_first = order == "worst" or (
                order == "ohlc" and not (up < down if self.long else down < up)
            )
            return against_first == self.long, candle["open"]
        assert self.order is not None
        buys = self.order.contracts > 0
        if order == "best" and self.fills_at(candle["low" if buys else "high"]):
            assert self.order.limit is not None
            start = self.order.limit
            self.enter(bar)
            return not buys, start
        entry_first = order == "ohlc" and (down < up if buys else up < down)
        return entry_first == buys, candle["open"]

    def next_event(self, candle: dict[str, D], side: str) -> tuple[str, D] | None:
        """What is met first on the way to the low or the high of a candle."""
        falling = side == "low"
        met: list[tuple[D, int, str, D]] = []

        def meet(rank: int, name: str, level: D) -> None:
            met.append((-level if falling else level, rank, name, level))

        if self.order is not None and (self.order.contracts > 0) == falling and self.fills_at(candle[side]):
            assert self.order.limit is not None
            meet(0, "limit", self.order.limit)
        if self.contracts != 0 and self.long == falling:
            liq = self.liquidation_price()
            mark = candle[f"mark_{side}"]
            if liq is not None and (mark <= liq if falling else mark >= liq):
                meet(1, "liquidation", liq)
            if self.stop is not None and (
                candle[side] <= self.stop if falling else candle[side] >= self.stop
            ):
                meet(2, "stop", self.stop)
        elif self.contracts != 0 and self.take_is_met(self.take, candle[side], is_long=self.long):
            assert self.take is not None
            meet(3, "take", self.take)
        if not met:
            return None
        _, _, name, level = min(met)
        return name, level

    def count_met(self, candle: dict[str, D]) -> int:
        """How many of stop, take-profit, liquidation and resting order lie within the candle."""
        order = self.order
        entry = order is not None and self.fills_at(candle["low" if order.contracts > 0 else "high"])
        if self.contracts != 0:
            met = self.levels_met(candle) - {"take"}
            good = candle["high" if self.long else "low"]
            return len(met) + self.take_is_met(self.take, good, is_long=self.long) + entry
        if not entry:
            return 0
        assert order is not None
        assert order.limit is not None
        buys = order.contracts > 0
        direction = 1 if buys else -1
        stop = self._level(order.limit, -direction, order.stop_distance)
        take = self._level(order.limit, direction, order.take_distance)
        stopped = stop is not None and (candle["low"] <= stop if buys else candle["high"] >= stop)
        return 1 + stopped + self.take_is_met(take, candle["high" if buys else "low"], is_long=buys)

    def voyage(self, bar: int, candle: dict[str, D], order: str, parts: list[dict[str, D]] | None) -> None:
        """The path of a bar while an order may rest, along finer candles where several things are met."""
        met = self.count_met(candle)
        self.ambiguous += met > 1
        if met < 2 or not parts:
            if met > 1 and parts is not None:
                self.unresolved.append(bar)
            if met:
                self.sail(bar, candle, order)
            return
        for number, part in enumerate(parts):
            if number:
                self.open_auction(bar, part["open"], part["mark_open"])
                if self.order is not None and self.fills_at(part["open"]):
                    self.enter(bar)
            if self.contracts != 0 or self.order is not None:
                self.sail(bar, part, "worst")

    def _level(self, entry: D, direction: int, distance: D | None) -> D | None:
        """Return entry + direction x distance, rounded away from the entry."""
        if distance is None:
            return None
        level = entry + direction * distance
        if level <= 0:
            return None
        steps = level / self.rules.tick
        return (grid_ceil(steps) if direction > 0 else grid_floor(steps)) * self.rules.tick

    def open_auction(self, bar: int, open_: D, mark_open: D) -> None:
        """What the open itself sets off, before any order of ours arrives."""
        if self.contracts == 0:
            return
        was_long = self.long
        liq = self.liquidation_price()
        if liq is not None and (mark_open <= liq if was_long else mark_open >= liq):
            self.liquidate(bar, mark_open)
        if self.contracts != 0:
            stop_hit = self.stop is not None and (open_ <= self.stop if was_long else open_ >= self.stop)
            if stop_hit:
                self.trade(bar, -self.contracts, open_, "stop_loss")
            elif self.take_is_met(self.take, open_, is_long=was_long):
                self.take_profit(bar, open_)
        self.drop_order(was_long=was_long)

    def drop_order(self, *, was_long: bool) -> None:
        """Forget an order that would have resized a position that is gone now."""
        if self.contracts == 0 and self.order and self.order.contracts * (1 if was_long else -1) > 0:
            self.acted, self.order = self.order.target, None
            self.expired += 1

    def levels_met(self, candle: dict[str, D]) -> set[str]:
        """Which of stop, liquidation and take-profit lie within the candle."""
        bad, good = ("low", "high") if self.long else ("high", "low")
        levels = {
            "stop": (self.stop, candle[bad]),
            "liquidation": (self.liquidation_price(), candle[f"mark_{bad}"]),
            "take": (self.take, candle[good]),
        }
        met = set()
        for name, (level, extreme) in levels.items():
            falling = self.long == (name != "take")
            if level is not None and (extreme <= level if falling else extreme >= level):
                met.add(name)
        return met

    def intrabar(self, bar: int, candle: dict[str, D], order: str, parts: list[dict[str, D]] | None) -> None:
        """The path inside a bar; `parts` are its finer candles, None where nobody asks for them."""
        if self.resting is not None:
            if self.contracts != 0 or self.order is not None:
                self.voyage(bar, candle, order, parts)
            return
        if self.contracts == 0:
            return
        was_long = self.long
        self.read(bar, candle, order, parts)
        self.drop_order(was_long=was_long)

    def read(self, bar: int, candle: dict[str, D], order: str, parts: list[dict[str, D]] | None) -> None:
        ambiguous = len(self.levels_met(candle)) > 1
        self.ambiguous += ambiguous
        if not ambiguous or parts is None:
            self.travel(bar, candle, order)
            return
        if not parts:
            self.unresolved.append(bar)
            self.travel(bar, candle, order)
            return
        for number, part in enumerate(parts):
            if number and self.contracts != 0:
                self.open_auction(bar, part["open"], part["mark_open"])
            self.travel(bar, part, "worst")

    def travel(self, bar: int, candle: dict[str, D], order: str) -> None:
        """Visit both extremes of a candle, one after the other, and do what is met there."""
        if self.contracts == 0:
            return
        bad, good = ("low", "high") if self.long else ("high", "low")
        near = abs(candle[good] - candle["open"]) < abs(candle[bad] - candle["open"])
        good_first = {"worst": False, "best": True, "ohlc": near}[order]
        for extreme in [good, bad] if good_first else [bad, good]:
            while self.contracts != 0:
                met = self.levels_met(candle) & ({"take"} if extreme == good else {"stop", "liquidation"})
                if not met:
                    break
                was_long, stop, take, liq = self.long, self.stop, self.take, self.liquidation_price()
                worse, better = (min, max) if was_long else (max, min)
                if met == {"stop", "liquidation"}:
                    assert stop is not None
                    assert liq is not None
                    nearer = stop > liq if was_long else stop < liq
                    met = {"stop"} if nearer else {"liquidation"}
                if met == {"liquidation"}:
                    assert liq is not None
                    self.liquidate(bar, worse(liq, candle["mark_open"]))
                elif met == {"stop"}:
                    assert stop is not None
                    self.trade(bar, -self.contracts, worse(stop, candle["open"]), "stop_loss")
                else:
                    assert take is not None
                    self.trade(bar, -self.contracts, better(take, candle["open"]), "take_profit")

    def worth(self, bar: int, close: D) -> D:
        coins = ZERO if self.spot is None else self.vault * self.spot.closes[bar]
        return self.wallet + self.unrealised(close) + coins

    def decide(self, bar: int, target: D, stop: D | None, take: D | None, close: D) -> None:
        rules = self.rules
        if target == self.acted or bar + 1 < rules.first_bar or self.dead:
            return
        worth = rules.ct_val * close
        if rules.size_mode == "equity":
            equity = self.worth(bar, close)
            if self.contracts * target < 0:  # a reversal first pays for its close
                equity -= abs(self.coins()) * close * (rules.fee + rules.cost)
            equity = max(D(0), equity)
            # margin + fee at the expected fill price are the share of equity
            cost_of_one = worth * (1 + rules.cost) * (1 / rules.leverage + self.spent_at_once())
            size = abs(target) * rules.size_value * equity / cost_of_one
        elif rules.size_mode == "notional":
            size = abs(target) * rules.size_value / worth
        else:
            size = abs(target) * rules.size_value
        size = grid_floor(size / rules.lot) * rules.lot
        limit = None
        if self.resting is not None:
            self.unfilled += self.order is not None
            if target > 0 and size > 0:
                limit = grid_floor(close * (1 - self.resting.offset) / rules.tick) * rules.tick
            else:
                limit = grid_ceil(close * (1 + self.resting.offset) / rules.tick) * rules.tick
        self.order = Order(bar, target, size if target > 0 else -size, stop, take, limit)


def run_oracle(
    candles: list[dict[str, D]],
    adjacent: list[bool],
    signal: list[tuple[D, D | None, D | None]],
    funding: list[tuple[int, bool, D, D]],
    rules: OracleRules,
    capital: D,
    order: str = "worst",
    parts: list[list[dict[str, D]]] | None = None,
    depth: list[tuple[D | None, D]] | None = None,
    latency: int = 0,
    resting: OracleResting | None = None,
    spot: OracleSpot | None = None,
) -> tuple[Account, list[D]]:
    """Play every bar; return the account and its equity at each close.

    `order` is how a bar is read; `parts` are each bar's finer candles, opened where more than one level
    is met; `depth` is (lots an order may take, impact of one lot) a bar; a decision is acted upon
    `latency` closes late, if no bar is missing on its way; `spot` is where the position is hedged.
    """
    account = Account(rules, capital, resting=resting, spot=spot)
    equity: list[D] = []
    arrived: tuple[D, D | None, D | None] = (ZERO, None, None)
    for bar, candle in enumerate(candles):
        if depth is not None:
            account.room, account.impact = depth[bar]
        due = [row for row in funding if row[0] == bar]
        for _, _, rate, mark in (row for row in due if row[1]):
            account.settle(rate, mark)
        account.open_auction(bar, candle["open"], candle["mark_open"])
        if account.order is not None:
            if resting is not None and account.order.bar < bar - 1:
                account.rested(bar, candle["open"], adjacent=adjacent[bar])
            elif adjacent[bar] or account.order.bar < bar - 1:
                account.execute(bar, candle["open"])
            else:
                account.order = None
                account.expired += 1
        account.hedge(bar, at_open=True)
        for _, _, rate, mark in (row for row in due if not row[1]):
            account.settle(rate, mark)
        account.intrabar(bar, candle, order, None if parts is None else parts[bar])
        account.hedge(bar, at_open=False)
        if bar >= latency and all(adjacent[bar - latency + 1 : bar + 1]):
            arrived = signal[bar - latency]
        account.decide(bar, *arrived, candle["close"])
        equity.append(account.worth(bar, candle["close"]))
    return account, equity
