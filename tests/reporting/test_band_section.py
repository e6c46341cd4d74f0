"""The band in the report: three readings, what is assumed, and what is said where nothing is open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from arena.backtest.result import Assumptions, BacktestResult, Band, BandFigures
from arena.config.models import CostsConfig
from arena.config.orders import OrdersConfig
from arena.reporting.band_view import HEADS, band_metrics, band_view, conduct_rows, wide_note
from arena.reporting.compare_console import side_by_side
from arena.reporting.compare_html import headline_rows
from arena.reporting.console import headline
from arena.reporting.html import render_report

MINUS = "\u2212"


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(300, 20, gaps=())


def figures(reading: str, final: float, sharpe: float | None = 1.0) -> BandFigures:
    return BandFigures(
        reading=reading, final_equity=final, total_return=final / 10_000 - 1, sharpe=sharpe, max_drawdown=-0.2
    )


def with_band(
    result: BacktestResult,
    *,
    ends: tuple[float, float, float] = (9_000.0, 10_500.0, 11_000.0),
    ambiguous: int = 7,
    resolved: int = 7,
    middle: str = "detail",
    own: float | None = None,
    share: float | None = 0.5,
    sharpe: float | None = 1.0,
) -> BacktestResult:
    """Return `result` with a band; `own` is the headline's final equity, the pessimistic by default."""
    low, mid, high = ends
    final = low if own is None else own
    reason = "the run neither won nor lost anything" if share is None else None
    band = Band(
        ambiguous_bars=ambiguous,
        resolved_bars=resolved,
        pessimistic=figures("worst", low, sharpe),
        expected=figures(middle, mid, sharpe),
        optimistic=figures("best", high, sharpe),
        assumptions=Assumptions(
            band_width=max(ends) - min(ends), assumed_costs=100.0, share=share, reason=reason
        ),
    )
    account = result.account.model_copy(update={"final_equity": final})
    pnl = result.pnl.model_copy(update={"total": final - 10_000.0})
    return result.model_copy(update={"band": band, "account": account, "pnl": pnl})


def test_report_shows_three_readings_with_the_counts(run) -> None:
    page = render_report(with_band(run[0]), run[1])
    table = re.search(r'<table class="tracks band">.*?</table>', page, re.DOTALL)
    assert table is not None
    cells = re.findall(r'<td class="num">([^<]+)</td>', table[0])
    assert cells[:6] == [f"{MINUS}10.00%", "+5.00%", "+10.00%", "9,000.00", "10,500.00", "11,000.00"]
    assert table[0].count("track-dot") == 4
    assert "7 bars met more than one level" in page
    assert re.search(r'Pessimistic <span class="best-mark">this run</span>', table[0])
    assert '<strong>50.0%</strong> <span class="note">(width of the band in final equity, 2,000.00' in page


def test_nothing_ambiguous_is_one_sentence_and_no_table(run) -> None:
    ends = (9_000.0, 9_000.0, 9_000.0)
    page = render_report(with_band(run[0], ends=ends, ambiguous=0, resolved=0), run[1])
    assert "No bar met more than one level of the position" in page
    assert 'class="tracks band"' not in page
    assert "rests on assumptions" in page


def test_result_without_a_band_says_so(run) -> None:
    assert band_view(run[0]) is None
    assert "made without reading its bars in more than one way" in render_report(*run)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "say it of every one", id="all settled"),
        pytest.param({"ambiguous": 1, "resolved": 1}, "1 bar met", id="one bar"),
        pytest.param({"resolved": 0, "middle": "ohlc"}, "No stored finer bars say it.", id="none settled"),
        pytest.param({"resolved": 3, "middle": "ohlc"}, "say it of 3, not of all.", id="some settled"),
        pytest.param({"resolved": 6}, "the run meets 6 of that kind, all of them", id="another course"),
        pytest.param({"resolved": 6, "own": 10_500.0}, "say it of 6, not of all.", id="own detail, open"),
    ],
)
def test_sentence_says_how_many_bars_are_settled(run, changes: dict[str, Any], words: str) -> None:
    view = band_view(with_band(run[0], **changes))
    assert view is not None
    assert words in view.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"own": 9_500.0}, "yet another way", id="run read as none of the three"),
        pytest.param({"resolved": 6, "own": 10_500.0}, "take the adverse extreme first", id="unresolved"),
        pytest.param({"ends": (9_000.0, 11_500.0, 11_000.0)}, "are no bounds", id="outside"),
        pytest.param({"ends": (11_000.0, 10_500.0, 9_000.0)}, "are no bounds", id="the wrong way round"),
    ],
)
def test_note_is_there_only_where_it_is_true(run, changes: dict[str, Any], words: str) -> None:
    plain, changed = band_view(with_band(run[0])), band_view(with_band(run[0], **changes))
    assert plain is not None
    assert changed is not None
    assert plain.notes == []
    assert any(words in note for note in changed.notes)


def test_points_lie_in_their_picture_and_unknown_has_none(run) -> None:
    view = band_view(with_band(run[0], sharpe=None))
    assert view is not None
    for row in view.rows:
        if row.label == "Sharpe":
            assert row.picture is None
            assert row.texts == ["\u2013"] * 3
            continue
        assert row.picture is not None
        assert row.picture.points == sorted(row.picture.points)
        assert all(0 <= place <= 100 for place in (*row.picture.points, row.picture.zero))
        assert row.picture.left + row.picture.width == pytest.approx(row.picture.points[-1], abs=0.02)


@pytest.mark.parametrize(
    ("share", "text", "bad"), [(0.5, "50.0%", False), (1.2, "120.0%", True), (None, "unknown", False)]
)
def test_share_is_called_bad_only_above_the_whole_result(
    run, share: float | None, text: str, bad: bool
) -> None:
    view = band_view(with_band(run[0], share=share))
    assert view is not None
    assert (view.share, view.bad) == (text, bad)
    if share is None:
        assert view.share_note == "The run neither won nor lost anything."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "Even gain or loss is open. Stored finer bars settle it", id="sign"),
        pytest.param({"resolved": 0, "middle": "ohlc"}, "Ingest finer bars", id="unsettled"),
        pytest.param(
            {"ends": (8_000.0, 8_100.0, 8_200.0)}, "8,000.00 to 8,200.00 USDT, 10% of the net", id="edge"
        ),
        pytest.param({"ends": (8_000.0, 8_100.0, 8_199.0)}, "", id="narrow"),
        pytest.param({"own": 10_500.0}, "", id="settled by the run itself"),
        pytest.param({"own": 10_500.0, "resolved": 6}, "Ingest finer bars", id="not all settled by it"),
        pytest.param(
            {"ends": (9_000.0, 9_000.0, 9_000.0), "ambiguous": 0, "resolved": 0}, "", id="no ambiguous bar"
        ),
        pytest.param({"ends": (10_000.0, 10_100.0, 10_200.0)}, "10,200.00 USDT. Stored", id="no net result"),
    ],
)
def test_console_warns_of_a_wide_band_alone(run, changes: dict[str, Any], words: str) -> None:
    result = with_band(run[0], **changes)
    text = headline(result, Path("reports/x"), html=True)
    assert ("! The band is wide" in text) is bool(words)
    assert words in wide_note(result)
    assert words in text


def test_result_without_a_band_has_no_line_and_no_rows(run) -> None:
    assert wide_note(run[0]) == ""
    assert band_metrics(run[0]) == []


def test_comparison_has_the_band_where_a_run_is_open(run) -> None:
    closed = with_band(run[0], ends=(9_000.0,) * 3, ambiguous=0, resolved=0)
    labels = [row.label for row in headline_rows([closed, with_band(run[0])])]
    assert labels[-4:] == [*(f"Total return, {head.lower()}" for head in HEADS), "Result that is assumed"]
    assert not any("pessimistic" in row.label for row in headline_rows([closed, closed]))
    assert "Total return, optimistic" in side_by_side([closed, with_band(run[0])], ["a", "b"], ["1", "2"])


class Conduct:
    """What `conduct_rows` reads of a configuration."""

    def __init__(self, costs: CostsConfig, orders: OrdersConfig, intrabar: str) -> None:
        self.costs, self.orders, self.intrabar = costs, orders, intrabar


def conduct(intrabar: str = "worst", orders: dict[str, Any] | None = None, **costs: Any) -> Any:
    known = {"half_spread_bps": 0.1, "slippage_bps": 1.0, "funding_rate_estimate": 0.0, "missing": "estimate"}
    return Conduct(CostsConfig(**{**known, **costs}), OrdersConfig(**orders or {}), intrabar)


@pytest.mark.parametrize(
    ("config", "rows"),
    [
        pytest.param(conduct(), [], id="all by default"),
        pytest.param(conduct(latency_bars=1), [("Latency", "1 bar")], id="latency"),
        pytest.param(
            conduct(impact_coefficient=0.8), [("Impact", "square root, coefficient 0.8")], id="impact"
        ),
        pytest.param(
            conduct(participation_cap=0.05), [("Participation", "at most 5% of a bar's volume")], id="cap"
        ),
        pytest.param(conduct("detail"), [("Bars read", "stored finer bars")], id="reading"),
        pytest.param(
            conduct(
                orders={"kind": "limit", "offset_bps": 2, "bars": 3, "fill": "touch", "take_profit": "limit"}
            ),
            [
                ("Entries", "limit orders, 2 bps from the deciding close, for 3 bars"),
                ("Limit fills", "where the price reaches it"),
                ("Maker fee", "0.02%"),
                ("Take-profits", "limit orders"),
            ],
            id="limit orders",
        ),
    ],
)
def test_only_what_is_not_the_default_is_said(run, config: Any, rows: list[tuple[str, str]]) -> None:
    assert conduct_rows(config) == rows
    page = render_report(*run, config)
    for key, value in rows:
        assert f"<dt>{key}</dt><dd>{value.replace(chr(39), '&#39;')}</dd>" in page


def test_unfilled_orders_are_among_the_counts(run) -> None:
    result, arrays = run
    counts = result.counts.model_copy(update={"unfilled_orders": 1_234})
    page = render_report(result.model_copy(update={"counts": counts}), arrays)
    assert "<dt>Unfilled orders</dt><dd>1,234</dd>" in page


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_a_report_with_a_band(
    open_tab, axe_violations, run, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_report(with_band(run[0]), run[1]), encoding="utf-8")
    tab = open_tab(path, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert axe_violations(tab.page) == []
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    box = "(() => { const e = document.querySelector('table.band').parentElement; return %s; })()"
    assert tab.page.evaluate(box % "e.scrollWidth - e.clientWidth") == 0
