"""The report in a real browser, offline: it draws, answers, prints, and anybody can read it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from arena.reporting.html import render_report

pytestmark = pytest.mark.browser

DRAWN_WITHIN_S = 3.0
# Distinct colours in each canvas of the chart: one means nothing was drawn on it.
COUNT_COLOURS = """() => [...document.querySelectorAll('#chart canvas')].map((canvas) => {
  if (!canvas.width || !canvas.height) return 0;
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
})"""


@pytest.fixture(scope="module")
def report(small_run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory, render_report(*small_run))


def write(factory: pytest.TempPathFactory, text: str) -> Path:
    path = factory.mktemp("report") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def settle(page: Any) -> None:
    """Let the page draw what it was told: two frames."""
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )


def point_at(page: Any, share: float) -> str:
    """Move the pointer to a share of the plot's width and return the time that the readout gives."""
    box = page.locator("#chart").bounding_box()
    axis = page.evaluate("document.querySelector('#chart td:last-child').getBoundingClientRect().width")
    page.mouse.move(box["x"] + 2 + share * (box["width"] - 4 - axis), box["y"] + 100)
    settle(page)
    return page.locator("#readout span").first.inner_text().removesuffix(" UTC")


def visible_bars(page: Any) -> int:
    """Return how many hours lie between the edges of the plot."""
    first, last = (datetime.fromisoformat(point_at(page, share)) for share in (0, 1))
    return round((last - first).total_seconds() / 3600)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_draws_without_a_request_or_a_complaint(open_tab, report: Path, scheme: str) -> None:
    tab = open_tab(report, color_scheme=scheme)
    assert tab.requests == [report.as_uri()]
    assert tab.complaints == []
    assert sum(colours > 10 for colours in tab.page.evaluate(COUNT_COLOURS)) >= 3
    assert tab.page.locator("#trade-rows tr").count() == 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(open_tab, axe_violations, report: Path, scheme: str, width: int) -> None:
    tab = open_tab(report, color_scheme=scheme, viewport={"width": width, "height": 900})
    tab.page.locator("details").evaluate("element => { element.open = true; }")
    assert axe_violations(tab.page) == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_never_scrolls_sideways(open_tab, report: Path, width: int) -> None:
    page = open_tab(report, viewport={"width": width, "height": 844}).page
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_wheel_and_keys_zoom_and_pan(open_tab, report: Path) -> None:
    page = open_tab(report).page
    chart = page.locator("#chart")
    chart.scroll_into_view_if_needed()
    everything = visible_bars(page)
    assert everything == pytest.approx(1_565, abs=10)
    page.mouse.wheel(0, -400)
    settle(page)
    assert visible_bars(page) < 0.95 * everything
    chart.focus()
    page.keyboard.press("0")
    assert visible_bars(page) == pytest.approx(everything, abs=3)
    for _ in range(3):
        page.keyboard.press("+")
    zoomed = visible_bars(page)
    assert zoomed == pytest.approx(0.512 * everything, rel=0.05)
    before = point_at(page, 0.5)
    page.keyboard.press("ArrowRight")
    assert visible_bars(page) == pytest.approx(zoomed, abs=3)
    assert point_at(page, 0.5) > before
    page.keyboard.press("-")
    assert visible_bars(page) > 1.1 * zoomed


def test_hole_is_empty_time_and_says_so(open_tab, report: Path) -> None:
    page = open_tab(report).page
    page.locator("#chart").scroll_into_view_if_needed()
    point_at(page, 430 / 1_565)
    assert page.locator("#readout").inner_text().endswith("bar missing")
    shown = point_at(page, 1_200 / 1_565)
    assert datetime.fromisoformat(shown) - datetime(2023, 1, 1) == pytest.approx(  # noqa: DTZ001 - both naive UTC
        timedelta(hours=1_200), abs=timedelta(hours=6)
    )


def test_trades_filter_sort_and_page(open_tab, report: Path, small_run) -> None:
    trades = small_run[1].trades
    page = open_tab(report).page
    assert page.locator("#count").inner_text() == "1 to 50 of 60"
    page.locator("#next").click()
    assert page.locator("#trade-rows tr").count() == 10
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("stop loss")
    stops = int((trades["exit_reason"] == 3).sum())
    assert page.locator("#trade-rows tr").count() == stops
    page.select_option("#side", "1")
    page.select_option("#outcome", "win")
    page.select_option("#exit", "stop loss")
    wanted = int(((trades["exit_reason"] == 3) & (trades["side"] > 0) & (trades["net_pnl"] > 0)).sum())
    assert page.locator("#trade-rows tr").count() == wanted
    page.fill("#find", "no such thing")
    assert page.locator("#count").inner_text() == "No trade fits this filter"
    page.fill("#find", "")
    for name in ("side", "outcome", "exit"):
        page.select_option(f"#{name}", "")
    page.get_by_role("button", name="Net USDT").click()
    best = page.locator("#trade-rows tr").first.inner_text()
    assert f"+{trades['net_pnl'].max():,.2f}" in best
    assert page.locator("th[aria-sort=descending]").inner_text() == "Net USDT"


def test_trade_opens_in_the_chart(open_tab, report: Path) -> None:
    page = open_tab(report).page
    page.get_by_role("button", name="Show trade 7 in the chart").click()
    settle(page)
    assert page.evaluate("document.activeElement.id") == "chart"
    assert visible_bars(page) < 300


def test_trades_save_as_csv(open_tab, report: Path) -> None:
    page = open_tab(report).page
    with page.expect_download() as download:
        page.locator("#save").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 61
    assert lines[0].startswith('"#","Side","Entry"')
    assert not re.search("\u2212", "".join(lines))


def test_command_is_copied_or_selected(open_tab, report: Path) -> None:
    page = open_tab(report).page
    page.locator("#copy").click()
    page.wait_for_selector("#copied:not(:empty)")
    assert page.locator("#copied").inner_text() in {"Copied", "Selected: press Ctrl+C"}


def test_theme_follows_the_reader(open_tab, report: Path) -> None:
    page = open_tab(report, color_scheme="light").page
    shade = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(shade)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(shade) != light
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(shade) == light


def test_without_script_the_drawings_are_there(open_tab, report: Path) -> None:
    page = open_tab(report, java_script_enabled=False).page
    assert page.locator(".drawing svg").count() == 3
    assert all(drawing.is_visible() for drawing in page.locator(".drawing svg").all())
    assert not page.locator("#chart").is_visible()
    assert page.locator(".printed tbody tr").count() == 60


def test_page_prints(open_tab, report: Path) -> None:
    page = open_tab(report, color_scheme="dark").page
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12


def test_hostile_name_runs_nothing(open_tab, make_run, tmp_path_factory: pytest.TempPathFactory) -> None:
    evil = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    tab = open_tab(write(tmp_path_factory, render_report(*make_run(300, 5, gaps=(), name=evil))))
    assert tab.page.title() == "SYNTHETIC · ema_trend on BTC/USDT:USDT 1h"
    assert tab.page.locator(".run-name").inner_text() == evil
    assert tab.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bars", "trades"), [pytest.param(20_000, 1_000, id="20k"), pytest.param(100_000, 2_000, id="100k")]
)
def test_large_report_draws_in_time(
    open_tab, make_run, tmp_path_factory: pytest.TempPathFactory, bars: int, trades: int
) -> None:
    path = write(tmp_path_factory, render_report(*make_run(bars, trades)))
    fastest = min(open_tab(path).seconds for _ in range(2))
    assert fastest <= DRAWN_WITHIN_S


def test_run_of_one_bar_draws(open_tab, make_run, tmp_path_factory: pytest.TempPathFactory) -> None:
    tab = open_tab(write(tmp_path_factory, render_report(*make_run(1, 0, gaps=()))))
    assert tab.complaints == []
    assert "No trade was made." in tab.page.locator("#trades").inner_text()
