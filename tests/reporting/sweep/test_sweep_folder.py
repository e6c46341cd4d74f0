"""What a sweep writes is what it reads back, and what is damaged says so."""

from __future__ import annotations

from types import SimpleNamespace

import jsonschema
import numpy as np
import polars as pl
import pytest

from arena.backtest.sweep.axes import Axes
from arena.backtest.sweep.grid import Grid
from arena.backtest.sweep.result import SweepResult, new_figures, write_trials
from arena.backtest.sweep.statistics import FIGURES
from arena.core.errors import ConfigError, DataError
from arena.reporting.schema import SWEEP_SCHEMA_PATH, schema_text, sweep_schema
from arena.reporting.sweep_console import sweep_headline
from arena.reporting.sweep_folder import (
    daily_file,
    read_earlier,
    read_plan,
    read_record,
    seal_sweep,
    write_sweep,
)

DAYS = 4


def _result(rows: int, done: int, seed: int = 1, values: type = int) -> SweepResult:
    rng = np.random.default_rng(seed)
    axes = Axes.of({"strategy.x": np.arange(rows, dtype=values), "fee_rate": [0.0, 0.001]})
    grid = Grid(axes, rng.permutation(2 * rows).astype(np.int64), {})
    figures = new_figures(2 * rows)
    for name, kind in FIGURES.items():
        figures[name] = rng.normal(size=2 * rows).astype(kind)
    figures["sharpe"][0] = np.nan
    flags = np.zeros(2 * rows, np.bool_)
    flags[:done] = True
    daily = rng.normal(size=(2 * rows, DAYS)).astype(np.float32)
    return SweepResult(grid, figures, daily, np.arange(DAYS), flags, done < 2 * rows, "d" * 64, {"run": 1.0})


@pytest.fixture
def written(tmp_path, small_sweep, small_run):
    """Write results under a record that fits them; return the folder and a stand-in for the study."""

    def write(*results: SweepResult):
        record = small_sweep[0]
        batches = [
            record.batches[0].model_copy(update={"index": at, "dataset_hash": result.dataset_hash})
            for at, result in enumerate(results)
        ]
        planned = [
            SimpleNamespace(choices={"limit": str(at)}, values={"limit": at}) for at in range(len(results))
        ]
        study = SimpleNamespace(batches=planned)
        result, arrays = small_run
        end = SimpleNamespace(
            found=SimpleNamespace(study=study, results=results),
            record=record.model_copy(update={"batches": batches}),
            best=[SimpleNamespace(result=result, arrays=arrays)],
        )
        write_sweep(tmp_path / "run", end, best_config="limit: 1\n", html=False)
        seal_sweep(tmp_path / "run", end.record)
        return tmp_path / "run", study

    return write


def test_an_interrupted_sweep_is_read_back_bit_for_bit(written):
    result = _result(5, done=7)
    folder, study = written(result)
    (earlier,) = read_earlier(folder, study).values()
    assert np.array_equal(earlier.rows, result.grid.rows[:7])
    assert earlier.dataset_hash == result.dataset_hash
    for name, kind in FIGURES.items():
        assert earlier.figures[name].dtype == kind
        assert np.array_equal(earlier.figures[name], result.figures[name][:7], equal_nan=kind is np.float64)
    assert np.array_equal(earlier.daily_returns, result.daily_returns[:7])


def test_batches_are_told_apart(written):
    one, other, none = _result(5, done=10), _result(3, done=2, seed=2), _result(3, done=0, seed=3)
    folder, study = written(one, other, none)
    earlier = read_earlier(folder, study)
    assert sorted(earlier) == [0, 1]
    assert np.array_equal(earlier[1].rows, other.grid.rows[:2])
    assert np.array_equal(np.load(folder / daily_file(0, 3)), one.daily_returns)
    assert read_plan(folder).batches[2] == ({"limit": "2"}, {"limit": 2})
    assert (folder / "best" / "config.yaml").read_text() == "limit: 1\n"


def test_mapped_returns_are_moved_not_copied(tmp_path, written):
    result = _result(5, done=10)
    source = tmp_path / "run" / ".batch-0" / "daily_returns.npy"
    source.parent.mkdir(parents=True)
    mapped = np.lib.format.open_memmap(source, mode="w+", dtype=np.float32, shape=(10, DAYS))
    mapped[:] = result.daily_returns
    inode = source.stat().st_ino
    object.__setattr__(result, "daily_returns", mapped)
    folder, _ = written(result)
    assert (folder / "daily_returns.npy").stat().st_ino == inode
    assert not source.parent.exists()


def test_batches_of_other_number_types_share_a_column(tmp_path):
    write_trials(tmp_path / "trials.parquet", [_result(3, 6), _result(3, 6, values=float)])
    frame = pl.read_parquet(tmp_path / "trials.parquet")
    assert frame.columns[:4] == ["batch", "trial", "strategy.x", "fee_rate"]
    assert frame.schema["strategy.x"] == pl.Float64
    assert frame["batch"].to_list() == [0] * 6 + [1] * 6


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("plan.json", "{", DataError, "plan.json is damaged"),
        ("plan.json", "{}", DataError, "plan.json is damaged"),
        ("plan.json", None, ConfigError, "holds no sweep"),
        ("sweep.json", "{}", DataError, "sweep.json is damaged"),
        ("sweep.json", None, ConfigError, "holds no sweep"),
        ("trials.parquet", "PAR1", DataError, "cannot be read"),
        ("trials.parquet", None, DataError, "cannot be read"),
        ("daily_returns.npy", None, DataError, "cannot be read"),
    ],
)
def test_a_damaged_sweep_is_refused(written, name, content, error, words):
    folder, study = written(_result(5, done=7))
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(error, match=words):
        read_plan(folder) and read_earlier(folder, study)


def test_rows_that_do_not_belong_together_are_refused(written):
    folder, study = written(_result(5, done=7))
    np.save(folder / "daily_returns.npy", np.zeros((3, DAYS), np.float32))
    with pytest.raises(DataError, match="7 trials and 3 rows of daily returns"):
        read_earlier(folder, study)


def test_the_record_is_its_schema(written):
    folder, _ = written(_result(5, done=7))
    record = read_record(folder)
    jsonschema.validate(record.model_dump(mode="json"), sweep_schema(), cls=jsonschema.Draft202012Validator)
    assert SWEEP_SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(sweep_schema()), "run make docs"


def test_the_headline_shows_five_and_the_statistics(small_sweep):
    record, folder = small_sweep
    text = sweep_headline(record, folder, html=True)
    table = [line for line in text.splitlines() if line.startswith("  ") and "%" in line and ":" not in line]
    assert len(table) == 5
    assert f"{record.best[0].figures['total_return'] * 100:.2f}".lstrip("-") in table[0]
    assert "Deflated Sharpe" in text
    assert "PBO" in text
    assert text.splitlines()[-1] == f"report  {folder / 'report.html'}"
    assert sweep_headline(record.model_copy(update={"verdict": None}), folder, html=False).endswith(
        "sweep.json"
    )


def test_names_without_their_group_stay_apart(small_sweep):
    record, folder = small_sweep
    axes = [axis.model_copy() for axis in record.axes]
    axes[0] = axes[0].model_copy(update={"name": "a.slow"})
    head = sweep_headline(record.model_copy(update={"axes": axes}), folder, html=True)
    assert "  a.slow" in head
    assert "strategy.slow" in head
