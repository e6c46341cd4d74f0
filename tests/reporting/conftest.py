"""Runs made for the report: a seeded random walk with holes, trades of every kind, true sums."""

from __future__ import annotations

import importlib.resources
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.backtest.records import TRADE_DTYPE
from arena.backtest.result import (
    AccountInfo,
    BacktestResult,
    CostProvenance,
    Counts,
    DataHealth,
    Drawdown,
    Gap,
    MarketInfo,
    Metric,
    MonthReturn,
    PnlSplit,
    Provenance,
    RunArrays,
    RunInfo,
    StrategyInfo,
)
from arena.core.bars import SYNTHETIC, Bars
from arena.core.clock import to_iso
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.engine.records import FILL_DTYPE, FillReason
from arena.reporting.figures import number

FIRST_TS = 1_672_531_200_000  # 2023-01-01
CAPITAL = 10_000.0
CT_VAL = 0.01
REASONS = ("", "cross up", "cross down")

DRAWN = "html[data-drawn=true]"

MadeRun = tuple[BacktestResult, RunArrays]
RunMaker = Callable[..., MadeRun]


class Tab:
    """A page with everything it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, *, script: bool = True, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(offline=True, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        start = time.perf_counter()
        self.page.goto(path.as_uri())
        if script and options.get("java_script_enabled", True):
            self.page.wait_for_selector(DRAWN, state="attached", timeout=20_000)
        self.seconds = time.perf_counter() - start


@pytest.fixture
def open_tab(browser: Any) -> Iterator[Any]:
    tabs: list[Tab] = []

    def opened(path: Path, **options: Any) -> Tab:
        tabs.append(Tab(browser, path, **options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.context.close()


@pytest.fixture(scope="session")
def axe_violations() -> Callable[[Any], list[Any]]:
    """Return a function that gives what axe has against a page; A, AA and best practice."""
    source = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")

    def look(page: Any) -> list[Any]:
        page.evaluate(source)
        rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"
        found = page.evaluate(f"() => axe.run(document, {{runOnly: {rules}}})")
        assert len(found["passes"]) > 15
        return [(item["id"], [node["target"] for node in item["nodes"][:5]]) for item in found["violations"]]

    return look


@pytest.fixture(scope="session")
def make_run() -> RunMaker:
    """Return the maker, so that a test asks for the size and shape it needs."""
    return build_run


@pytest.fixture(scope="session")
def small_run() -> MadeRun:
    """Return 1,500 hourly bars with two holes and 60 trades."""
    return build_run(1_500, 60)


def build_run(
    n: int,
    n_trades: int,
    *,
    timeframe: str = "1h",
    gaps: tuple[tuple[int, int], ...] = ((400, 60), (900, 5)),
    seed: int = 7,
    name: str = "first try",
    synthetic: bool = True,
    warnings: tuple[str, ...] | None = None,
) -> MadeRun:
    """Return a result and its arrays; `gaps` are (bars before the hole, bars missing)."""
    rng = np.random.default_rng(seed)
    bars = _bars(rng, n, Timeframe.parse(timeframe), gaps)
    trades = _trades(rng, bars, n_trades)
    equity, position = _account(bars, trades)
    hold = CAPITAL * bars.close / bars.open[min(50, n - 1)]
    reason = np.zeros(n, np.int16)
    signal = Signal(np.sign(position), np.full(n, np.nan), np.full(n, np.nan), np.ones(n), reason, REASONS)
    arrays = RunArrays(bars, signal, equity, position, hold, _fills(trades), trades)
    return _result(arrays, gaps, name=name, synthetic=synthetic, warnings=warnings), arrays


def _bars(rng: np.random.Generator, n: int, timeframe: Timeframe, gaps: tuple[tuple[int, int], ...]) -> Bars:
    slot = np.arange(n)
    for before, missing in gaps:
        slot[before:] += missing
    wild = 0.004 * np.exp(0.8 * np.sin(np.arange(n) / 900) + 0.3 * rng.standard_normal(n))
    close = np.round(30_000 * np.exp(np.cumsum(wild * rng.standard_normal(n) + 2e-6)), 1)
    opened = np.round(np.concatenate((close[:1], close[:-1])) + rng.choice([0, 0, 0, 0.1, -0.1], n), 1)
    body = np.maximum(opened, close), np.minimum(opened, close)
    reach = np.abs(rng.standard_normal((2, n))) * wild * close
    high, low = np.round(body[0] + reach[0], 1), np.round(body[1] - reach[1], 1)
    volume = np.round(np.exp(5 + rng.standard_normal(n)), 3)
    ts = FIRST_TS + slot * timeframe.step_ms
    return Bars("BTC-USDT-SWAP", timeframe, ts, opened, high, low, close, volume, frozenset({SYNTHETIC}))


def _trades(rng: np.random.Generator, bars: Bars, count: int) -> np.ndarray:
    trades = np.zeros(count, TRADE_DTYPE)
    if not count:
        return trades
    edges = np.sort(rng.choice(np.arange(50, len(bars) - 1), 2 * count, replace=False)).reshape(-1, 2)
    entry, leave = edges[:, 0], edges[:, 1]
    side = rng.choice([-1, 1], count)
    contracts = np.round(rng.uniform(10, 40, count), 2)
    start, end = bars.open[entry], bars.open[leave]
    trades["entry_bar"], trades["exit_bar"] = entry, leave
    trades["entry_ts"], trades["exit_ts"] = bars.ts[entry], bars.ts[leave]
    trades["side"], trades["contracts"] = side, contracts
    trades["entry_price"], trades["exit_price"] = start, end
    trades["price_pnl"] = side * contracts * CT_VAL * (end - start)
    trades["fees"] = 0.0005 * contracts * CT_VAL * (start + end)
    trades["funding"] = np.round(rng.normal(-0.2, 0.6, count), 4)
    trades["slippage"] = 0.0002 * contracts * CT_VAL * (start + end)
    trades["net_pnl"] = (
        trades["price_pnl"] - trades["fees"] + trades["funding"] - trades["slippage"] - trades["penalty"]
    )
    trades["return_on_equity"] = trades["net_pnl"] / CAPITAL
    trades["mae"] = -np.abs(rng.normal(0.01, 0.01, count))
    trades["mfe"] = np.abs(rng.normal(0.012, 0.01, count))
    trades["bars_held"] = leave - entry
    kinds = [FillReason.CLOSE, FillReason.STOP_LOSS, FillReason.TAKE_PROFIT]
    trades["exit_reason"] = rng.choice(kinds, count, p=[0.6, 0.25, 0.15])
    trades["entry_reason"] = np.where(side > 0, 1, 2)
    trades["is_open"][-1], trades["exit_reason"][-1] = True, 0
    return trades


def _account(bars: Bars, trades: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cash, position, running = (np.zeros(len(bars)) for _ in range(3))
    for trade in trades:
        held = slice(trade["entry_bar"], trade["exit_bar"])
        position[held] = trade["side"] * trade["contracts"]
        running[held] = (
            trade["side"] * trade["contracts"] * CT_VAL * (bars.close[held] - trade["entry_price"])
        )
        cash[trade["exit_bar"] :] += trade["net_pnl"]
    return CAPITAL + cash + running, position


def _fills(trades: np.ndarray) -> np.ndarray:
    fills = np.zeros(2 * len(trades), FILL_DTYPE)
    for end, at in (("entry", 0), ("exit", 1)):
        rows = fills[at::2]
        rows["bar"], rows["ts"], rows["price"] = (
            trades[f"{end}_bar"],
            trades[f"{end}_ts"],
            trades[f"{end}_price"],
        )
        rows["ref_price"], rows["contracts"] = trades[f"{end}_price"], trades["contracts"]
        rows["side"] = trades["side"] * (1 - 2 * at)
        rows["reason"] = (
            np.where(trades["exit_reason"] == 0, 2, trades["exit_reason"]) if at else FillReason.OPEN
        )
    return fills


def _result(
    arrays: RunArrays,
    gaps: tuple[tuple[int, int], ...],
    *,
    name: str,
    synthetic: bool,
    warnings: tuple[str, ...] | None,
) -> BacktestResult:
    bars, trades, n = arrays.bars, arrays.trades, len(arrays.bars)
    total = float(arrays.equity[-1] - CAPITAL)
    peak = np.maximum.accumulate(np.maximum(arrays.equity, CAPITAL))
    depth = arrays.equity / peak - 1
    trough = int(depth.argmin())
    parts = {
        part: float(trades[part].sum()) for part in ("price_pnl", "fees", "funding", "slippage", "penalty")
    }
    missing = sum(length for _, length in gaps)
    return BacktestResult(
        synthetic=synthetic,
        run=RunInfo(
            run_id="20260131T120000-123-9f3c2a1b",
            job="backtest",
            name=name,
            created_at="2026-01-31T12:00:00Z",
            command="python -m jobs.backtest strategy=ema_trend timeframe=1h limit=20000 name='first try'",
        ),
        market=MarketInfo(
            inst_id=bars.inst_id,
            symbol="BTC/USDT:USDT",
            timeframe=str(bars.timeframe),
            start=to_iso(int(bars.ts[0])),
            end=to_iso(int(bars.close_ts[-1])),
            bars=n,
            signal_window=50,
            traded_bars=n - 50,
            history_bars=500,
            warmup_bars=104,
        ),
        strategy=StrategyInfo(
            name="ema_trend",
            params={"fast": 12, "slow": 26, "adx": {"length": 14, "floor": 20.0}, "stop_atr": None},
        ),
        account=AccountInfo(
            initial_capital=CAPITAL,
            final_equity=CAPITAL + total,
            leverage=3.0,
            margin_mode="cross",
            sizing={"kind": "equity_share", "share": 0.95},
        ),
        primary=_primary(total, depth, len(trades)),
        secondary=_secondary(),
        buy_and_hold=[
            Metric(name="total_return", label="Total return", value=0.213, unit="fraction"),
            Metric(name="max_drawdown", label="Max drawdown", value=-0.41, unit="fraction"),
            Metric(name="sharpe", label="Sharpe", value=0.61, unit="ratio"),
        ],
        pnl=PnlSplit(
            price=parts["price_pnl"],
            fees=parts["fees"],
            funding=parts["funding"],
            slippage=parts["slippage"],
            liquidation=parts["penalty"],
            total=total,
            identity_error=2.2e-15,
        ),
        costs=_costs(parts),
        data=DataHealth(
            expected=n + missing,
            present=n,
            missing=missing,
            flat=3,
            gaps=[
                Gap(start=to_iso(_gap_ts(bars, at)), end=to_iso(int(bars.ts[at])), bars=length)
                for at, length in sorted(gaps, key=lambda gap: -gap[1])
            ],
            gap_count=len(gaps),
            history_missing=0,
            funding_expected=n // 8,
            funding_present=n // 8 - 1,
            mark_missing=2,
        ),
        counts=Counts(
            orders=2 * len(trades),
            fills=2 * len(trades),
            trades=len(trades),
            open_trades=int(trades["is_open"].sum()),
            stop_losses=int((trades["exit_reason"] == FillReason.STOP_LOSS).sum()),
            take_profits=int((trades["exit_reason"] == FillReason.TAKE_PROFIT).sum()),
            liquidations=0,
            partial_liquidations=0,
            expired_orders=1,
            rejected_orders=0,
            clipped_orders=4,
        ),
        drawdowns=[
            Drawdown(
                depth=float(depth.min()) * factor,
                peak=to_iso(int(bars.ts[trough // 2])),
                trough=to_iso(int(bars.ts[trough])),
                recovered=None if factor == 1 else to_iso(int(bars.ts[-1])),
                bars=n - trough,
            )
            for factor in (1, 0.7, 0.5, 0.4, 0.2)
        ],
        monthly=_monthly(arrays),
        provenance=Provenance(
            config_hash="9f3c2a1b" * 8,
            dataset_hash="51d0c7e4" * 8,
            code_version="0.1.0+g1a2b3c4",
            versions={"python": "3.11.7", "numpy": "2.4.6", "numba": "0.63.1", "pyarrow": "26.0.1"},
            seed=None,
        ),
        warnings=list(
            warnings
            if warnings is not None
            else (
                f"{missing} bars are missing in the run's range; orders due on a missing bar were dropped.",
                "Slippage is estimated: no order book was recorded for this range.",
            )
        ),
        timings_ms={"read": 4.1, "signal": 1.2, "engine": 0.4, "metrics": 6.3},
    )


def _gap_ts(bars: Bars, at: int) -> int:
    return int(bars.ts[at - 1]) + bars.timeframe.step_ms


def _primary(total: float, depth: np.ndarray, trades: int) -> list[Metric]:
    def metric(
        name: str, label: str, value: float | None, unit: str, note: str = "", reason: str = ""
    ) -> Metric:
        return Metric(
            name=name, label=label, value=value, unit=unit, note=note or None, reason=reason or None
        )

    return [
        metric(
            "total_return",
            "Total return",
            total / CAPITAL,
            "fraction",
            f"{number(total)} USDT; buy and hold +21.30%",
        ),
        metric("cagr", "CAGR", None, "fraction", reason="the run is shorter than 90 days"),
        metric("max_drawdown", "Max drawdown", float(depth.min()), "fraction", "lasted 412 bars"),
        metric("sharpe", "Sharpe", 1.234, "ratio", "per bar, 365 days, risk-free 0"),
        metric("sortino", "Sortino", 1.87, "ratio", "365 days"),
        metric("calmar", "Calmar", None, "ratio", reason="CAGR is undefined"),
        metric("profit_factor", "Profit factor", 1.41, "ratio"),
        metric("win_rate", "Win rate", 0.432, "fraction", "payoff 1.85"),
        metric("trades", "Trades", float(trades), "count"),
        metric("expectancy", "Expectancy per trade", total / max(trades, 1), "usdt", "+0.08% of equity"),
        metric("exposure", "Time in market", 0.533, "fraction"),
        metric("total_costs", "Costs", 812.4, "usdt", "18.2% of gross profit"),
    ]


def _secondary() -> list[Metric]:
    return [
        Metric(name="volatility", label="Annual volatility", value=0.31, unit="fraction", note="365 days"),
        Metric(name="underwater", label="Longest under water", value=412.0, unit="bars"),
        Metric(name="holding", label="Mean holding time", value=1.6, unit="days"),
        Metric(name="max_leverage", label="Highest leverage", value=2.8, unit="leverage"),
        Metric(name="kelly", label="Kelly fraction", value=None, unit="fraction", reason="no losing trade"),
    ]


def _costs(parts: dict[str, float]) -> list[CostProvenance]:
    def cost(
        name: str, shares: tuple[float, float, float], source: str, amount: float | None
    ) -> CostProvenance:
        actual, estimated, missing = shares
        status = "missing" if missing else "estimated" if estimated else "actual"
        return CostProvenance(
            cost=name,
            status=status,
            actual_share=actual,
            estimated_share=estimated,
            missing_share=missing,
            source=source,
            amount=amount,
        )

    return [
        cost("fee", (1, 0, 0), "fee_rate of the config, taker on every fill", parts["fees"]),
        cost("slippage", (0, 1, 0), "fixed 2 bps of the config", parts["slippage"]),
        cost("funding", (0.98, 0, 0.02), "settled rates from the store", parts["funding"]),
        cost("mark_price", (0.9, 0.1, 0), "stored mark series, last price where it is missing", None),
    ]


def _monthly(arrays: RunArrays) -> list[MonthReturn]:
    months = arrays.bars.ts.astype("datetime64[ms]").astype("datetime64[M]").astype(int)
    rows, before = [], CAPITAL
    for month in np.unique(months):
        last = float(arrays.equity[months == month][-1])
        rows.append(
            MonthReturn(year=1970 + int(month) // 12, month=int(month) % 12 + 1, value=last / before - 1)
        )
        before = last
    return rows
