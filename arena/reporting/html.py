"""Render a run as one HTML file that needs no network.

Reads the result and its arrays, writes nothing. Invariant: everything is inline and the page's
content policy lets only its own two scripts run, so a hostile run name can do nothing.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np

from arena.backtest.result import BacktestResult, RunArrays
from arena.config.models import BacktestConfig
from arena.core.bars import FloatArray
from arena.core.errors import ConfigError
from arena.reporting.band_view import band_view, conduct_rows
from arena.reporting.drawing import (
    draw_curves,
    draw_histogram,
    drawdown_curve,
    equity_curves,
    histogram,
    price_curve,
)
from arena.reporting.encoding import decimal_scale
from arena.reporting.figures import REASON_NAMES
from arena.reporting.frame import ChartFrame, chart_frame, pack_frame
from arena.reporting.heat import heat_css
from arena.reporting.page import content_policy, environment, json_block, static
from arena.reporting.trades import PRINTED_AT_EACH_END, group_trades, pack_trades, printed_trades
from arena.reporting.verdict_view import verdict_view
from arena.reporting.view import (
    MONTHS,
    causality_badge,
    comparison,
    cost_rows,
    figure,
    flat_settings,
    leg_rows,
    month_rows,
    pnl_steps,
)

_LIBRARY = Path("js", "lightweight-charts.js")


def render_report(result: BacktestResult, arrays: RunArrays, config: BacktestConfig | None = None) -> str:
    """Return the whole report as HTML.

    Args:
        result: the run's numbers.
        arrays: the run's arrays.
        config: what the run was made with; from it come the assumptions on orders that are not the default.

    Raises:
        DataError: the run has no bars or a value that is not finite.
    """
    frame = chart_frame(arrays, result.account.initial_capital)
    price_scale = decimal_scale(np.concatenate((frame.open, frame.high, frame.low, frame.close)))
    library, script = chart_library(), static("page.js") + static("report.js")
    template = environment().get_template("report.html.j2")
    return template.render(
        result=result,
        cautions=[text for text in result.warnings if not text.startswith("SYNTHETIC")],  # has its own banner
        policy=content_policy(library, script),
        styles=static("report.css") + static("plot.css") + heat_css(),
        library=library,
        script=script,
        data=_page_data(result, arrays, frame, price_scale),
        frame=frame,
        months=MONTHS,
        cards=[figure(metric) for metric in result.primary],
        diagnostics=[figure(metric) for metric in result.secondary],
        comparison=comparison(result),
        years=month_rows(result.monthly),
        steps=pnl_steps(result.pnl),
        costs=cost_rows(result.costs),
        legs=leg_rows(result.hedge),
        badge=causality_badge(result.causality),
        assumed=band_view(result),
        conduct=conduct_rows(config) if config else [],
        view=verdict_view(result.verdict) if result.verdict else None,
        params=flat_settings(result.strategy.params),
        sizing=flat_settings(result.account.sizing),
        drawings=_drawings(frame),
        **_trade_views(arrays, _decimals(price_scale)),
    )


@functools.cache
def chart_library() -> str:
    """Return the source of the chart library, read beside the installed `litecharts` without importing it.

    Raises:
        ConfigError: the package is not installed.
    """
    spec = importlib.util.find_spec("litecharts")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / _LIBRARY
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigError(
        "the chart library of HTML reports is missing: install litecharts==0.2.0 "
        "(it is among the project's dependencies), or run without the report"
    )


def _page_data(result: BacktestResult, arrays: RunArrays, frame: ChartFrame, price_scale: float) -> str:
    """Return the data block as JSON that cannot end its own script element."""
    capital = result.account.initial_capital
    candles, hold_slope = pack_frame(frame, capital)
    trades = pack_trades(arrays, capital, price_scale)
    page: dict[str, Any] = {
        "name": result.run.run_id,
        "firstTs": frame.first_ts,
        "stepMs": frame.step_ms,
        "barMs": frame.step_ms // frame.bars_per_candle,
        "slots": frame.slots,
        "barsPerCandle": frame.bars_per_candle,
        "capital": capital,
        "base": result.market.symbol.split("/")[0],
        "holdSlope": hold_slope,
        "priceDecimals": _decimals(price_scale),
        "sizeDecimals": _decimals(decimal_scale(arrays.trades["contracts"])),
        "reasons": {str(int(code)): name for code, name in REASON_NAMES.items()},
        "entryReasons": list(arrays.signal.reasons),
        "candles": {"layout": candles.layout, "data": candles.data},
        "trades": {"layout": trades.layout, "data": trades.data},
    }
    return json_block(page)


def _drawings(frame: ChartFrame) -> dict[str, str]:
    return {
        "price": draw_curves(frame, price_curve(frame), 240),
        "equity": draw_curves(frame, equity_curves(frame), 160),
        "drawdown": draw_curves(frame, drawdown_curve(frame), 100, ceiling=0.0),
    }


def _trade_views(arrays: RunArrays, price_decimals: int) -> dict[str, Any]:
    """Return what the template shows of the trades; without a trade there is nothing to draw."""
    if not len(arrays.trades):
        return {"groups": [], "printed": [], "printed_at_each_end": 0, "hist": None, "spread": None}
    returns: FloatArray = 100.0 * arrays.trades["return_on_equity"]
    hist = histogram(returns)
    spread = {
        "median": float(np.median(returns)) / 100,
        "mean": float(returns.mean()) / 100,
        "worst": float(returns.min()) / 100,
        "best": float(returns.max()) / 100,
    }
    printed = printed_trades(arrays, price_decimals)
    return {
        "groups": group_trades(arrays),
        "printed": printed,
        "printed_at_each_end": PRINTED_AT_EACH_END if len(printed) < len(arrays.trades) else 0,
        "hist": {"svg": draw_histogram(hist), "edges": hist.edges, "tallest": max(hist.counts)},
        "spread": spread,
    }


def _decimals(scale: float) -> int:
    return max(0, round(math.log10(scale)))
