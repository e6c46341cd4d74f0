"""A repair from end to end: ranges, ledger, the market as it was known, and what the changes touch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from arena.audit.archive import PastRun
from arena.audit.blast_radius import count_touching, trades_of
from arena.audit.repair_result import RepairResult
from arena.audit.repair_run import Asking, problem_of, repair_series
from arena.backtest.ledger_rows import backtest_record
from arena.backtest.result import RunInfo
from arena.backtest.run import RunIdentity, run_backtest
from arena.config.base import validate
from arena.config.health import RepairConfig
from arena.config.models import BacktestConfig
from arena.core.bars import FundingSeries
from arena.core.clock import to_iso
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.exchange.port import FundingHistory
from arena.reporting.repair_console import repair_headline
from arena.store.ledger import open_ledger, open_reads
from arena.store.ledger.rows import DecisionRow
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
from tests.audit.conftest import CHANGED, CONF, FIRST_STORED, HOUR_MS, RUN_AT, START, House, hours
from tests.data.test_data_repair import MemoryFeed, picked

TRUTH = hours(0, 1_000)
HOLE = slice(700, 720)
WRONG = 800


@pytest.fixture
def holed(tmp_path: Path) -> House:
    """A thousand hours of which twenty are missing and one has a close that was never paid."""
    made = House(tmp_path)
    stored = picked(TRUTH, np.r_[0:700, 720:1000])
    close, high = stored.close.copy(), stored.high.copy()
    close[WRONG - 20], high[WRONG - 20] = 39_000.0, 1.0
    made.keep(picked_with(stored, close, high), FIRST_STORED)
    return made


def picked_with(bars: Any, close: Any, high: Any) -> Any:
    return replace(bars, close=close, high=high)


def url_of(house: House) -> str:
    return f"sqlite:///{house.root}/ledger.sqlite"


def run_in(house: House, run_id: str, *overrides: str) -> PastRun:
    """Leave a run as jobs.backtest does: its folder and its rows."""
    past = house.run(run_id, *overrides)
    config = validate(BacktestConfig, past.read_config())
    identity = RunIdentity(run_id, RUN_AT, "python -m jobs.backtest", "0" * 64)
    result, arrays = run_backtest(config, identity)
    record = backtest_record(result, arrays, config.model_dump(mode="json"))
    with open_ledger(url_of(house)) as ledger:
        ledger.start_job_run(run_id, "backtest", "c", "{}", "python -m jobs.backtest", RUN_AT)
        ledger.record_backtest(record)
    return past


def repair(house: House, *overrides: str, feed: Any = None, at: int = CHANGED) -> RepairResult:
    wanted = [f"store.root={house.store}", f"reports.root={house.reports}", "timeframe=1h", *overrides]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("repair", overrides=wanted)
    config = validate(RepairConfig, OmegaConf.to_container(composed, resolve=True))  # type: ignore[arg-type]
    run_id = f"repair-{at}"
    identity = RunInfo(run_id=run_id, job="repair", name="", created_at=to_iso(at), command="repair")
    with open_ledger(url_of(house)) as ledger, open_reads(url_of(house)) as reads:
        ledger.start_job_run(run_id, "repair", "c", "{}", "repair", at)
        return repair_series(config, Asking(identity, ledger, reads, lambda: at, feed))


def events(house: House, **same: Any) -> list[dict[str, Any]]:
    with open_reads(url_of(house)) as reads:
        return reads.list_integrity_events(inst_id="BTC-USDT-SWAP", timeframe="1h", **same)


def jobs_of(house: House) -> list[dict[str, Any]]:
    with open_reads(url_of(house)) as reads:
        return reads.list_repair_jobs()


def test_repair_finds_its_ranges_mends_them_and_writes_it_down(holed: House) -> None:
    result = repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    assert [(one.start, one.end, one.outcome) for one in result.ranges] == [
        (to_iso(int(TRUTH.ts[700])), to_iso(int(TRUTH.ts[720])), "repaired"),
        (to_iso(int(TRUTH.ts[WRONG])), to_iso(int(TRUTH.ts[WRONG + 1])), "repaired"),
    ]
    assert (result.planned, result.changed_bars, problem_of(result)) == (True, 21, None)
    rows = {row["start_ts"]: row for row in jobs_of(holed)}
    hole = rows[int(TRUTH.ts[700])]
    assert (hole["mode"], hole["source"], hole["status"], hole["outcome"]) == (
        "refetch",
        "okx",
        "done",
        "repaired",
    )
    assert (hole["bars_asked"], hole["bars_done"]) == (20, 20)
    assert '"missing":20' in hole["before_json"]
    assert '"missing":0' in hole["after_json"]
    assert repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED), at=CHANGED + 1).ranges == []


def test_findings_of_an_earlier_scan_are_closed_with_the_repair_that_mended_them(holed: House) -> None:
    with open_ledger(url_of(holed)) as ledger:
        ledger.record_integrity_events([])
    empty = MemoryFeed(picked(TRUTH, np.r_[0:10]), FIRST_STORED, refused={"no": 1})
    repair(holed, feed=empty)
    assert len(events(holed, unresolved=True, kind="gap")) == 1
    result = repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED), at=CHANGED + 5)
    assert result.closed == 2
    found = {row["kind"]: row for row in events(holed)}
    assert (found["gap"]["resolution"], found["gap"]["repair_id"]) == (
        "repaired",
        f"repair-{CHANGED + 5}-0",
    )
    assert found["bad_ohlc"]["resolution"] == "repaired"


def test_hole_that_the_exchange_has_too_is_confirmed_and_not_asked_for_again(holed: House) -> None:
    feed = MemoryFeed(picked(TRUTH, np.r_[0:700, 720:1000]), FIRST_STORED)
    result = repair(holed, feed=feed)
    assert (result.ranges[0].outcome, result.confirmed) == ("confirmed_absent", 1)
    assert [hole.bars for hole in result.ranges[0].confirmed_absent] == [20]
    (row,) = events(holed, kind="gap")
    assert (row["resolution"], row["repair_id"]) == ("confirmed_absent", f"repair-{CHANGED}-0")
    assert repair(holed, feed=feed, at=CHANGED + 1).ranges == []
    named = [f"range_start='{to_iso(int(TRUTH.ts[700]))}'", f"range_end='{to_iso(int(TRUTH.ts[720]))}'"]
    late = repair(holed, *named, feed=MemoryFeed(TRUTH, FIRST_STORED), at=CHANGED + 2)
    assert (late.planned, late.ranges[0].outcome) == (False, "repaired")
    assert events(holed, kind="gap")[0]["resolution"] == "gone"


def halves(bars: Any) -> Any:
    """Return 30m bars that make these hours."""
    ts = np.repeat(bars.ts, 2)
    ts[1::2] += HOUR_MS // 2
    columns = {name: np.repeat(getattr(bars, name), 2) for name in ("open", "high", "low", "close", "volume")}
    columns["open"][1::2] = bars.close
    columns["volume"] /= 2
    return replace(bars, timeframe=Timeframe.parse("30m"), ts=ts, **columns)


def test_bars_of_which_the_exchange_has_the_same_are_confirmed_and_not_asked_for_again(house: House) -> None:
    finer = halves(TRUTH)
    finer.close[2 * WRONG + 1] += 1
    house.keep(finer, FIRST_STORED)
    feed, now = MemoryFeed(TRUTH, FIRST_STORED), "now='2025-02-11T17:00'"
    result = repair(house, now, feed=feed)
    assert problem_of(result) is None
    assert (result.ranges[0].outcome, result.confirmed, result.open) == ("unchanged", 1, 0)
    (row,) = events(house, kind="differs_from_30m")
    assert (row["resolution"], row["repair_id"]) == ("confirmed_same", f"repair-{CHANGED}-0")
    told = repair_headline(result, Path("reports/repair/x"))
    start, end = (to_iso(START + hour * HOUR_MS) for hour in (WRONG, WRONG + 1))
    assert f"so the 30m bars are wrong: timeframe=30m range_start={start} range_end={end}" in told
    again = repair(house, now, feed=feed, at=CHANGED + 1)
    assert (again.ranges, again.open) == ([], 0)
    assert events(house, kind="differs_from_30m")[0]["resolution"] == "confirmed_same"
    finer.close[2 * WRONG + 1] += 1
    house.keep(finer, CHANGED + 2)
    other = repair(house, now, feed=feed, at=CHANGED + 3)
    assert [one.outcome for one in other.ranges] == ["unchanged"]


def test_spike_that_the_exchange_has_too_is_confirmed_where_its_range_is_named(tmp_path: Path) -> None:
    house, high = House(tmp_path), TRUTH.high.copy()
    high[WRONG] *= 1.2
    spiked = replace(TRUTH, high=high)
    house.keep(spiked, FIRST_STORED)
    feed = MemoryFeed(spiked, FIRST_STORED)
    assert repair(house, feed=feed).ranges == []
    start, end = (to_iso(START + hour * HOUR_MS) for hour in (WRONG - 5, WRONG + 5))
    named = repair(house, f"range_start='{start}'", f"range_end='{end}'", feed=feed, at=CHANGED + 1)
    assert (named.ranges[0].outcome, named.confirmed) == ("unchanged", 1)
    assert [row["resolution"] for row in events(house, kind="spike")] == ["confirmed_same"]


H4 = Timeframe.parse("4h")
LAST_OF_4 = 803


@pytest.fixture
def derived(tmp_path: Path) -> House:
    """Hours with a hole and a wrong close, and the 4h bars made of them; one came from elsewhere."""
    made = House(tmp_path)
    close, high = TRUTH.close.copy(), TRUTH.high.copy()
    close[LAST_OF_4], high[LAST_OF_4] = 39_000.0, 1.0
    stored = picked(picked_with(TRUTH, close, high), np.r_[0:700, 720:1000])
    coarse = resample(stored, H4)
    foreign = replace(picked(resample(TRUTH, H4), [704 // 4]), close=np.array([40_000.5]))
    for bars in (stored, coarse, foreign):
        made.keep(bars, FIRST_STORED)
    return made


def test_coarser_bars_that_were_made_of_the_mended_ones_follow(derived: House) -> None:
    result = repair(derived, feed=MemoryFeed(TRUTH, FIRST_STORED))
    (followed,) = result.coarser
    assert (followed.timeframe, followed.inserted, followed.revised, followed.kept) == ("4h", 4, 1, 1)
    assert (result.changed_bars, result.changed_others) == (21, {"candles 4h": 5})
    reader, truth = MarketReader(derived.store), resample(TRUTH, H4)
    now = reader.read_bars(Kind.CANDLES, "BTC-USDT-SWAP", H4)
    assert now.ts.tolist() == truth.ts.tolist()
    assert np.flatnonzero(now.close != truth.close).tolist() == [704 // 4], "what came from elsewhere stays"
    then = reader.read_bars(Kind.CANDLES, "BTC-USDT-SWAP", H4, as_of=CHANGED - 1)
    assert (len(then), then.close[then.ts == TRUTH.ts[800]].tolist()) == (246, [39_000.0])
    rows = {row["timeframe"]: row for row in jobs_of(derived)}
    assert (rows["4h"]["mode"], rows["4h"]["source"], rows["4h"]["bars_done"]) == (
        "rebuild",
        "derived from 1h",
        5,
    )
    told = repair_headline(result, Path("reports/repair/x"))
    assert "  4h follows: 4 inserted, 1 revised; 1 differ from the mended bars and stay" in told


def test_findings_of_coarser_bars_that_follow_are_closed(derived: House) -> None:
    refused = MemoryFeed(picked(TRUTH, []), FIRST_STORED, refused={"x": 1})
    named = ["range_start=2025-01-01", "range_end=2025-02-11"]
    repair(derived, "timeframe=4h", *named, "mode=rebuild", feed=refused)
    with open_reads(url_of(derived)) as reads:
        before = reads.list_integrity_events(timeframe="4h", kind="gap")
    assert [row["resolution"] for row in before] == [None, None]
    repair(derived, feed=MemoryFeed(TRUTH, FIRST_STORED), at=CHANGED + 10)
    with open_reads(url_of(derived)) as reads:
        after = reads.list_integrity_events(timeframe="4h", kind="gap")
    assert {row["resolution"] for row in after} == {"repaired"}
    assert {row["repair_id"] for row in after} == {f"repair-{CHANGED + 10}-2"}


def test_blast_radius_reaches_the_runs_on_coarser_bars(derived: House) -> None:
    run_in(derived, "20250201T000000-000-aaaaaaaa", "timeframe=4h", "limit=150")
    run_in(derived, "20250201T000001-000-bbbbbbbb")
    result = repair(derived, feed=MemoryFeed(TRUTH, FIRST_STORED))
    assert {(run.timeframe, run.reading, run.bars_inside) for run in result.runs} == {
        ("4h", "bars", 5),
        ("1h", "bars", 21),
    }


def test_coarser_series_is_not_lengthened_and_one_from_elsewhere_stays(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.keep(picked(TRUTH, np.r_[0:100, 120:1000]), FIRST_STORED)
    own = picked(resample(TRUTH, H4), np.r_[100:200])
    house.keep(replace(own, close=own.close + 1), FIRST_STORED)
    result = repair(house, feed=MemoryFeed(TRUTH, FIRST_STORED))
    assert (result.ranges[0].outcome, result.coarser) == ("repaired", [])
    assert len(MarketReader(house.store).read_bars(Kind.CANDLES, "BTC-USDT-SWAP", H4)) == 100


def test_mark_prices_are_mended_and_the_runs_that_read_them_listed(house: House) -> None:
    mark = replace(TRUTH, volume=np.zeros(1_000))
    writer = MarketWriter(house.store, clock=lambda: FIRST_STORED)
    writer.write_bars(Kind.MARK, picked(mark, np.r_[0:700, 720:1000]), source="okx")
    run_in(house, "20250201T000000-000-aaaaaaaa")
    feed = MemoryFeed(mark, FIRST_STORED, kind="mark")
    result = repair(house, "kind=mark", feed=feed)
    assert (result.kind, result.ranges[0].outcome, result.changed_bars) == ("mark", "repaired", 20)
    assert [(run.reading, run.bars_inside) for run in result.runs] == [("mark", 20)]
    assert [row["kind"] for row in jobs_of(house)] == ["mark"]
    again = repair(house, "kind=mark", feed=feed, at=CHANGED + 1)
    assert again.ranges == []


def test_funding_is_mended_and_the_runs_that_paid_it_listed(house: House) -> None:
    ts = START + np.arange(126, dtype=np.int64) * 8 * HOUR_MS
    whole = FundingSeries("BTC-USDT-SWAP", ts, np.full(126, 1e-4), ("okx",) * 126)
    kept = np.delete(np.arange(126), [90, 91])
    holed = FundingSeries("BTC-USDT-SWAP", ts[kept], whole.rate[kept], ("okx",) * 124)
    MarketWriter(house.store, clock=lambda: FIRST_STORED).write_funding(holed)
    run_in(house, "20250201T000000-000-aaaaaaaa")
    feed = MemoryFeed(TRUTH, FIRST_STORED, settled=FundingHistory(whole, START))
    result = repair(house, "kind=funding", "rerun=true", feed=feed)
    assert (result.kind, result.timeframe, result.changed_bars) == ("funding", "8h", 2)
    (hit,) = result.runs
    assert (hit.reading, hit.bars_inside) == ("funding", 2)
    assert hit.now is not None
    with open_reads(url_of(house)) as reads:
        rows = reads.list_integrity_events(timeframe="8h", kind="funding_gap")
    assert rows == []  # the scan before a repair is not written down
    assert repair(house, "kind=funding", feed=feed, at=CHANGED + 1).ranges == []


def test_rest_of_a_hole_is_a_finding_of_its_own_and_confirmed(holed: House) -> None:
    repair(holed, feed=MemoryFeed(picked(TRUTH, np.r_[0:710, 720:1000]), FIRST_STORED))
    found = {(row["start_ts"], row["resolution"]) for row in events(holed, kind="gap")}
    assert found == {(int(TRUTH.ts[710]), "confirmed_absent")}


def test_backtest_as_of_before_the_repair_is_the_one_made_then(holed: House) -> None:
    then = holed.run("then")
    repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    now = holed.run("now", created_ms=CHANGED + 1)
    again = holed.run("again", f"as_of='{to_iso(RUN_AT)}'", created_ms=CHANGED + 1)
    assert now.read_result().provenance.dataset_hash != then.read_result().provenance.dataset_hash
    assert again.read_result().provenance.dataset_hash == then.read_result().provenance.dataset_hash
    for name in ("equity", "fills", "trades"):
        assert again.read_table(name).equals(then.read_table(name))
        assert not now.read_table(name).equals(then.read_table(name))
    assert again.read_result().primary == then.read_result().primary


def test_blast_radius_lists_the_runs_that_read_changed_bars(holed: House) -> None:
    run_in(holed, "20250201T000000-000-aaaaaaaa")
    run_in(holed, "20250201T000001-000-bbbbbbbb", f"window.end='{to_iso(int(TRUTH.ts[650]))}'", "limit=300")
    result = repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    (hit,) = result.runs
    assert (hit.run_id, hit.reading, hit.bars_inside, hit.bars_before) == (
        "20250201T000000-000-aaaaaaaa",
        "bars",
        21,
        0,
    )
    assert 0 < hit.trades_touching < hit.trades
    assert hit.now is None


def test_repair_scans_by_the_rules_that_health_scans_by(holed: House) -> None:
    truth = picked_with(TRUTH, TRUTH.close.copy(), TRUTH.high.copy())
    truth.volume[10:20] = 0.0
    feed = MemoryFeed(truth, FIRST_STORED)
    holed.keep(picked(truth, np.r_[10:20]), FIRST_STORED)
    strict = ["rules.zero_volume_minutes=60", "rules.stale_bars=10000", "now=2025-02-12"]
    repair(holed, *strict, feed=feed)
    assert {row["kind"]: row["severity"] for row in events(holed, unresolved=True)} == {
        "zero_volume": "warning"
    }
    repair(holed, "rules.zero_volume_minutes=6000", "now=2025-03-01", feed=feed, at=CHANGED + 1)
    found = {row["kind"]: row["severity"] for row in events(holed, unresolved=True)}
    assert found == {"zero_volume": "info", "stale": "warning"}


def test_run_on_the_market_of_a_time_is_not_touched(holed: House) -> None:
    run_in(holed, "20250201T000000-000-aaaaaaaa", f"as_of='{to_iso(RUN_AT)}'")
    assert repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED)).runs == []


def test_rerun_shows_both_numbers_and_is_counted(holed: House) -> None:
    past = run_in(holed, "20250201T000000-000-aaaaaaaa")
    holed.keep(hours(1_000, 50), RUN_AT + 500)  # newer bars do not move the run's window
    result = repair(holed, "rerun=true", feed=MemoryFeed(TRUTH, FIRST_STORED))
    (hit,) = result.runs
    stored = {metric.name: metric.value for metric in past.read_result().primary}
    assert hit.then.total_return == stored["total_return"]
    assert hit.now is not None
    assert hit.now.total_return != hit.then.total_return
    mended = holed.run(
        "mended", f"window.start='{hit.start}'", f"window.end='{hit.end}'", created_ms=CHANGED + 9
    )
    values = {metric.name: metric.value for metric in mended.read_result().primary}
    assert hit.now.model_dump() == {name: values[name] for name in hit.now.model_dump()}
    text = repair_headline(result, Path("reports/repair/x"))
    assert "blast radius: 1 runs, 0 decisions" in text
    assert "    then return" in text
    assert "    now  return" in text


def test_run_whose_folder_is_gone_says_why_it_is_not_made_again(holed: House) -> None:
    past = run_in(holed, "20250201T000000-000-aaaaaaaa")
    for path in past.folder.iterdir():
        path.unlink()
    (hit,) = repair(holed, "rerun=true", feed=MemoryFeed(TRUTH, FIRST_STORED)).runs
    assert hit.now is None
    assert hit.not_rerun is not None


def test_blast_radius_lists_decisions_from_the_first_changed_bar_on(holed: House) -> None:
    def decision(name: str, hour: int, made: int = RUN_AT) -> DecisionRow:
        return DecisionRow(
            decision_id=name,
            inst_id="BTC-USDT-SWAP",
            symbol="BTC/USDT:USDT",
            timeframe="1h",
            ts=START + hour * HOUR_MS,
            source="strategy",
            action="hold",
            created_ms=made,
        )

    with open_ledger(url_of(holed)) as ledger:
        for row in (
            decision("before", 699),
            decision("later", 760, RUN_AT + 1),
            decision("own", WRONG, RUN_AT + 2),
            decision("after", WRONG, CHANGED + 10),
        ):
            ledger.add_decision(row)
    result = repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    assert [(one.decision_id, one.own_bar) for one in result.decisions] == [("later", False), ("own", True)]


def test_repair_whose_process_was_killed_is_closed_by_the_next_one(holed: House) -> None:
    from arena.store.ledger import RepairJobRow

    def row(repair_id: str, run_id: str) -> RepairJobRow:
        return RepairJobRow(
            repair_id=repair_id,
            inst_id="BTC-USDT-SWAP",
            timeframe="1h",
            mode="refetch",
            start_ts=0,
            end_ts=1,
            created_ms=1,
            run_id=run_id,
        )

    with open_ledger(url_of(holed)) as ledger:
        for run_id in ("dead", "alive"):
            ledger.start_job_run(run_id, "repair", "c", "{}", "repair", 1)
            ledger.start_repair_job(row(f"{run_id}-0", run_id))
        ledger.finish_job_run("dead", "interrupted", 137, "killed", 2)
    repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    found = {row["repair_id"]: (row["status"], row["error"]) for row in jobs_of(holed)}
    assert found["dead-0"] == ("failed", "its process was gone")
    assert found["alive-0"] == ("running", None)


def test_what_a_dead_repair_changed_is_taken_up_once_and_by_its_own_store(holed: House) -> None:
    from arena.core.ids import canonical_json
    from arena.store.ledger import RepairJobRow

    run_in(holed, "20250201T000000-000-aaaaaaaa")
    start, end = int(TRUTH.ts[700]), int(TRUTH.ts[720])
    symbol = {"inst_id": "BTC-USDT-SWAP"}
    with open_ledger(url_of(holed)) as ledger:
        for run_id, root in (("dead", str(holed.store)), ("elsewhere", "other/store")):
            config = canonical_json({"symbol": symbol, "store": {"root": root}})
            ledger.start_job_run(run_id, "repair", "c", config, "repair", CHANGED - 10)
            ledger.start_repair_job(
                RepairJobRow(
                    repair_id=f"{run_id}-0",
                    inst_id="BTC-USDT-SWAP",
                    timeframe="1h",
                    mode="refetch",
                    start_ts=start,
                    end_ts=end,
                    created_ms=CHANGED - 10,
                    run_id=run_id,
                )
            )
            ledger.finish_job_run(run_id, "interrupted", 137, "killed", CHANGED - 5)
    holed.keep(picked(TRUTH, np.r_[700:720]), CHANGED - 8)
    result = repair(holed, feed=MemoryFeed(TRUTH, FIRST_STORED))
    assert (result.taken_up, result.changed_bars) == (["dead-0"], 21)
    assert [(run.bars_inside, run.reading) for run in result.runs] == [(21, "bars")]
    with open_ledger(url_of(holed)) as ledger:
        ledger.finish_job_run(f"repair-{CHANGED}", "done", 0, None, CHANGED + 1)
    assert "taken up: 1 ranges" in repair_headline(result, Path("reports/repair/x"))


def test_failed_range_ends_in_a_sentence(holed: House) -> None:
    holed.keep(TRUTH.__class__("BTC-USDT-SWAP", TRUTH.timeframe, *[a[:0] for a in arrays()]), FIRST_STORED)
    result = repair(holed, feed=MemoryFeed(picked(TRUTH, []), FIRST_STORED, refused={"x": 1}))
    problem = problem_of(result)
    assert isinstance(problem, DataError)
    assert "2 of 2 ranges of BTC-USDT-SWAP 1h could not be mended by mode=refetch" in str(problem)


def arrays() -> list[Any]:
    return [TRUTH.ts, TRUTH.open, TRUTH.high, TRUTH.low, TRUTH.close, TRUTH.volume]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["range_start=2025-02-01", "range_end=2025-01-01"], "must be before range_end=2025-01-01"),
        (["range_start=banana"], "range_start: 'banana' is not a time"),
        (["exchange=synthetic"], "exchange=synthetic is none: choose exchange=okx"),
        (["mode=refetsh"], "did you mean 'refetch'"),
        (["kind=funding", "mode=rebuild"], "kind=funding was settled by the exchange and cannot be built"),
        (["kind=marks"], "did you mean 'mark'"),
    ],
)
def test_wrong_config_is_refused(house: House, overrides: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        repair(house, *overrides)


def test_series_that_is_not_stored_is_not_repaired_without_a_range(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="or name what to mend by range_start and range_end"):
        repair(House(tmp_path), feed=MemoryFeed(TRUTH, FIRST_STORED))


FILLS = {
    "in and out": ([(1, 2.0), (4, 0.0)], [(1, 4)]),
    "still open": ([(1, 2.0)], [(1, None)]),
    "turned round": ([(1, 2.0), (4, 0.0), (4, -1.0), (6, 0.0)], [(1, 4), (4, 6)]),
    "turned in one": ([(1, 2.0), (4, -1.0)], [(1, 4), (4, None)]),
    "in parts": ([(1, 1.0), (2, 2.0), (3, 1.0), (5, 0.0)], [(1, 5)]),
}


@pytest.mark.parametrize(("fills", "expected"), FILLS.values(), ids=FILLS)
def test_trades_are_what_lies_between_no_position(fills: Any, expected: Any) -> None:
    assert list(trades_of([{"ts": ts, "position": position} for ts, position in fills])) == expected


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([-1.0, 0.0, 1.0])), max_size=12),
    st.lists(st.integers(0, 60), unique=True, max_size=6),
)
def test_touching_trades_are_counted_as_bar_by_bar(
    fills: list[tuple[int, float]], changed: list[int]
) -> None:
    rows = [{"ts": ts, "position": position} for ts, position in sorted(fills, key=lambda fill: fill[0])]
    trades = list(trades_of(rows))
    slow = sum(
        any(opened - 1 <= ts and (closed is None or ts <= closed) for ts in changed)
        for opened, closed in trades
    )
    assert count_touching(rows, np.array(sorted(changed), np.int64), 1) == (len(trades), slow)
