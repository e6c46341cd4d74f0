"""Past runs by what a user types; what is not there is answered with what is."""

import json

import pytest

from arena.audit.archive import find_run, list_runs
from arena.core.errors import ConfigError

ONE, TWO, THREE = (
    "20260101T000000-000-aaaaaaaa",
    "20260101T000001-000-bbbbbbbb",
    "20260203T000000-000-cccccccc",
)


@pytest.fixture
def root(tmp_path):
    for name in (ONE, TWO):
        _result(tmp_path / "backtest" / name)
    swept = tmp_path / "backtest" / THREE
    _result(swept / "best")
    (swept / "sweep.json").write_text(json.dumps({"best_run_folder": "best"}))
    (tmp_path / "backtest" / "latest").symlink_to(THREE)
    failed = tmp_path / "backtest" / "20260301T000000-000-dddddddd"
    failed.mkdir()
    (failed / "log.jsonl").touch()
    killed = tmp_path / "backtest" / "20260302T000000-000-ffffffff"
    killed.mkdir()
    (killed / "plan.json").touch()
    other = tmp_path / "audit" / "20260401T000000-000-eeeeeeee"
    other.mkdir(parents=True)
    (other / "result.json").write_text("{}")
    return tmp_path


def _result(folder):
    folder.mkdir(parents=True)
    for name in ("result.json", "equity.parquet"):
        (folder / name).write_text("{}")


def test_finished_backtests_and_sweeps_are_listed_by_time_and_nothing_else(root):
    assert [folder.name for folder in list_runs(root)] == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (ONE, ONE),
        ("20260101T000001", TWO),
        ("latest", f"{THREE}/best"),
        ("202602", f"{THREE}/best"),
        (f"backtest/{ONE}", ONE),
        (f"backtest/{ONE}/", ONE),
        ("backtest/latest", f"{THREE}/best"),
    ],
)
def test_a_run_is_found_by(root, typed, found):
    assert find_run(root, typed).run_id == found


def test_a_folder_is_taken_from_anywhere(root, tmp_path_factory):
    moved = tmp_path_factory.mktemp("elsewhere") / "mine"
    (root / "backtest" / ONE).rename(moved)
    assert find_run(root, str(moved)).folder == moved


def test_the_best_trial_names_its_sweep(root):
    assert (find_run(root, THREE).sweep, find_run(root, ONE).sweep) == (THREE, None)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("20260101", r"run=20260101 begins 2 run ids: 20260101T000001-000-bbbbbbbb, 20260101T000000"),
        ("20260101T000002-000-bbbbbbbb", r"did you mean '20260101T000001-000-bbbbbbbb'\? \(newest: 2026020"),
        ("20270101", r"no backtest or sweep '20270101' below .* \(newest: 20260203T000000"),
        ("", r"no backtest or sweep '' below"),
        ("*", r"no backtest or sweep '\*' below"),
        ("20260301", r"dddddddd holds no result of a backtest: it failed or is of another job"),
        (
            "20260302",
            r"is a sweep that was killed or failed, without a result yet; to go on: .* resume=20260302",
        ),
        ("20260401", r"eeeeeeee holds no result of a backtest"),
        ("no/such", "run=no/such: there is no such folder, here or below the reports"),
        ("backtest", "no backtest or sweep 'backtest' below"),
        (".", "holds no result of a backtest"),
    ],
)
def test_what_is_not_there_is_told(root, typed, sentence):
    with pytest.raises(ConfigError, match=sentence):
        find_run(root, typed)


def test_latest_of_nothing_is_told(tmp_path):
    with pytest.raises(ConfigError, match="there is no finished backtest or sweep below"):
        find_run(tmp_path, "latest")


def test_a_sweep_without_a_best_trial_is_told(root):
    (root / "backtest" / THREE / "sweep.json").write_text('{"best_run_folder": null}')
    with pytest.raises(ConfigError, match="kept no run of its best trial"):
        find_run(root, THREE)


def test_damaged_files_are_told_by_their_path(root):
    run = find_run(root, ONE)
    for read, name in (
        (run.read_result, "result.json is of another schema"),
        (run.read_config, "config.yaml cannot be read"),
        (lambda: run.read_table("equity"), "equity.parquet cannot be read"),
    ):
        with pytest.raises(ConfigError, match=name):
            read()
    (run.folder / "result.json").write_text("{")
    with pytest.raises(ConfigError, match=r"result.json cannot be read"):
        run.read_json()
