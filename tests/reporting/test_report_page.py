"""The page as text: safe, whole, small, and the same each time."""

import functools
import hashlib
import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from arena.core.errors import ConfigError
from arena.reporting import html
from arena.reporting.frame import chart_frame
from arena.reporting.html import chart_library, render_report

LIBRARY_SHA256 = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"


@pytest.fixture(scope="module")
def page(small_run) -> str:
    return render_report(*small_run)


def test_chart_library_is_the_one_we_know() -> None:
    source = chart_library()
    assert hashlib.sha256(source.encode()).hexdigest() == LIBRARY_SHA256
    assert "</script" not in source.lower()


def test_missing_chart_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install litecharts==0\.2\.0"):
        chart_library.__wrapped__()


def test_page_holds_every_section(page: str) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert titles == [
        "Read this first",
        "Results",
        "Price, equity and drawdown",
        "Returns by month",
        "Deepest drawdowns",
        "Where the result came from",
        "Trades",
        "Health of the data",
        "Diagnostics",
        "Provenance",
    ]
    assert page.count('class="card"') == 12


def test_page_never_says_nan_or_infinity(page: str) -> None:
    ours = page.replace(chart_library(), "")
    ours = re.sub(r'"data":"[^"]*"', "", ours)
    assert not re.search(
        r"\b(NaN|nan|Infinity|inf|None)\b",
        re.sub(r"<script>.*?</script>", "", ours, flags=re.DOTALL),
    )


def test_page_refers_to_nothing_outside(page: str) -> None:
    ours = page.replace(chart_library(), "")
    assert not re.search(r"""(src|srcset|@import|url\()\s*=?\s*["']?(https?:)?//""", ours)
    assert set(re.findall(r'href="(https?:[^"]+)"', ours)) == {
        "https://www.tradingview.com/",
        "https://www.apache.org/licenses/LICENSE-2.0",
    }


def test_generated_market_is_called_synthetic_in_words(make_run, page: str) -> None:
    assert "SYNTHETIC DATA" in page
    assert "<title>SYNTHETIC" in page
    assert "SYNTHETIC" not in render_report(*make_run(300, 5, gaps=(), synthetic=False))


def test_hostile_name_is_only_text(make_run) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    result, arrays = make_run(300, 5, gaps=(), name=evil, warnings=(evil,))
    signal = replace(arrays.signal, reasons=("", evil, evil))
    text = render_report(result, replace(arrays, signal=signal))
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script") == 3
    data = re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["entryReasons"][1] == evil


def test_policy_names_the_two_scripts_and_no_other(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "script-src" in policy[1]
    assert "unsafe-inline" not in policy[1].split("script-src")[1].split(";", 1)[0]
    assert policy[1].count("sha256-") == 2


def test_missing_cost_and_hole_are_said_in_words(page: str) -> None:
    assert '<span class="status missing">missing</span>' in page
    assert "<td>2023-01-17 16:00</td><td>2023-01-20 04:00</td>" in page


def test_run_without_trades_still_reads(make_run) -> None:
    result, arrays = make_run(300, 0, gaps=())
    text = render_report(result, arrays)
    assert "No trade was made." in text
    assert "low sample: under 30" in text
    assert "trade-table" not in text.split("<script", maxsplit=1)[0]


def test_same_run_gives_the_same_page(small_run, page: str) -> None:
    assert render_report(*small_run) == page


def test_thinned_run_says_so(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "chart_frame", functools.partial(chart_frame, max_candles=500))
    assert "each candle shows 4 bars" in render_report(*make_run(1_600, 10))


@pytest.mark.parametrize(
    ("bars", "trades", "limit_kb"),
    [pytest.param(20_000, 1_000, 600, id="20k"), pytest.param(100_000, 2_000, 2_000, id="100k")],
)
def test_page_keeps_its_budget(make_run, bars: int, trades: int, limit_kb: int) -> None:
    text = render_report(*make_run(bars, trades, gaps=((400, 60),)))
    assert len(text.encode()) <= 1000 * limit_kb


def test_page_is_made_quickly(make_run) -> None:
    run = make_run(20_000, 1_000)
    render_report(*run)
    spent = []
    for _ in range(5):
        start = time.process_time()
        render_report(*run)
        spent.append(time.process_time() - start)
    assert np.min(spent) < 0.15
