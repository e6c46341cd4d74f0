"""Several runs over one another: rebased, unequal ones called so, readable by everybody."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from arena.backtest.result import CausalityBadge
from arena.core.errors import ConfigError, DataError
from arena.reporting.compare_html import MOST_RUNS, cautions, metric_rows, render_compare, setting_rows

NAMES = ["slow", "fast & loose", "third"]


@pytest.fixture(scope="module")
def runs(make_run):
    return [make_run(1_500, 60, seed=seed) for seed in (7, 8, 9)]


def rendered(runs, names=None) -> str:
    equities = [(arrays.bars.ts, arrays.equity) for _, arrays in runs]
    return render_compare([result for result, _ in runs], equities, names or NAMES[: len(runs)])


def changed(run, **updates):
    return run[0].model_copy(update=updates), run[1]


def test_page_holds_curves_metrics_and_differences(runs) -> None:
    text = rendered(runs)
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", text)
    assert titles == ["Equity and drawdown", "Metrics", "What differs"]
    assert text.count('<path class="c-one" d="M0.0') == 2
    assert "fast &amp; loose" in text
    assert "<script" not in text
    assert not re.search(r"\b(NaN|nan|inf|None)\b", text)


def test_each_run_starts_at_one(runs) -> None:
    half = changed(runs[0], account=runs[0][0].account.model_copy(update={"initial_capital": 5_000.0}))
    arrays = half[1]
    doubled = render_compare(
        [runs[0][0], half[0]],
        [(arrays.bars.ts, arrays.equity), (arrays.bars.ts, arrays.equity / 2)],
        ["whole", "half"],
    )
    first, second = (
        re.search(rf'<path class="{css}" d="(M0.0[^"]*)"', doubled) for css in ("c-one", "c-two")
    )
    assert first is not None
    assert second is not None
    assert first[1] == second[1]
    assert "The initial capital differs" in doubled


def test_equal_runs_are_called_equal(runs) -> None:
    text = rendered([runs[0], runs[0]])
    assert "No setting differs" in text
    assert "Not like with like" not in text


@pytest.mark.parametrize(
    ("part", "update", "words"),
    [
        ("provenance", {"dataset_hash": "0" * 64}, "did not read the same data"),
        ("market", {"end": "2023-09-01T00:00:00Z"}, "The windows differ"),
        ("market", {"timeframe": "4h"}, "The timeframes differ. slow: 1h; fast & loose: 4h."),
        ("market", {"symbol": "ETH/USDT:USDT"}, "The markets differ"),
        ("provenance", {"code_version": "0.2.0"}, "The code differs"),
    ],
)
def test_what_makes_runs_unequal_is_said_first(runs, part: str, update: dict[str, str], words: str) -> None:
    result = runs[0][0]
    other = result.model_copy(update={part: getattr(result, part).model_copy(update=update)})
    assert any(words in text for text in cautions([result, other], NAMES[:2]))
    assert cautions([result, result], NAMES[:2]) == []


def test_generated_beside_real_and_look_ahead_are_said(runs) -> None:
    real = runs[0][0].model_copy(update={"synthetic": False})
    badge = CausalityBadge(passed=False, prefixes=1, recomputations=1, refused=0, bars=9)
    ahead = runs[0][0].model_copy(update={"causality": badge})
    said = cautions([real, ahead], NAMES[:2])
    assert said[0] == "Generated and real markets stand side by side: fast & loose is SYNTHETIC."
    assert said[1] == "These strategies look ahead, their numbers cannot be traded: fast & loose."


def test_best_is_marked_only_where_more_is_better(runs) -> None:
    first, second = ([metric.model_copy() for metric in runs[0][0].primary] for _ in range(2))
    for at, metric in enumerate(second):
        if metric.value is not None:
            second[at] = metric.model_copy(update={"value": metric.value + 1})
    rows = {row.label: [value.best for value in row.values] for row in metric_rows([first, second])}
    assert rows["Sharpe"] == [False, True]
    assert rows["Costs"] == [True, False]
    assert rows["Trades"] == [False, False]
    assert rows["CAGR"] == [False, False]


def test_settings_of_one_run_alone_differ(runs) -> None:
    result = runs[0][0]
    other = result.model_copy(
        update={"strategy": result.strategy.model_copy(update={"params": {"fast": 13, "slow": 26}})}
    )
    differing = {row.key: row.values for row in setting_rows([result, other]) if row.differs}
    assert differing["strategy.fast"] == ["12", "13"]
    assert differing["strategy.adx.length"] == ["14", "\u2013"]
    assert "strategy.slow" not in differing


def test_hole_breaks_the_curve(runs) -> None:
    line = re.search(r'<path class="c-one" d="(M0.0[^"]*)"', rendered(runs))
    assert line is not None
    assert line[1].count("M") == 3  # 60 bars are missing and, further on, five


@pytest.mark.parametrize(
    ("count", "names", "words"),
    [
        (1, ["one"], "give 2 to"),
        (MOST_RUNS + 1, [str(i) for i in range(MOST_RUNS + 1)], "give 2 to"),
        (2, ["same", "same"], "a name of its own"),
    ],
    ids=["one", "many", "names"],
)
def test_runs_that_make_no_comparison_are_refused(runs, count: int, names: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        rendered([runs[0]] * count, names)


def test_curve_that_is_not_finite_is_refused(runs) -> None:
    result, arrays = runs[0]
    broken = arrays.equity.copy()
    broken[7] = np.nan
    with pytest.raises(DataError, match="equity of b"):
        render_compare(
            [result, result], [(arrays.bars.ts, arrays.equity), (arrays.bars.ts, broken)], ["a", "b"]
        )


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_reads_in_a_browser(
    open_tab, axe_violations, runs, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "compare.html"
    other = changed(runs[1], provenance=runs[1][0].provenance.model_copy(update={"dataset_hash": "0" * 64}))
    path.write_text(rendered([runs[0], other, runs[2]]), encoding="utf-8")
    tab = open_tab(path, script=False, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert tab.requests == [path.as_uri()]
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    for details in tab.page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    assert axe_violations(tab.page) == []
    assert tab.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
