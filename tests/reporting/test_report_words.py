"""Words, numbers and colours of the report."""

import pytest

from arena.backtest.result import Metric, MonthReturn, PnlSplit
from arena.reporting.figures import metric_text, number, percent
from arena.reporting.heat import contrast, heat_class, heat_colours
from arena.reporting.trades import group_trades, printed_trades
from arena.reporting.view import figure, flat_settings, month_rows, pnl_steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(number(12345.678), "12,345.68", id="thousands"),
        pytest.param(number(-0.5), "\u22120.50", id="true minus"),
        pytest.param(number(-0.001), "0.00", id="no minus before zero"),
        pytest.param(number(1.0, signed=True), "+1.00", id="plus"),
        pytest.param(number(0.0, signed=True), "0.00", id="zero has no sign"),
        pytest.param(number(None), "\u2013", id="unknown"),
        pytest.param(percent(0.1234), "12.34%", id="percent"),
    ],
)
def test_numbers_read(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("name", "value", "unit", "text"),
    [
        ("total_return", 0.5, "fraction", "+50.00%"),
        ("win_rate", 0.5, "fraction", "50.00%"),
        ("profit_factor", 1.5, "ratio", "1.50"),
        ("trades", 1234.0, "count", "1,234"),
        ("underwater", 12.0, "bars", "12 bars"),
        ("holding", 1.25, "days", "1.2 days"),
        ("max_leverage", 2.5, "leverage", "2.50\u00d7"),
        ("fees", 3.0, "usdt", "3.00 USDT"),
    ],
)
def test_metric_has_its_unit(name: str, value: float, unit: str, text: str) -> None:
    assert metric_text(Metric(name=name, label=name, value=value, unit=unit)) == text


def test_undefined_metric_is_a_dash_with_its_reason() -> None:
    shown = figure(Metric(name="cagr", label="CAGR", value=None, unit="fraction", reason="under 90 days"))
    assert (shown.text, shown.note) == ("\u2013", "Under 90 days")


@pytest.mark.parametrize(
    ("count", "badge"), [(29, "low sample: under 30"), (99, "small sample: under 100"), (100, "")]
)
def test_few_trades_get_a_badge(count: int, badge: str) -> None:
    assert figure(Metric(name="trades", label="Trades", value=count, unit="count")).badge == badge


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_every_heat_cell_is_readable(theme: str) -> None:
    worst = min(contrast(ink, back) for back, ink in heat_colours(theme).values())
    assert worst >= 4.5


def test_heat_grows_with_size() -> None:
    assert [heat_class(v, 1.0) for v in (0.01, 1.0, -0.5, 0.0, None)] == [
        "gain-1",
        "gain-6",
        "loss-3",
        "",
        "",
    ]


def test_year_compounds_its_months_and_leaves_others_empty() -> None:
    rows = month_rows([MonthReturn(year=2024, month=m, value=0.1) for m in (1, 3)])
    assert [cell.text for cell in rows[0].months[:3]] == ["+10.0%", "", "+10.0%"]
    assert rows[0].total.text == "+21.0%"


def test_profit_steps_start_where_the_one_before_ended() -> None:
    split = PnlSplit(price=100, fees=20, funding=-10, slippage=30, liquidation=0, total=40, identity_error=0)
    steps = pnl_steps(split)
    assert [(s.left, s.width) for s in steps] == [(0, 100), (80, 20), (70, 10), (40, 30), (40, 0), (0, 40)]
    assert [s.amount for s in steps][-1] == "+40.00"


def test_nested_settings_become_dotted_keys() -> None:
    rows = flat_settings({"a": 1, "b": {"c": 0.5, "d": None, "e": True}})
    assert rows == [("a", "1"), ("b.c", "0.5"), ("b.d", "none"), ("b.e", "yes")]


def test_every_trade_is_in_one_group_of_each_grouping(small_run) -> None:
    _, arrays = small_run
    groups = group_trades(arrays)
    assert [title for title, _ in groups] == ["Side", "Exit", "Entry"]
    assert all(sum(group.trades for group in lines) == 60 for _, lines in groups)


def test_paper_gets_the_best_and_worst_of_many_trades(make_run) -> None:
    _, arrays = make_run(3_000, 400)
    lines = printed_trades(arrays, 1)
    assert len(lines) == 100
    shown = {line.number - 1 for line in lines}
    assert {int(arrays.trades["net_pnl"].argmax()), int(arrays.trades["net_pnl"].argmin())} <= shown
