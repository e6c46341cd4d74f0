"""The trial ledger: what counts, what counts once, and how often a lockbox was opened."""

import json

import numpy as np
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from arena.core.errors import DataError
from arena.store.ledger import HEAD_REVISION, TrialRecord, open_reads
from arena.store.ledger.address import read_address
from arena.store.ledger.migration import alembic_config, migrate

DAY = 86_400_000


def trial(config: str = "c1", **changes: object) -> TrialRecord:
    record: dict[str, object] = {
        "config_hash": config,
        "dataset_hash": "d",
        "run_id": f"run-{config}",
        "kind": "run",
        "strategy": "ema_trend",
        "inst_id": "BTC-USDT-SWAP",
        "timeframe": "1h",
        "synthetic": False,
        "start_ms": 100 * DAY,
        "end_ms": 200 * DAY,
        "created_ms": 1_000 * DAY,
        "sharpes": 1,
        "sharpe_mean": 0.01,
    }
    return TrialRecord(**(record | changes))  # type: ignore[arg-type]


def sweep(config: str = "s1", sets: int = 100, **changes: object) -> TrialRecord:
    stated = {"kind": "sweep", "sets": sets, "sharpes": sets, "sharpe_variance": 0.0001, **changes}
    return trial(config, **stated)


def test_first_run_counts_itself(ledger):
    tally = ledger.record_trials(trial())
    assert (tally.sets, tally.runs, tally.sweeps, tally.unlocks) == (1, 1, 0, 0)
    assert (tally.sharpe_mean, tally.sharpe_variance, tally.first_ms) == (0.01, None, 1_000 * DAY)


def test_same_parameter_set_on_the_same_data_counts_once(ledger, reads):
    ledger.record_trials(trial())
    tally = ledger.record_trials(trial(run_id="again", created_ms=1_001 * DAY))
    assert (tally.sets, tally.runs, tally.first_ms) == (1, 1, 1_000 * DAY)
    assert len(reads.list_trials()) == 1


def test_sweep_counts_its_sets_and_its_batches_are_one_sweep(ledger):
    ledger.record_trials(trial())
    ledger.record_trials(sweep(sets=60, batch=0, effective=7.0))
    tally = ledger.record_trials(sweep(sets=40, batch=1))
    assert (tally.sets, tally.runs, tally.sweeps) == (101, 1, 1)
    assert tally.effective == 1 + 7 + 40


def test_interrupted_sweep_counts_what_it_did_and_then_the_rest(ledger):
    assert ledger.record_trials(sweep(sets=30)).sets == 30
    assert ledger.record_trials(sweep(sets=100, sharpe_mean=0.02)).sharpe_mean == 0.02
    assert ledger.record_trials(sweep(sets=10, sharpe_mean=0.5)).sets == 100


def test_mean_and_variance_are_those_of_all_sets_together(ledger):
    rng = np.random.default_rng(5)
    first, second, single = rng.normal(0.01, 0.02, 40), rng.normal(-0.01, 0.01, 25), [0.03]
    for config, values in (("a", first), ("b", second)):
        ledger.record_trials(
            sweep(
                config,
                len(values) + 3,
                sharpes=len(values),
                sharpe_mean=float(values.mean()),
                sharpe_variance=float(values.var(ddof=1)),
            )
        )
    tally = ledger.record_trials(trial(sharpe_mean=0.03))
    every = np.concatenate((first, second, single))
    assert tally.sharpes == len(every)
    assert tally.sharpe_mean == pytest.approx(every.mean(), rel=1e-12)
    assert tally.sharpe_variance == pytest.approx(every.var(ddof=1), rel=1e-12)


def test_set_without_a_sharpe_ratio_counts_as_tried_but_not_in_the_variance(ledger):
    ledger.record_trials(trial("a", sharpes=0, sharpe_mean=None))
    tally = ledger.record_trials(trial("b"))
    assert (tally.sets, tally.sharpes, tally.sharpe_mean) == (2, 1, 0.01)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"start_ms": 199 * DAY, "end_ms": 300 * DAY}, 2),
        ({"start_ms": 200 * DAY, "end_ms": 300 * DAY}, 1),
        ({"start_ms": 50 * DAY, "end_ms": 100 * DAY}, 1),
        ({"start_ms": 120 * DAY, "end_ms": 130 * DAY}, 2),
        ({"dataset_hash": "other", "strategy": "other"}, 2),
        ({"inst_id": "ETH-USDT-SWAP"}, 1),
        ({"timeframe": "4h"}, 1),
        ({"synthetic": True}, 1),
    ],
    ids=["overlap", "after", "before", "inside", "other arrays", "instrument", "timeframe", "generated"],
)
def test_trials_count_together_on_one_market_where_times_overlap(ledger, changes, counted):
    ledger.record_trials(trial("first"))
    assert ledger.record_trials(trial("second", **changes)).sets == counted


HELD = {"held_start_ms": 180 * DAY, "held_end_ms": 200 * DAY, "end_ms": 180 * DAY}


def test_each_unlock_is_an_event_in_the_audit_log(ledger, reads):
    assert ledger.record_trials(trial("a", **HELD)).unlocks == 0
    opened = HELD | {"unlocked": True, "end_ms": 200 * DAY}
    assert ledger.record_trials(trial("b", **opened)).unlocks == 1
    assert ledger.record_trials(trial("b", run_id="again", **opened)).unlocks == 2
    assert ledger.record_trials(trial("c", **HELD)).unlocks == 2
    events = reads.list_audit(action="lockbox.unlock")
    assert {event["run_id"] for event in events} == {"run-b", "again"}
    assert events[0]["subject_id"] == "BTC-USDT-SWAP 1h"
    assert json.loads(events[0]["detail_json"]) == {
        "start_ms": 180 * DAY,
        "end_ms": 200 * DAY,
        "how": "window.unlock",
    }


def test_batches_of_one_sweep_open_the_lockbox_once(ledger):
    opened = HELD | {"unlocked": True, "end_ms": 200 * DAY}
    ledger.record_trials(sweep(batch=0, **opened))
    assert ledger.record_trials(sweep(batch=1, **opened)).unlocks == 1


def test_run_that_reads_what_others_kept_back_opens_the_lockbox_too(ledger, reads):
    ledger.record_trials(trial("a", **HELD))
    assert ledger.record_trials(trial("before", start_ms=10 * DAY, end_ms=170 * DAY)).unlocks == 0
    assert ledger.record_trials(trial("through")).unlocks == 1
    assert json.loads(reads.list_audit()[0]["detail_json"])["how"] == "no holdout"


def test_unlock_elsewhere_is_not_one_here(ledger):
    opened = HELD | {"unlocked": True, "end_ms": 200 * DAY}
    ledger.record_trials(trial("a", timeframe="4h", **opened))
    ledger.record_trials(trial("b", **opened))
    later = {"start_ms": 300 * DAY, "end_ms": 400 * DAY}
    assert ledger.record_trials(trial("c", **later)).unlocks == 0


def test_value_of_the_wrong_kind_is_refused(ledger, reads):
    with pytest.raises(DataError, match=r"trials\.sets cannot be"):
        ledger.record_trials(trial(sets="many"))
    assert reads.list_trials() == []


_OLD_CONFIG = text(
    "INSERT INTO backtest_configs (config_hash, config_json, job, strategy, first_seen_ms) "
    "VALUES (:config, '{}', 'backtest', 'ema_trend', 1)"
)
_OLD_RUN = text(
    "INSERT INTO backtest_runs (run_id, job, strategy, inst_id, symbol, timeframe, config_hash, "
    "dataset_hash, code_version, synthetic, start_ms, end_ms, bars, created_ms, trial_count) "
    "VALUES (:run, 'backtest', 'ema_trend', 'i', 's', '1h', :config, 'd', '1', FALSE, 1, 9, 8, "
    ":created, :count)"
)


def test_runs_of_an_older_ledger_go_on_counting(empty_url):
    engine = create_engine(read_address(empty_url).url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(_OLD_CONFIG, [{"config": "one"}, {"config": "many"}])
        connection.execute(
            _OLD_RUN,
            [
                {"run": "r1", "config": "one", "count": 1, "created": 5},
                {"run": "r2", "config": "one", "count": 1, "created": 9},
                {"run": "r3", "config": "many", "count": 50, "created": 7},
            ],
        )
    engine.dispose()
    assert migrate(empty_url) == ("0001", HEAD_REVISION)
    with open_reads(empty_url) as reads:
        found = {row["config_hash"]: row for row in reads.list_trials()}
    assert {key: (row["kind"], row["sets"], row["sharpes"]) for key, row in found.items()} == {
        "one": ("run", 1, 0),
        "many": ("sweep", 50, 0),
    }
    assert found["one"]["created_ms"] == 5
