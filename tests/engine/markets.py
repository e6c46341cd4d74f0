"""Generated markets for the engine: small, violent, and on exact grids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from arena.core.bars import Bars
from arena.core.instrument import Instrument, MarginTier, TierTable
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.engine.conduct import USUAL, Conduct, FineBars, Liquidity, Resting
from arena.engine.records import FillReason, expand_fills
from arena.engine.settlements import Settlements, place_settlements
from arena.engine.simulate import AccountCourse, AccountSettings, MarkPrices, simulate
from arena.engine.spot import SpotMarket
from tests.engine.oracle import Account, OracleResting, OracleRules, OracleSpot, run_oracle

HOUR = Timeframe.parse("1h")
TIERS = TierTable(
    "2026-01-01",
    "test",
    tuple(
        MarginTier(size, mmr, imr)
        for size, mmr, imr in [
            (1000, 0.004, 0.01),
            (5000, 0.005, 0.015),
            (20000, 0.0075, 0.02),
            (40000, 0.0125, 0.025),
            (60000, 0.0175, 0.03),
            (80000, 0.0225, 0.035),
        ]
    ),
)
BTC = Instrument(
    inst_id="BTC-USDT-SWAP",
    symbol="BTC/USDT:USDT",
    ct_val=0.01,
    lot_sz=0.01,
    min_sz=0.01,
    tick_sz=0.1,
    max_market_sz=12000.0,
    max_leverage=100.0,
    funding_interval_ms=8 * 3_600_000,
    tiers=TIERS,
)


@dataclass(frozen=True)
class Scene:
    """One run of the engine."""

    bars: Bars
    signal: Signal
    settlements: Settlements
    mark: MarkPrices
    instrument: Instrument
    settings: AccountSettings
    adjacent: list[bool]
    conduct: Conduct = USUAL

    def run(self) -> AccountCourse:
        return simulate(
            self.bars,
            self.signal,
            self.settlements,
            self.mark,
            self.instrument,
            self.settings,
            self.conduct,
        )

    def fills(self, course: AccountCourse) -> np.ndarray:
        return expand_fills(
            course.compact_fills,
            self.bars.ts,
            lot_sz=self.instrument.lot_sz,
            ct_val=self.instrument.ct_val,
            fee_rate=self.settings.fee_rate,
            capital=self.settings.initial_capital,
            maker=self.conduct.maker,
            spot_cash=None if course.spot is None else course.spot.fills["cash"],
        )


def make_signal(target: np.ndarray, stop: np.ndarray | None = None, take: np.ndarray | None = None) -> Signal:
    n = len(target)
    none = np.full(n, np.nan)
    return Signal(
        np.asarray(target, np.float64),
        none if stop is None else np.asarray(stop, np.float64),
        none if take is None else np.asarray(take, np.float64),
        np.ones(n),
        np.zeros(n, np.int16),
        ("",),
    )


def make_settings(**changes: object) -> AccountSettings:
    base = AccountSettings(
        initial_capital=10_000.0,
        fee_rate=0.0005,
        cost_rate=0.00011,
        leverage=3.0,
        isolated=False,
        size_mode="equity",
        size_value=1.0,
        first_bar=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def make_bars(rows: list[tuple[float, float, float, float]], *, skip: tuple[int, ...] = ()) -> Bars:
    """Bars from (open, high, low, close); `skip` are grid positions left out."""
    slots = [i for i in range(len(rows) + len(skip)) if i not in skip]
    table = np.array(rows, np.float64).reshape(-1, 4)
    columns = [np.ascontiguousarray(table[:, i]) for i in range(4)]
    ts = np.array(slots, np.int64) * HOUR.step_ms
    return Bars("BTC-USDT-SWAP", HOUR, ts, *columns, np.ones(len(rows)))


def scene_of(
    bars: Bars,
    signal: Signal,
    *,
    funding: list[tuple[int, float, float]] | None = None,
    mark: MarkPrices | None = None,
    instrument: Instrument = BTC,
    **settings: object,
) -> Scene:
    """A scene; funding rows are (ts, rate, mark price)."""
    rows = funding or []
    settlements = place_settlements(
        bars.ts,
        bars.timeframe.step_ms,
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.float64),
        np.array([r[2] for r in rows], np.float64),
    )
    steps = np.diff(bars.ts) == bars.timeframe.step_ms
    return Scene(
        bars,
        signal,
        settlements,
        mark or MarkPrices(bars.open, bars.high, bars.low),
        instrument,
        make_settings(**settings),
        [True, *steps.tolist()],
    )


def random_scene(seed: int) -> Scene:
    """A violent market on exact grids: gaps, jumps, odd targets, tight stops, high leverage, any sizing."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    scale = float(rng.choice([0.002, 0.01, 0.05, 0.2]))
    price, rows = 30_000.0, []
    for _ in range(n):
        open_ = max(10.0, round(price * (1 + rng.standard_normal() * scale * rng.choice([0.0, 0.3])), 1))
        close = max(10.0, round(open_ * (1 + rng.standard_normal() * scale), 1))
        high = round(max(open_, close) * (1 + abs(rng.standard_normal()) * scale * 0.5), 1)
        low = max(1.0, round(min(open_, close) * (1 - min(0.9, abs(rng.standard_normal()) * scale * 0.5)), 1))
        rows.append((open_, max(high, open_, close), min(low, open_, close), close))
        price = close
    holes = tuple(int(i) for i in rng.choice(n, size=int(rng.integers(0, 3)), replace=False) if i > 0)
    bars = make_bars(rows, skip=holes)
    levels = [-1.0, -0.5, 0.0, 0.3, 1.0]
    target = np.repeat(rng.choice(levels, size=n), rng.integers(1, 6, size=n))[:n]
    stop = np.where(rng.random(n) < 0.5, np.nan, np.round(bars.close * scale * rng.uniform(0.1, 3, n), 3))
    take = np.where(rng.random(n) < 0.5, np.nan, np.round(bars.close * scale * rng.uniform(0.1, 3, n), 3))
    shift = np.round(bars.open * rng.standard_normal(n) * scale * float(rng.choice([0.0, 0.2])), 1)
    mark_open = np.maximum(1.0, bars.open + shift)
    mark = MarkPrices(
        mark_open,
        np.maximum(bars.high + shift, mark_open),
        np.minimum(np.maximum(0.5, bars.low + shift), mark_open),
    )
    every = int(rng.choice([1, 4, 8])) * HOUR.step_ms
    when = np.arange(0, int(bars.ts[-1]) + HOUR.step_ms, every) + int(rng.choice([0, 0, 600_000]))
    funding = [(int(ts), float(round(rng.standard_normal() * 0.001, 6)), 30_000.0) for ts in when]
    mode = str(rng.choice(["equity", "equity", "notional", "contracts"]))
    value = {"equity": float(rng.choice([0.1, 0.5, 1.0])), "notional": 50_000.0, "contracts": 37.5}[mode]
    coarse = replace(BTC, lot_sz=0.1, min_sz=float(rng.choice([0.1, 1.0])), max_market_sz=3000.0)
    return scene_of(
        bars,
        make_signal(target, stop, take),
        funding=funding,
        mark=mark,
        instrument=BTC if rng.random() < 0.7 else coarse,
        initial_capital=float(rng.choice([50.0, 10_000.0, 5_000_000.0])),
        fee_rate=float(rng.choice([0.0, 0.0002, 0.0005])),
        cost_rate=float(rng.choice([0.0, 0.00011, 0.002])),
        leverage=float(rng.choice([1, 2, 5, 20, 50, 100])),
        isolated=bool(rng.random() < 0.4),
        size_mode=mode,
        size_value=value,
        first_bar=int(rng.integers(0, 4)),
    )


def split_scene(seed: int, *, gaps: bool = True) -> Scene:
    """A random scene whose bars are made of four finer ones each; some bars have none stored.

    Without `gaps` a finer bar opens where the one before it closed and the mark is the last price, so
    that the finer path is one of those that the bar allows.
    """
    rng = np.random.default_rng([seed, 4])
    scene = random_scene(seed)
    n, scale = len(scene.bars), float(rng.choice([0.002, 0.01, 0.05]))
    size = 4 * n
    moves = 1 + rng.standard_normal(size) * scale
    open_, close = np.empty(size), np.empty(size)
    price = 30_000.0
    for i in range(size):
        jump = 1 + rng.standard_normal() * scale * 0.3 * (gaps and rng.random() < 0.3)
        open_[i] = max(10.0, round(price * jump, 1))
        close[i] = price = max(10.0, round(open_[i] * moves[i], 1))
    wick = np.abs(rng.standard_normal((2, size))) * scale * 0.5
    high = np.round(np.maximum(open_, close) * (1 + wick[0]), 1)
    low = np.maximum(1.0, np.round(np.minimum(open_, close) * (1 - np.minimum(wick[1], 0.9)), 1))
    rows = list(
        zip(open_[::4], high.reshape(n, 4).max(1), low.reshape(n, 4).min(1), close[3::4], strict=True)
    )
    bars = replace(
        scene.bars,
        **dict(zip(("open", "high", "low", "close"), map(np.array, zip(*rows, strict=True)), strict=True)),
    )
    shift = np.round(rng.standard_normal() * scale * 0.1 * 30_000.0, 1) if gaps else 0.0
    mark_open, mark_high, mark_low = (np.maximum(1.0, part + shift) for part in (open_, high, low))
    mark = MarkPrices(mark_open[::4].copy(), mark_high.reshape(n, 4).max(1), mark_low.reshape(n, 4).min(1))
    reach = bars.close * scale
    signal = make_signal(
        scene.signal.target,
        np.where(rng.random(n) < 0.2, np.nan, np.round(reach * rng.uniform(0.1, 2, n), 3)),
        np.where(rng.random(n) < 0.2, np.nan, np.round(reach * rng.uniform(0.1, 2, n), 3)),
    )
    stored = rng.random(n) < 0.8
    fine = FineBars(
        np.arange(n) * 4, np.where(stored, 4, 0), open_, high, low, mark_open, mark_high, mark_low, close
    )
    return replace(scene, bars=bars, mark=mark, signal=signal, conduct=Conduct("worst", fine))


def thin_scene(seed: int) -> Scene:
    """A random scene with little volume, or with impact, or with late decisions, or with all of them."""
    rng = np.random.default_rng([seed, 5])
    scene = random_scene(seed) if rng.random() < 0.7 else split_scene(seed)
    n = len(scene.bars)
    typical = scene.settings.initial_capital * scene.settings.leverage / (300.0 * scene.instrument.lot_sz)
    room = np.round(typical * rng.choice([0.0, 0.1, 0.3, 1.0], n) * rng.random(n), 2)
    limited, moved = rng.random() < 0.7, rng.random() < 0.6
    liquidity = Liquidity(
        room if limited else np.full(n, np.inf),
        np.round(rng.random(n) * 0.01 / np.sqrt(max(1.0, typical)), 9) if moved else np.zeros(n),
    )
    late = int(rng.choice([0, 0, 1, 2, 5]))
    return replace(scene, conduct=replace(scene.conduct, liquidity=liquidity, latency_bars=late))


def resting_scene(seed: int, *, gaps: bool = True) -> Scene:
    """A random scene whose entries rest in the book, near or far, for few bars or many."""
    rng = np.random.default_rng([seed, 6])
    scene = split_scene(seed, gaps=gaps) if rng.random() < 0.6 or not gaps else random_scene(seed)
    reach = float(np.median(scene.bars.high - scene.bars.low) / np.median(scene.bars.close))
    resting = Resting(
        offset=float(rng.choice([0.0, round(reach * rng.uniform(0.0, 1.0), 5)])),
        bars=int(rng.choice([1, 2, 5, 50])),
        through=bool(rng.random() < 0.5),
        maker_fee=float(rng.choice([0.0, 0.0002])),
        takes=bool(rng.random() < 0.5),
    )
    n = len(scene.bars)
    moved = Liquidity(np.full(n, np.inf), np.full(n, 1e-6)) if gaps and rng.random() < 0.3 else None
    late = int(rng.choice([0, 0, 1])) if gaps else 0
    reading = scene.conduct.intrabar if scene.conduct.fine else str(rng.choice(["worst", "best", "ohlc"]))
    conduct = replace(scene.conduct, intrabar=reading, resting=resting, liquidity=moved, latency_bars=late)
    return replace(scene, conduct=conduct)


def hedged_scene(seed: int) -> Scene:
    """A scene of any kind that is never long, with spot prices near the swap's or far from them."""
    rng = np.random.default_rng([seed, 7])
    scene = (random_scene, split_scene, thin_scene, resting_scene)[int(rng.integers(4))](seed)
    n = len(scene.bars)
    width = float(rng.choice([0.0, 0.0005, 0.02]))
    spot = SpotMarket(
        np.round(scene.bars.open * (1 + width * rng.standard_normal(n)), 2),
        np.round(scene.bars.close * (1 + width * rng.standard_normal(n)), 2),
        cost_rate=float(rng.choice([0.0, 0.0002, 0.001])),
        fee_rate=float(rng.choice([0.0, 0.001])),
    )
    short = replace(scene.signal, target=-np.abs(scene.signal.target))
    return replace(scene, signal=short, conduct=replace(scene.conduct, spot=spot))


def decimal_of(value: float) -> Decimal:
    """The decimal that the float was written as."""
    return Decimal(repr(float(value)))


def oracle_of(scene: Scene) -> tuple[Account, list[Decimal]]:
    """Run the oracle on a scene."""
    bars, instrument, settings = scene.bars, scene.instrument, scene.settings
    candles = [_candle(bars, scene.mark, i) for i in range(len(bars))]
    distances = [
        tuple(None if np.isnan(x) else decimal_of(x) for x in pair)
        for pair in zip(scene.signal.stop_distance, scene.signal.take_distance, strict=True)
    ]
    signal = [(decimal_of(t), s, k) for t, (s, k) in zip(scene.signal.target, distances, strict=True)]
    s = scene.settlements
    funding = [
        (int(s.bar[i]), bool(s.at_open[i]), decimal_of(s.rate[i]), decimal_of(s.mark[i]))
        for i in range(len(s.bar))
    ]
    rules = OracleRules(
        ct_val=decimal_of(instrument.ct_val),
        lot=decimal_of(instrument.lot_sz),
        tick=decimal_of(instrument.tick_sz),
        min_contracts=decimal_of(instrument.min_sz),
        max_order_contracts=decimal_of(instrument.max_market_sz),
        tiers=[(decimal_of(t.max_contracts), decimal_of(t.mmr), decimal_of(t.imr)) for t in TIERS.tiers],
        leverage=decimal_of(settings.leverage),
        fee=decimal_of(settings.fee_rate),
        cost=decimal_of(settings.cost_rate),
        isolated=settings.isolated,
        size_mode=settings.size_mode,
        size_value=decimal_of(settings.size_value),
        first_bar=settings.first_bar,
    )
    return run_oracle(
        candles,
        scene.adjacent,
        signal,
        funding,
        rules,
        decimal_of(settings.initial_capital),
        scene.conduct.intrabar,
        _parts(scene.conduct.fine),
        _depth(scene.conduct.liquidity),
        scene.conduct.latency_bars,
        _resting(scene.conduct.resting),
        _spot(scene.conduct.spot),
    )


def _resting(rules: Resting | None) -> OracleResting | None:
    if rules is None:
        return None
    offset, maker_fee = decimal_of(rules.offset), decimal_of(rules.maker_fee)
    return OracleResting(offset, rules.bars, rules.through, maker_fee, rules.takes)


def _spot(spot: SpotMarket | None) -> OracleSpot | None:
    if spot is None:
        return None
    opens, closes = ([decimal_of(price) for price in prices.tolist()] for prices in (spot.open, spot.close))
    return OracleSpot(opens, closes, decimal_of(spot.cost_rate), decimal_of(spot.fee_rate))


def _depth(liquidity: Liquidity | None) -> list[tuple[Decimal | None, Decimal]] | None:
    if liquidity is None:
        return None
    rows = zip(liquidity.room_lots.tolist(), liquidity.impact.tolist(), strict=True)
    return [(None if room == np.inf else decimal_of(room), decimal_of(impact)) for room, impact in rows]


def _candle(last: Bars | FineBars, mark: MarkPrices, row: int) -> dict[str, Decimal]:
    prices = {name: decimal_of(getattr(last, name)[row]) for name in ("open", "high", "low", "close")}
    return prices | {f"mark_{name}": decimal_of(getattr(mark, name)[row]) for name in ("open", "high", "low")}


def _parts(fine: FineBars | None) -> list[list[dict[str, Decimal]]] | None:
    if fine is None:
        return None
    mark = MarkPrices(fine.mark_open, fine.mark_high, fine.mark_low)
    spans = zip(fine.first.tolist(), fine.count.tolist(), strict=True)
    return [[_candle(fine, mark, row) for row in range(first, first + count)] for first, count in spans]


REASON_NAMES = {reason: reason.name.lower() for reason in FillReason}
