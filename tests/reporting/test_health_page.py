"""The health page: every series and finding on it, drawn and in words, readable by everybody."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arena.audit.health_day import HealthDay
from arena.audit.health_result import FindingRecord, GoneRecord, HealthResult, SeriesRecord
from arena.backtest.result import RunInfo
from arena.reporting.health_console import health_headline
from arena.reporting.health_files import publish_stats, stats_path, write_health
from arena.reporting.health_html import render_health
from arena.reporting.health_view import SHOWN, finding_rows, kind_rows, remedies, severities, timeline

NOW = 1_767_225_600_000


def finding(kind: str, series: str = "candles 15m", **changes: object) -> FindingRecord:
    made = {
        "kind": kind,
        "series": series,
        "timeframe": series.rsplit(maxsplit=1)[-1],
        "start": "2024-05-01T00:00:00Z",
        "end": "2024-05-01T05:15:00Z",
        "bars": 21,
        "severity": "error",
        "status": "new",
        "event_id": 1,
        "first_seen": "2026-01-01T00:00:00Z",
        "times_seen": 1,
        "detail": {},
    }
    return FindingRecord.model_validate({**made, **changes})


def series(name: str, grade: str = "A", **changes: object) -> SeriesRecord:
    kind, _, timeframe = name.partition(" ")
    made = {
        "series": name,
        "kind": kind,
        "timeframe": timeframe or "8h",
        "first": "2022-05-01T00:00:00Z",
        "last": "2026-01-01T00:00:00Z",
        "expected": 128_929,
        "present": 128_908,
        "missing": 21,
        "confirmed_absent": 0,
        "grade": grade,
        "errors": 1,
        "warnings": 0,
        "infos": 0,
        "totals": {},
    }
    return SeriesRecord.model_validate({**made, **changes})


@pytest.fixture(scope="module")
def result() -> HealthResult:
    findings = [
        finding("gap"),
        finding("gap", start="2024-07-01T00:00:00Z", status="confirmed_absent", times_seen=3),
        finding("bad_ohlc", bars=1, detail={"high": "1.0", "low": "2.0"}),
        finding("absent", "candles 4h", start="1970-01-01T00:00:00Z", end="1970-01-01T00:00:00Z", bars=0),
        finding("funding_gap", "funding", timeframe="8h", bars=393, end="2025-05-27T00:00:00Z"),
        finding(
            "differs_from_15m", "candles 1h", severity="warning", detail={"price": 0.000568, "volume": 0.128}
        ),
        finding(
            "spike",
            severity="warning",
            bars=1,
            detail={"move": 0.058, "usual_range": 0.007},
            times_seen=4,
            status="known",
        ),
        finding(
            "stale",
            severity="warning",
            start="2026-01-01T00:15:00Z",
            end="2026-01-01T00:30:00Z",
            detail={"overdue_ms": 28_400_000_000},
        ),
        finding("mark_gap", "mark 1h", severity="error"),
        finding("zero_volume", severity="info", bars=3, detail={"flat": 3}),
    ]
    return HealthResult(
        synthetic=False,
        run=RunInfo(
            run_id="20260101T000000-000-abcdef01",
            job="health",
            name="<script>alert(1)</script>",
            created_at="2026-01-01T00:00:00Z",
            command="python -m jobs.health",
        ),
        store="data",
        inst_id="BTC-USDT-SWAP",
        symbol="BTC/USDT:USDT",
        judged_at="2026-01-01T00:00:00Z",
        fail_on="error",
        failed=True,
        worst="error",
        grade="F",
        series=[
            series("candles 15m", "C", totals={"gap": 1_500}, warnings=2),
            series("candles 1h", "B"),
            series("candles 4h", "F", first=None, last=None, expected=0, present=0, missing=0),
            series("mark 1h", "D"),
            series("funding", "F", present=9_000, expected=9_393, missing=393, confirmed_absent=21),
        ],
        findings=findings,
        gone=[
            GoneRecord(
                kind="gap",
                timeframe="1h",
                start="2023-01-01T00:00:00Z",
                end="2023-01-01T06:00:00Z",
                bars=6,
                first_seen="2025-12-31T00:00:00Z",
                event_id=9,
            )
        ],
        bars_scanned=1_580_000,
        seconds=0.42,
    )


@pytest.fixture(scope="module")
def page(result: HealthResult) -> str:
    return render_health(result)


def test_page_has_its_parts_and_no_script(page: str) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert titles == [
        "Timeline",
        "Coverage and grades",
        "What was found",
        "Findings",
        "Gone since the last scan",
    ]
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"\b(NaN|nan|inf|None)\b", page)


def test_each_series_has_a_track_a_grade_and_words(result: HealthResult) -> None:
    shown = timeline(result)
    assert [track.name for track in shown.tracks] == [
        "candles 15m",
        "candles 1h",
        "candles 4h",
        "mark 1h",
        "funding 8h",
    ]
    first = shown.tracks[0]
    assert first.label.startswith(
        "candles 15m, 2022-05-01 00:00 to 2026-01-01 00:00 UTC: 21 of 128,929 missing in 2 holes"
    )
    assert first.coverage == "99.98%"
    assert shown.tracks[2].svg == ""
    assert shown.tracks[2].label == "candles 4h: not stored"


def test_marks_lie_inside_the_drawing_and_can_be_seen(result: HealthResult) -> None:
    for track in timeline(result).tracks:
        for x, width in re.findall(r'x="([\d.]+)" y="\d+" width="([\d.]+)"', track.svg):
            assert float(width) >= 4.9
            assert 0 <= float(x) <= float(x) + float(width) <= 1000.1


def test_whole_series_alone_reads_100_percent(result: HealthResult) -> None:
    nearly = series("candles 1m", expected=1_578_240, present=1_578_239, missing=1)
    whole = series("candles 1m", expected=10, present=10, missing=0)
    shares = [
        timeline(result.model_copy(update={"series": [one]})).tracks[0].coverage for one in (nearly, whole)
    ]
    assert shares == ["99.99%", "100.00%"]


def test_findings_are_counted_and_told_in_words(result: HealthResult) -> None:
    rows = kind_rows(result)
    assert (rows[0].series, rows[0].kind, rows[0].found, rows[0].severity) == (
        "candles 15m",
        "bad_ohlc",
        1,
        "error",
    )
    assert next(row.found for row in rows if row.kind == "gap") == 1_500
    assert severities(result) == {"error": 5, "warning": 3, "info": 1}
    told = {row.kind: row for row in finding_rows(result.findings)}
    assert told["gap"].status == "the exchange has none either"
    assert told["spike"].detail == "move 5.80%, usual range 0.70%"
    assert told["stale"].detail == "overdue 7,888.9 h"
    assert (told["absent"].start, told["absent"].end) == ("\u2013", "\u2013")


def test_what_can_be_done_is_a_command_for_each_series_that_can_be_mended(result: HealthResult) -> None:
    assert [command for command, _ in remedies(result)] == [
        "python -m jobs.repair symbol=btc_usdt_swap timeframe=15m mode=refetch store.root=data",
        "python -m jobs.repair symbol=btc_usdt_swap kind=funding mode=refetch store.root=data",
        "python -m jobs.repair symbol=btc_usdt_swap timeframe=1h mode=rebuild store.root=data",
        "python -m jobs.repair symbol=btc_usdt_swap kind=mark timeframe=1h mode=refetch store.root=data",
    ]


def test_what_can_be_done_is_done_in_the_store_that_was_scanned(result: HealthResult) -> None:
    elsewhere = result.model_copy(update={"store": "my data"})
    assert [command for command, _ in remedies(elsewhere)][1] == (
        "python -m jobs.repair symbol=btc_usdt_swap kind=funding mode=refetch 'store.root=my data'"
    )


def test_of_very_many_findings_the_page_shows_the_first_and_says_so(result: HealthResult) -> None:
    many = [finding("gap", event_id=number) for number in range(SHOWN + 50)]
    text = render_health(result.model_copy(update={"findings": many}))
    assert "50 more are in the JSON file" in text
    assert len(text) < 300_000


def test_series_without_findings_says_that_nothing_is_wrong(result: HealthResult) -> None:
    sound = {"findings": [], "gone": [], "series": [series("candles 1h")], "failed": False, "worst": None}
    text = render_health(result.model_copy(update=sound))
    assert "Nothing is wrong with what is stored." in text
    assert "Gone since" not in text


def test_files_of_a_day_with_one_scan_are_those_of_the_scan(result: HealthResult, tmp_path: Path) -> None:
    folder = tmp_path / "health"
    folder.mkdir()
    write_health(folder, result)
    publish_stats(tmp_path, NOW, result)
    assert stats_path(tmp_path, NOW).name == "db_stats_20260101.html"
    assert day_of(tmp_path).scans == [result]
    assert (tmp_path / "db_stats_20260101.html").read_text() == (folder / "report.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "db_stats_20260101.html",
        "db_stats_20260101.json",
        "health",
    ]


def day_of(folder: Path) -> HealthDay:
    return HealthDay.model_validate_json((folder / "db_stats_20260101.json").read_bytes())


def ether(result: HealthResult, **changed: object) -> HealthResult:
    run = result.run.model_copy(update={"run_id": "20260101T000001-000-abcdef01", "name": "second"})
    other = {"inst_id": "ETH-USDT-SWAP", "symbol": "ETH/USDT:USDT", "run": run, "grade": "B"}
    return result.model_copy(update=other | changed)


def test_second_instrument_of_a_day_stands_beside_the_first(result: HealthResult, tmp_path: Path) -> None:
    for one in (ether(result), result):
        publish_stats(tmp_path, NOW, one)
    day = day_of(tmp_path)
    assert [one.inst_id for one in day.scans] == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]
    assert (day.day, day.grade, day.synthetic) == ("2026-01-01", "F", False)
    text = (tmp_path / "db_stats_20260101.html").read_text()
    assert "Data health of 2026-01-01: grade F" in text
    for name in ("BTC-USDT-SWAP", "ETH-USDT-SWAP"):
        assert f"Table: coverage: {name}" in text


def test_later_scan_replaces_the_series_that_it_looked_at_and_no_others(
    result: HealthResult, tmp_path: Path
) -> None:
    later = result.model_copy(
        update={
            "run": result.run.model_copy(update={"run_id": "20260101T000002-000-abcdef01"}),
            "series": [series("candles 1h", "A"), series("funding", "A")],
            "findings": [],
            "grade": "A",
        }
    )
    for one in (result, later, later.model_copy(update={"store": "data/demo"})):
        publish_stats(tmp_path, NOW, one)
    first, second, elsewhere = day_of(tmp_path).scans
    assert [one.series for one in first.series] == ["candles 15m", "candles 4h", "mark 1h"]
    assert {one.series for one in first.findings} == {"candles 15m", "candles 4h", "mark 1h"}
    assert (second, elsewhere.store) == (later, "data/demo")


def test_statistics_that_are_none_begin_anew(result: HealthResult, tmp_path: Path) -> None:
    (tmp_path / "db_stats_20260101.json").write_text("{")
    publish_stats(tmp_path, NOW, result)
    assert day_of(tmp_path).scans == [result]


def test_scans_that_end_at_once_are_all_in_the_day(result: HealthResult, tmp_path: Path) -> None:
    names = [f"C{number}-USDT-SWAP" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: publish_stats(tmp_path, NOW, ether(result, inst_id=name)), names))
    assert [one.inst_id for one in day_of(tmp_path).scans] == names


def test_console_tells_grades_and_the_gravest(result: HealthResult) -> None:
    text = health_headline(result, Path("reports/db_stats_20260101.html"))
    assert "BTC-USDT-SWAP  grade F  1,580,000 bars in 0.42 s" in text
    assert "! error   candles 4h: the series is not stored" in text
    assert "(the exchange has none either), seen 3 times" in text
    assert text.endswith("report  reports/db_stats_20260101.html")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_reads_in_a_browser(
    open_tab, axe_violations, page: str, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "health.html"
    path.write_text(page, encoding="utf-8")
    tab = open_tab(path, script=False, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert tab.requests == [path.as_uri()]
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    assert tab.page.title() == "Data health of BTC/USDT:USDT: grade F"
    assert tab.page.locator(".run-name").inner_text() == "<script>alert(1)</script>"
    tab.page.locator("details").evaluate("element => { element.open = true; }")
    assert axe_violations(tab.page) == []
    assert tab.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_page_of_a_day_reads_in_a_browser(
    open_tab, axe_violations, result: HealthResult, tmp_path: Path, width: int
) -> None:
    publish_stats(tmp_path, NOW, result)
    publish_stats(tmp_path, NOW, ether(result))
    path = tmp_path / "db_stats_20260101.html"
    tab = open_tab(path, script=False, viewport={"width": width, "height": 900})
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    assert axe_violations(tab.page) == []
    ids = tab.page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
