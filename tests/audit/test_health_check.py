"""A health scan and the ledger: one row a finding, new ones told from known ones, gone ones closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from arena.audit.health_check import check_health, open_findings, problem_of
from arena.audit.health_result import HealthResult
from arena.backtest.result import RunInfo
from arena.config.base import validate
from arena.config.health import HealthConfig
from arena.core.clock import to_iso
from arena.core.errors import ConfigError, DataError
from arena.store.ledger import open_ledger, open_reads
from tests.audit.conftest import CONF, FIRST_STORED, HOUR_MS, START, House, hours

IDENTITY = RunInfo(
    run_id="h", job="health", name="", created_at=to_iso(FIRST_STORED), command="python -m jobs.health"
)
END = START + 1_000 * HOUR_MS
Scan = Callable[..., HealthResult]


@pytest.fixture
def holed(tmp_path) -> House:
    made = House(tmp_path)
    made.keep(hours(0, 300), FIRST_STORED)
    made.keep(hours(310, 690), FIRST_STORED)
    return made


def config_of(house: House, *overrides: str) -> HealthConfig:
    wanted = [f"store.root={house.store}", f"reports.root={house.reports}", "timeframes=[1h]"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("health", overrides=[*wanted, f"now='{to_iso(END)}'", *overrides])
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return validate(HealthConfig, values)


def scan(house: House, seen_ms: int, *overrides: str) -> HealthResult:
    url = f"sqlite:///{house.root}/ledger.sqlite"
    identity = IDENTITY.model_copy(update={"run_id": f"h{seen_ms}"})
    with open_ledger(url) as ledger:
        ledger.start_job_run(identity.run_id, "health", "c", "{}", "health", seen_ms)
        return check_health(config_of(house, *overrides), identity, ledger, seen_ms)


def rows(house: House) -> list[dict[str, Any]]:
    with open_reads(f"sqlite:///{house.root}/ledger.sqlite") as reads:
        return reads.list_integrity_events()


def test_finding_is_one_row_and_keeps_when_it_was_first_seen(holed: House) -> None:
    first, again = scan(holed, 1_000), scan(holed, 2_000)
    (hole,) = [one for one in first.findings if one.kind == "gap"]
    (known,) = [one for one in again.findings if one.kind == "gap"]
    assert (hole.status, hole.times_seen, hole.bars, hole.series) == ("new", 1, 10, "candles 1h")
    assert (known.status, known.times_seen, known.event_id) == ("known", 2, hole.event_id)
    assert known.first_seen == to_iso(1_000)
    (row,) = [row for row in rows(holed) if row["kind"] == "gap"]
    assert (row["first_seen_ms"], row["last_seen_ms"], row["resolution"]) == (1_000, 2_000, None)
    assert (row["bars"], row["severity"], row["run_id"]) == (10, "error", "h2000")


def test_finding_that_is_not_found_any_more_is_closed_as_gone(holed: House) -> None:
    scan(holed, 1_000)
    holed.keep(hours(300, 10), FIRST_STORED)
    result = scan(holed, 2_000)
    assert [(one.kind, one.bars) for one in result.gone] == [("gap", 10)]
    assert [one for one in result.findings if one.kind == "gap"] == []
    (row,) = [row for row in rows(holed) if row["kind"] == "gap"]
    assert (row["resolution"], row["resolved_ms"]) == ("gone", 2_000)
    assert scan(holed, 3_000).gone == []


def test_hole_that_the_exchange_has_too_is_told_and_does_not_count(holed: House) -> None:
    before = scan(holed, 1_000, "fail_on=error")
    (hole,) = [one for one in before.findings if one.kind == "gap"]
    with open_ledger(f"sqlite:///{holed.root}/ledger.sqlite") as ledger:
        ledger.resolve_integrity_event(hole.event_id, "confirmed_absent", 1_500)
    after = scan(holed, 2_000, "fail_on=error")
    candles = next(one for one in after.series if one.series == "candles 1h")
    assert (candles.grade, candles.missing, candles.confirmed_absent, candles.errors) == ("A", 10, 10, 0)
    assert [one.status for one in after.findings if one.kind == "gap"] == ["confirmed_absent"]
    assert [one.kind for one in open_findings(after)] == ["absent"]


@pytest.mark.parametrize(
    ("fail_on", "failed"), [("none", False), ("info", True), ("warning", True), ("error", True)]
)
def test_scan_fails_where_a_finding_is_as_grave_as_asked(holed: House, fail_on: str, failed: bool) -> None:
    result = scan(holed, 1_000, f"fail_on={fail_on}")
    assert result.failed is failed
    problem = problem_of(result)
    assert (problem is not None) is failed
    if problem is not None:
        assert "BTC-USDT-SWAP: 2 open findings at or above" in str(problem)


def test_series_without_an_error_does_not_fail_on_errors(house: House) -> None:
    import numpy as np

    from arena.core.bars import FundingSeries
    from arena.store.market.writer import MarketWriter

    ts = START + np.arange(126, dtype=np.int64) * 8 * HOUR_MS
    funding = FundingSeries("BTC-USDT-SWAP", ts, np.zeros(126), ("okx",) * 126)
    MarketWriter(house.store, clock=lambda: FIRST_STORED).write_funding(funding)
    result = scan(house, 1_000, "fail_on=error")
    assert (result.failed, result.grade, result.findings) == (False, "A", [])


def test_series_that_is_not_stored_is_a_finding(house: House) -> None:
    result = scan(house, 1_000, "timeframes=[1h,4h]")
    missing = {(one.series, one.kind, one.severity) for one in result.findings}
    assert missing == {("candles 4h", "absent", "error"), ("funding", "absent", "error")}
    assert {one.series: one.grade for one in result.series} == {
        "candles 1h": "A",
        "candles 4h": "F",
        "funding": "F",
    }


def test_empty_store_is_no_healthy_one(tmp_path) -> None:
    with pytest.raises(DataError, match="nothing of BTC-USDT-SWAP is stored in"):
        scan(House(tmp_path), 1_000)


def test_unknown_timeframe_is_refused(house: House) -> None:
    with pytest.raises(ConfigError, match="unknown timeframe '9h': did you mean '6h'"):
        config_of(house, "timeframes=[9h]")
