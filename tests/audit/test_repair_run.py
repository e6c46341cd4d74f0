"""A repair from end to end: ranges, ledger, the market as it was known, and what the changes touch."""

from __future__ import annotations

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
from arena.core.clock import to_iso
from arena.core.errors import ConfigError, DataError
from arena.reporting.repair_console import repair_headline
from arena.store.ledger import open_ledger, open_reads
from arena.store.ledger.rows import DecisionRow
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
    from dataclasses import replace

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
    ],
)
def test_wrong_config_is_refused(house: House, overrides: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        repair(house, *overrides)


def test_series_that_is_not_stored_is_not_repaired_without_a_range(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="or name what to build by range_start and range_end"):
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
