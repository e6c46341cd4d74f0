"""A run's folder: complete, readable by others, visible in one step."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest

from arena.backtest.result import BacktestResult
from arena.core.errors import ConfigError
from arena.reporting.run_folder import publish_run, write_run
from arena.reporting.schema import SCHEMA_PATH, result_schema, schema_text


@pytest.fixture(scope="module")
def folder(small_run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "staging"
    write_run(path, *small_run)
    return path


def test_folder_holds_the_artefacts(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"result.json", "report.html", "equity.parquet", "fills.parquet", "trades.parquet"}


def test_result_json_reads_back_and_fits_its_schema(folder: Path, small_run) -> None:
    text = (folder / "result.json").read_text(encoding="utf-8")
    assert BacktestResult.model_validate_json(text) == small_run[0]
    jsonschema.Draft202012Validator(result_schema()).validate(json.loads(text))


def test_schema_refuses_an_unknown_key(folder: Path) -> None:
    document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    document["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(document, result_schema(), cls=jsonschema.Draft202012Validator)


def test_committed_schema_is_the_models() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), "run python -m arena.reporting.schema"


def test_schema_command_writes_where_it_is_told(tmp_path: Path) -> None:
    target = tmp_path / "made" / "schema.json"
    subprocess.run([sys.executable, "-m", "arena.reporting.schema", str(target)], check=True)
    assert target.read_text(encoding="utf-8") == schema_text()


def test_equity_parquet_is_the_arrays(folder: Path, small_run) -> None:
    _, arrays = small_run
    frame = pl.read_parquet(folder / "equity.parquet")
    assert frame.columns == ["ts", "equity", "hold_equity", "drawdown", "position", "target"]
    np.testing.assert_array_equal(frame["ts"].to_numpy(), arrays.bars.ts)
    np.testing.assert_array_equal(frame["equity"].to_numpy(), arrays.equity)
    np.testing.assert_array_equal(frame["target"].to_numpy(), arrays.signal.target)


@pytest.mark.parametrize("kind", ["fills", "trades"])
def test_records_keep_every_field(folder: Path, small_run, kind: str) -> None:
    records = getattr(small_run[1], kind)
    frame = pl.read_parquet(folder / f"{kind}.parquet")
    for name in records.dtype.names:
        np.testing.assert_array_equal(frame[name].to_numpy(), records[name], err_msg=name)


def test_codes_have_their_words_beside_them(folder: Path) -> None:
    trades = pl.read_parquet(folder / "trades.parquet")
    pairs = set(trades.select("exit_reason", "exit_reason_name").rows())
    assert pairs == {(0, "still open"), (2, "signal"), (3, "stop loss"), (4, "take profit")}
    assert set(trades["entry_reason_name"]) == {"cross up", "cross down"}
    assert trades["is_open"].to_list() == [False] * 59 + [True]


def test_run_without_trades_writes_empty_tables(make_run, tmp_path: Path) -> None:
    write_run(tmp_path, *make_run(300, 0, gaps=()), html=False)
    assert pl.read_parquet(tmp_path / "trades.parquet").height == 0
    assert not (tmp_path / "report.html").exists()


def test_publishing_moves_latest_to_the_newest_run(tmp_path: Path) -> None:
    for name in ("run-1", "run-2"):
        staging = tmp_path / ".staging" / name
        staging.mkdir(parents=True)
        (staging / "result.json").write_text(name)
        publish_run(staging, tmp_path / "backtest" / name)
    latest = tmp_path / "backtest" / "latest"
    assert latest.is_symlink()
    assert str(latest.readlink()) == "run-2"
    assert (latest / "result.json").read_text() == "run-2"
    assert {path.name for path in (tmp_path / "backtest").iterdir()} == {"run-1", "run-2", "latest"}


def test_finished_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text("first")
    (tmp_path / "staging").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        publish_run(tmp_path / "staging", tmp_path / "run")
    assert (tmp_path / "run" / "result.json").read_text() == "first"


def test_writing_a_run_never_looks_for_pandas(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path

class Trap:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise SystemExit("pandas was looked for")

sys.meta_path.insert(0, Trap())
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import build_run
from arena.reporting.run_folder import write_run

write_run(Path({str(tmp_path)!r}), *build_run(300, 5, gaps=()))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "report.html").stat().st_size > 0
