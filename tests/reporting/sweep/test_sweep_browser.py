"""The sweep's page in a real browser, offline: every choice draws, and the script draws what came."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from arena.reporting import sweep_heat, sweep_html
from arena.reporting.sweep_html import render_sweep

pytestmark = pytest.mark.browser

# What a heatmap shows, without what only its layout needs.
SHOWN = """(id) => {
  const body = document.getElementById(id);
  const svg = body.querySelector('svg');
  const read = (path) => [path.getAttribute('class'), path.getAttribute('d')];
  if (svg) return [...svg.querySelectorAll('path')].map(read);
  const words = (cell) => [cell.className, cell.textContent];
  return [...body.querySelectorAll('tr')].map((line) => [...line.cells].map(words));
}"""
TICKS = """(id) => [...document.querySelectorAll(`#${id} .plot-x span, #${id} .plot-y span`)]
  .map((item) => [item.textContent, Math.round(parseFloat(item.style.left || item.style.top))])"""


@pytest.fixture(scope="module")
def pages(small_sweep, large_sweep, make_sweep, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    batches = make_sweep(
        {"strategy.fast": list(range(5, 25)), "strategy.slow": list(range(20, 60, 5))},
        batches={"symbol": ["BTC/USDT:USDT", "ETH/USDT:USDT"], "timeframe": ["15m", "1h"]},
    )
    # few enough cells to be a table, and ten columns: wider than a phone
    table = make_sweep({"strategy.fast": list(range(5, 55, 5)), "strategy.slow": list(range(20, 220, 10))})
    # several values share a column, so that its label names two of them
    shared = make_sweep({"strategy.fast": list(range(5, 805)), "strategy.slow": list(range(900, 1400, 100))})
    made = {"small": small_sweep, "large": large_sweep, "batches": batches, "table": table, "shared": shared}
    for name, sweep in made.items():
        (folder / f"{name}.html").write_text(render_sweep(*sweep), encoding="utf-8")
    most = sweep_heat.MOST_ROWS
    sweep_heat.MOST_ROWS = sweep_html.MOST_ROWS = 10
    (folder / "pairs.html").write_text(render_sweep(*small_sweep), encoding="utf-8")
    sweep_heat.MOST_ROWS = sweep_html.MOST_ROWS = most
    return {name: folder / f"{name}.html" for name in (*made, "pairs")}


def shown(page: Any) -> list[Any]:
    return [page.evaluate(SHOWN, name) for name in ("heat-values", "heat-around")]


@pytest.mark.parametrize("name", ["small", "large", "batches", "pairs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_asks_for_nothing_and_says_nothing(open_tab, pages, name: str, scheme: str) -> None:
    tab = open_tab(pages[name], color_scheme=scheme)
    assert tab.requests == [pages[name].as_uri()]
    assert tab.complaints == []


@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(open_tab, axe_violations, pages, name: str, scheme: str, width: int) -> None:
    page = open_tab(pages[name], color_scheme=scheme, viewport={"width": width, "height": 900}).page
    for details in page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    assert axe_violations(page) == []


@pytest.mark.parametrize("name", ["small", "large", "batches", "table"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_never_scrolls_sideways(open_tab, pages, name: str, width: int) -> None:
    page = open_tab(pages[name], viewport={"width": width, "height": 844}).page
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", ["large", "shared"])
@pytest.mark.parametrize("width", [390, 1280])
def test_labels_below_a_heatmap_stand_apart(open_tab, pages, name: str, width: int) -> None:
    page = open_tab(pages[name], viewport={"width": width, "height": 844}).page
    ends = page.evaluate(
        """() => [...document.querySelectorAll('#heat-values .plot-x span')].map((item) => {
          const box = item.getBoundingClientRect();
          return [box.left, box.right];
        })"""
    )
    assert len(ends) >= 2
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


@pytest.mark.parametrize("name", ["small", "large", "batches", "pairs", "shared"])
def test_script_draws_what_the_page_came_with(open_tab, pages, name: str) -> None:
    tab = open_tab(pages[name])
    page = tab.page
    came = [shown(page), [page.evaluate(TICKS, "heat-values")], page.locator("#heat-words").inner_text()]
    came += [page.locator("#heat-legend").inner_text(), page.locator("#heat-title-line").inner_text()]
    page.select_option("#figure", "1")
    assert shown(page) != came[0]
    page.select_option("#figure", "0")
    now = [shown(page), [page.evaluate(TICKS, "heat-values")], page.locator("#heat-words").inner_text()]
    now += [page.locator("#heat-legend").inner_text(), page.locator("#heat-title-line").inner_text()]
    assert now == came
    assert tab.complaints == []


def test_pairs_and_rows_agree_on_every_pair(open_tab, pages) -> None:
    few, many = open_tab(pages["small"]).page, open_tab(pages["pairs"]).page
    for x, y in (("0", "2"), ("2", "0"), ("2", "1"), ("1", "0")):
        for how in ("best", "mean"):
            for page in (few, many):
                page.select_option("#axis-x", x)
                page.select_option("#axis-y", y)
                page.select_option("#how", how)
            assert few.locator("#axis-x").input_value() == x
            one, two = (page.locator("#heat-values table").inner_text() for page in (few, many))
            assert one == two
    assert many.locator("#how option").all_inner_texts() == ["best ranked trial", "mean of all trials"]


def test_same_axis_twice_changes_places(open_tab, pages) -> None:
    page = open_tab(pages["small"]).page
    first = page.locator("#heat-values tbody tr").count()
    page.select_option("#axis-x", page.locator("#axis-y").input_value())
    assert page.locator("#axis-y").input_value() == "0"
    assert page.locator("#heat-values thead th").count() == first


def test_other_axes_can_be_fixed(open_tab, pages) -> None:
    page = open_tab(pages["small"]).page
    page.select_option("#how", "fixed")
    assert page.locator("#fixed select").count() == 1
    assert page.locator("#fixed select").input_value() == "2"  # as in the best trial
    before = shown(page)
    page.select_option("#fixed select", "0")
    assert shown(page) != before
    assert page.locator("#heat-title-line").inner_text() == "Sharpe: atr stop 0"
    page.select_option("#how", "best")
    assert page.locator("#fixed select").count() == 0


@pytest.mark.parametrize("name", ["small", "large"])
def test_keys_and_pointer_read_a_cell(open_tab, pages, name: str) -> None:
    page = open_tab(pages[name]).page
    readout = page.locator("#heat-readout")
    page.locator("#heat-values").focus()
    page.keyboard.press("ArrowLeft")  # the first key finds the best cell
    first = readout.inner_text()
    assert "Sharpe 1.40, neighbourhood" in first
    page.keyboard.press("ArrowDown")
    assert readout.inner_text() != first
    assert page.locator(".pointer, .pointed").count() == 2
    target = page.locator("#heat-around tbody td" if name == "small" else "#heat-around .plot-field").first
    target.scroll_into_view_if_needed()
    target.hover()
    assert re.match(r"fast \d+, slow \d+: (Sharpe|no trial)", readout.inner_text())


def test_best_trials_sort_by_each_column(open_tab, pages) -> None:
    page = open_tab(pages["small"]).page

    def column(at: int) -> list[str]:
        return page.locator(f"#best-table tbody td:nth-child({at})").all_inner_texts()

    assert column(1) == [str(i) for i in range(1, 21)]
    page.get_by_role("button", name="Max drawdown").click()
    falls = [float(text.rstrip("%").replace("\u2212", "-")) for text in column(7)]
    assert falls == sorted(falls, reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text().strip() == "Max drawdown"
    page.get_by_role("button", name="Max drawdown").click()
    assert page.locator("th[aria-sort=ascending]").count() == 1
    page.get_by_role("button", name="#").click()
    assert column(1) == [str(i) for i in range(1, 21)]


def test_without_script_the_essentials_are_there(open_tab, pages) -> None:
    page = open_tab(pages["large"], java_script_enabled=False).page
    assert page.locator("#heat-values svg path").count() > 5
    assert page.locator("#heat-values svg").is_visible()
    assert page.locator("#best-table tbody tr").count() == 20
    assert not page.locator("#axis-x").is_visible()
    assert page.locator(".best-link a").get_attribute("href") == "./best/report.html"


def test_page_prints(open_tab, pages) -> None:
    for name in ("small", "large"):
        pdf = open_tab(pages[name], color_scheme="dark").page.pdf(prefer_css_page_size=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
