"""A past run comes out again, or it is said why not: other data, other numbers, another config."""

import dataclasses
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from arena.audit.reproduce import in_words, problem_of, reproduce
from arena.backtest.judge import PastTrials
from arena.backtest.result import RunInfo
from arena.backtest.verdict import TrialHistory
from arena.core.errors import ArenaError, ConfigError, DataError
from arena.reporting.run_folder import run_tables
from tests.audit.conftest import CHANGED, RUN_AT

RUN_ID = "20260205T000001-000-aaaaaaaa"
WHO = RunInfo(run_id="now", job="reproduce", name="", created_at="2026-03-01T00:00:00Z", command="")


def again(past, **settings):
    return reproduce(
        past, WHO, **{"read_from": None, "hash_of": lambda _: "0" * 64, "tables_of": run_tables, **settings}
    )


def not_as_it_was(found):
    """The causes but for the code: somebody may be editing it."""
    return [cause.partition(":")[0] for cause in found.causes if not cause.startswith("the code: 0.1.0")]


@pytest.fixture
def past(house):
    return house.run(RUN_ID)


def test_the_same_comes_out_again_bit_for_bit(past):
    found = again(past)
    assert (found.verdict, found.differences, found.known_at) == ("equal", [], None)
    assert not_as_it_was(found) == []
    assert found.compared.keys() == {"result.json", "equity.parquet", "fills.parquet", "trades.parquet"}
    assert min(found.compared.values()) > 100
    assert problem_of(found) is None
    assert in_words(found).endswith("EQUAL, bit for bit")


def test_bars_that_came_later_are_not_seen_by_a_run_over_the_newest(house, past, hours_of):
    house.keep(hours_of(1_000, 300), CHANGED)
    found = again(past)
    assert (found.verdict, found.known_at) == ("equal", "2026-02-05T00:00:01Z")
    assert not_as_it_was(found) == ["the data"]
    assert "as it was known at 2026-02-05T00:00:01Z" in in_words(found)


def test_a_bar_that_was_revised_is_read_as_it_was(house, past, hours_of):
    bars = hours_of(700, 50)
    house.keep(dataclasses.replace(bars, close=bars.close + 4.0), CHANGED)
    assert house.run("20260206T000000-000-bbbbbbbb", created_ms=CHANGED).read_json() != past.read_json()
    found = again(past)
    assert (found.verdict, found.known_at is None) == ("equal", False)


def test_data_that_the_store_no_longer_knows_is_exit_3(house, past, hours_of, tmp_path):
    other = type(house)(tmp_path / "other")
    other.keep(hours_of(0, 1_000, seed=4), RUN_AT - 1)
    found = again(past, read_from=str(other.store))
    assert found.verdict == "data_differ"
    assert found.difference_count > 0
    assert found.stored.dataset_hash != found.again.dataset_hash
    problem = problem_of(found)
    assert isinstance(problem, DataError)
    assert problem.exit_code == 3
    assert "name its copy by read_from=FOLDER" in str(problem)


def test_a_store_that_is_gone_says_how_to_get_the_bars(past, tmp_path):
    with pytest.raises(DataError, match="1h candles of BTC-USDT-SWAP are not stored"):
        again(past, read_from=str(tmp_path / "nothing"))


def test_other_numbers_on_the_same_data_are_exit_1_and_the_first_is_named(past):
    path = past.folder / "equity.parquet"
    table = pq.read_table(path)
    moved = pc.add(table.column("equity"), pa.array([0.0] * 300 + [1e-9] * 200))
    pq.write_table(table.set_column(table.column_names.index("equity"), "equity", moved), path)
    result = past.read_json()
    result["pnl"]["fees"] += 1.0
    result["primary"][0]["note"] = "another word"
    (past.folder / "result.json").write_text(json.dumps(result))
    found = again(past)
    assert found.verdict == "numbers_differ"
    assert [(one.place, one.first_row) for one in found.differences] == [
        ("result.json pnl.fees", None),
        ("equity.parquet equity", 300),
    ]
    assert found.wording == ["primary[total_return].note"]
    problem = problem_of(found)
    assert type(problem) is ArenaError
    assert problem.exit_code == 1
    assert "on the same data 2 places differ, first result.json pnl.fees: " in str(problem)
    assert "equity.parquet equity, row 300 (2025-02-" in in_words(found)


def test_another_code_library_or_config_is_named_as_a_cause(past):
    result = past.read_json()
    result["provenance"]["code_version"] = "0.0.1"
    result["provenance"]["versions"] |= {"numpy": "1.0", "gone": "2"}
    (past.folder / "result.json").write_text(json.dumps(result))
    found = again(past, hash_of=lambda _: "1" * 64)
    assert found.verdict == "equal"
    assert not_as_it_was(found) == ["the code", "gone", "numpy", "the config"]


def test_the_verdict_is_worked_out_with_the_trials_that_were_counted_then(house):
    known = PastTrials(TrialHistory(sets=40, runs=40, sweeps=0, sharpe_variance=0.002), 3)
    past = house.run("20260207T000000-000-cccccccc", past=known)
    stored = past.read_json()
    assert stored["verdict"]["sharpe"]["deflated"] is not None
    assert (again(past).verdict, again(past).differences) == ("equal", [])
    stored["verdict"]["sharpe"]["deflated"] += 1e-15
    (past.folder / "result.json").write_text(json.dumps(stored))
    found = again(past)
    assert [one.place for one in found.differences] == ["result.json verdict.sharpe.deflated"]


def test_a_config_that_does_not_fit_any_more_is_told(past):
    path = past.folder / "config.yaml"
    path.write_text(path.read_text().replace("\nleverage: 1\n", "\nleverage: 0\n"))
    with pytest.raises(
        ConfigError, match=rf"config.yaml of run {RUN_ID} cannot be run by this version: leverage=0"
    ):
        again(past)


def test_a_result_without_its_facts_is_told(past):
    (past.folder / "result.json").write_text('{"run": {}}')
    with pytest.raises(ConfigError, match="has no 'provenance': the run has to be made anew"):
        again(past)
