"""The three strategies on real history: golden numbers, and the hole of New Year's Eve 2022 in all of it."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest

from arena.core.clock import parse_time
from arena.reporting.frame import chart_frame
from arena.reporting.html import render_report
from scripts.golden import GOLDEN_STEPS, RUNS, find_changes, golden_document, golden_path
from scripts.real_data import PROJECT, import_history

pytestmark = [pytest.mark.real_market, pytest.mark.slow, pytest.mark.xdist_group("real_history")]

HOLES = {"15m": ("2022-12-31T18:45:00Z", 21), "1h": ("2022-12-31T18:00:00Z", 6)}
HOLE_END = "2023-01-01T00:00:00Z"
FUNDING_EVERY_MS = 8 * 3_600_000

both_lengths = pytest.mark.parametrize("timeframe", ["15m", "1h"])
every_run = pytest.mark.parametrize(("strategy", "timeframe"), RUNS, ids=["_".join(run) for run in RUNS])


def settlements(raw) -> pl.DataFrame:
    """Return the 8-hourly settlements of the run, OKX's rate where there is one, else Binance's."""
    start, end = parse_time("2022-05-01"), parse_time("2026-04-18T04:00")
    grid = pl.DataFrame({"ts": np.arange(start + FUNDING_EVERY_MS, end, FUNDING_EVERY_MS)})
    own = raw("funding_8h_2025-2026").rename({"rate": "okx"})
    other = raw("binance_funding").rename({"rate": "binance"})
    joined = grid.join(own, on="ts", how="left").join(other, on="ts", how="left")
    source = (
        pl.when(pl.col("okx").is_not_null())
        .then(pl.lit("okx"))
        .when(pl.col("binance").is_not_null())
        .then(pl.lit("binance"))
        .otherwise(pl.lit(""))
    )
    return joined.with_columns(source.alias("source"), pl.coalesce("okx", "binance", 0.0001).alias("rate"))


def cost(result, name):
    return next(row for row in result.costs if row.cost == name)


@every_run
def test_run_gives_the_golden_numbers(strategy, timeframe, run):
    path = golden_path(strategy, timeframe)
    assert path.is_file(), f"{path} is missing: make golden writes it"
    found = golden_document(*run(strategy, timeframe))
    changes = find_changes(json.loads(path.read_text()), found)
    assert not changes, "\n".join(
        [
            f"{len(changes)} golden numbers of {path.name} moved, golden -> now:",
            *(f"  {line}" for line in changes),
            "if this is meant: make golden rewrites the files, and the commit says why they moved",
        ]
    )


@every_run
def test_parts_of_the_result_add_up(strategy, timeframe, run):
    result, arrays = run(strategy, timeframe)
    assert result.pnl.identity_error <= 1e-9
    assert not result.synthetic
    trades = arrays.trades
    assert trades["net_pnl"].sum() == pytest.approx(result.pnl.total, rel=1e-9, abs=1e-6)
    assert trades["fees"].sum() == pytest.approx(result.pnl.fees, rel=1e-9)
    assert arrays.fills["fee"].sum() == pytest.approx(result.pnl.fees, rel=1e-9)


def test_second_import_changes_nothing_and_keeps_the_exchanges_own_funding(real_market, real_folder):
    revisions = sorted((real_folder / "store" / "market" / "revisions").rglob("*.parquet"))
    before = [path.read_bytes() for path in revisions]
    roots = (str(real_folder / "store"), str(real_folder / "reports"))
    assert import_history(str(real_market), *roots, GOLDEN_STEPS) == 0
    assert [path.read_bytes() for path in revisions] == before


def test_replaced_stand_in_rates_are_kept_as_revisions(real_store, raw):
    files = sorted((real_store / "market" / "revisions" / "funding").rglob("*.parquet"))
    kept = pl.concat([pl.read_parquet(file) for file in files])
    both = raw("funding_8h_2025-2026").join(raw("binance_funding"), on="ts", suffix="_binance")
    assert len(kept) == len(both) == 284
    stand_ins = kept.sort("ts")
    old = next(name for name in stand_ins.columns if name.startswith("old") and "rate" in name)
    assert stand_ins["ts"].to_list() == both.sort("ts")["ts"].to_list()
    assert stand_ins[old].to_list() == both.sort("ts")["rate_binance"].to_list()


def test_missing_history_ends_in_one_sentence():
    script = PROJECT / "scripts" / "real_data.py"
    done = subprocess.run(
        [sys.executable, str(script), "--market", "no/such/folder"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert re.fullmatch(
        r"error: there is no market history at no/such/folder: [^\n]*--market[^\n]*\n", done.stderr
    )
    assert done.stdout == ""


@both_lengths
def test_hole_is_in_result_warnings_and_report(timeframe, run):
    start, bars = HOLES[timeframe]
    result, arrays = run("ema_trend", timeframe)
    assert [gap.model_dump() for gap in result.data.gaps] == [{"start": start, "end": HOLE_END, "bars": bars}]
    assert (result.data.missing, result.data.expected - result.data.present) == (bars, bars)
    warning = next(text for text in result.warnings if "missing" in text)
    assert start in warning
    assert HOLE_END in warning
    page = html.unescape(render_report(result, arrays))
    words = re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert start[:10] in words
    assert re.search(rf"\b{bars}\b[^.]{{0,80}}missing|missing[^.]{{0,80}}\b{bars}\b", words, re.IGNORECASE)


@both_lengths
def test_report_keeps_its_size(timeframe, run):
    size = len(render_report(*run("ema_trend", timeframe)).encode())
    assert size <= (2_000_000 if timeframe == "15m" else 1_000_000)


@both_lengths
def test_strict_policy_stops_and_names_the_hole(timeframe, real_folder):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "jobs.backtest",
            f"timeframe={timeframe}",
            "limit=null",
            "data.policy=strict",
            f"store.root={real_folder / 'store'}",
            f"reports.root={real_folder / 'strict'}",
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    start, bars = HOLES[timeframe]
    assert done.returncode == 3, done.stderr
    assert f"{bars} of" in done.stderr
    assert start in done.stderr
    assert "Traceback" not in done.stderr


@every_run
def test_no_fill_comes_from_a_decision_across_the_hole(strategy, timeframe, run):
    _, arrays = run(strategy, timeframe)
    fills, ts = arrays.fills, arrays.bars.ts
    start, end = parse_time(HOLES[timeframe][0]), parse_time(HOLE_END)
    assert not ((fills["ts"] >= start) & (fills["ts"] < end)).any()
    decided = fills[fills["signal_bar"] >= 0]
    assert len(decided) > 0
    waited = ts[decided["bar"]] - ts[decided["signal_bar"]]
    assert set(waited.tolist()) == {arrays.bars.timeframe.step_ms}


def test_reversal_due_in_the_hole_was_dropped_in_the_golden_run(run):
    """The averages crossed on the last close before the hole: the reversal came one close after it."""
    result, arrays = run("ema_trend", "15m")
    after = int(np.searchsorted(arrays.bars.ts, parse_time(HOLE_END)))
    target = arrays.signal.target
    assert (target[after - 2], target[after - 1]) == (1.0, -1.0)
    assert result.counts.expired_orders == 1
    fills = arrays.fills
    assert not (fills["signal_bar"] == after - 1).any()
    assert (fills[fills["bar"] == after]["signal_bar"] == -1).all()  # the stop that the open jumped
    assert (fills[fills["signal_bar"] == after]["bar"] == after + 1).all()
    assert arrays.position[after + 1] < 0.0


@both_lengths
def test_equity_has_a_point_for_stored_bars_alone(timeframe, run, raw):
    result, arrays = run("ema_trend", timeframe)
    start, bars = HOLES[timeframe]
    assert arrays.bars.ts.tolist() == raw(timeframe)["ts"].to_list()
    assert len(arrays.equity) == len(arrays.hold_equity) == result.data.present
    frame = chart_frame(arrays, result.account.initial_capital, max_candles=1_000_000)
    holes = [(int(a), int(b)) for a, b in zip(frame.gap_start, frame.gap_end, strict=True)]
    step_ms = arrays.bars.timeframe.step_ms
    first = (parse_time(start) - int(arrays.bars.ts[0])) // step_ms
    assert holes == [(first, first + bars)]
    assert not np.isin(np.arange(first, first + bars), frame.slot).any()


def test_outage_of_december_2022_is_flat_bars(run, raw):
    result, _ = run("ema_trend", "15m")
    flat = raw("15m").filter((pl.col("high") == pl.col("low")) & (pl.col("volume") == 0))
    outage = flat.filter(
        pl.col("ts").is_between(parse_time("2022-12-18T08:45"), parse_time("2022-12-18T18:30"))
    )
    assert result.data.flat == len(flat) == 56
    assert len(outage) == 40  # every bar of it
    assert any(text.startswith("56 bars flat without volume") for text in result.warnings)


@both_lengths
def test_funding_counts_by_source_and_says_what_stands_in(timeframe, run, raw):
    result, _ = run("ema_trend", timeframe)
    rows = settlements(raw)
    counts = Counter(rows["source"].to_list())
    funding = cost(result, "funding")
    assert f"{counts['binance']:,} settlements from binance" in funding.source
    assert f"{counts['okx']:,} settlements from okx" in funding.source
    assert f"{counts['']} without a stored rate, assumed 0.0001" in funding.source
    assert "binance stands in" in funding.source
    assert funding.status == "estimated"
    assert funding.estimated_share == pytest.approx(1 - counts["okx"] / len(rows), abs=1e-12)
    assert result.data.funding_expected == len(rows)
    assert result.data.funding_present == len(rows) - counts[""]
    assert any("binance stands in" in text for text in result.warnings)


def test_hourly_run_marks_at_the_stored_mark_price(run, raw):
    result, _ = run("ema_trend", "1h")
    bars, mark = raw("1h"), raw("mark_1h_2022-2026")
    unmarked = len(bars.join(mark, on="ts", how="anti"))
    row = cost(result, "mark_price")
    assert unmarked == result.data.mark_missing == 2211
    assert row.actual_share == pytest.approx(1 - unmarked / len(bars), abs=1e-12)


def test_quarter_hours_have_no_mark_and_say_so(run):
    result, _ = run("ema_trend", "15m")
    row = cost(result, "mark_price")
    assert (row.status, row.actual_share, result.data.mark_missing) == ("estimated", 0.0, 139_005)
    assert "the last price stands in" in row.source
    assert any(text.startswith("Mark price is 100% estimated") for text in result.warnings)


@both_lengths
def test_buy_and_hold_equals_an_independent_computation(timeframe, run, raw):
    result, arrays = run("ema_trend", timeframe)
    bars, rows = raw(timeframe).to_numpy(structured=True), settlements(raw)
    first, capital, fee, slip = 300, 10_000.0, 0.0005, 1.1e-4
    entry = bars["open"][first] * (1 + slip)
    coins = capital / (entry * (1 + fee))
    # The mark at a settlement is the open of the mark bar that opens then, of whatever length; else the
    # last price's open then, within the hole that of the bar before it.
    mark = dict(zip(bars["ts"].tolist(), bars["open"].tolist(), strict=True))
    stored = raw("mark_1h_2022-2026")
    mark.update((t, p) for t, p in zip(stored["ts"].to_list(), stored["open"].to_list(), strict=True))
    paid = np.zeros(len(bars))
    for ts, rate in zip(rows["ts"].to_list(), rows["rate"].to_list(), strict=True):
        at = int(np.searchsorted(bars["ts"], ts, side="left"))
        if at > first:
            price = mark[ts] if ts in mark else mark[int(bars["ts"][at - 1])]
            paid[at] -= rate * price * coins
    equity = coins * bars["close"] + np.cumsum(paid)
    np.testing.assert_allclose(arrays.hold_equity[first:], equity[first:], rtol=1e-12)
    growth = next(metric.value for metric in result.buy_and_hold if metric.name == "total_return")
    assert growth == pytest.approx(equity[-1] / capital - 1, rel=1e-12)
