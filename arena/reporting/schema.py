"""The published JSON Schemas of `result.json` and `sweep.json`, and the command that rewrites them.

`python -m arena.reporting.schema` writes the files (with a path: that of results there); a test fails when
a committed one differs from the models. Invariant: a schema is made from the models, never by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from arena.backtest.result import BacktestResult
from arena.backtest.result_model import ResultModel
from arena.backtest.sweep.record import SweepRecord

_FOLDER = Path(__file__).parents[2] / "docs" / "schema"
SCHEMA_PATH = _FOLDER / "backtest_result.schema.json"
SWEEP_SCHEMA_PATH = _FOLDER / "sweep.schema.json"


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a backtest's `result.json`."""
    return _schema(BacktestResult, "Result of a backtest", "Written as result.json into a run's folder.")


def sweep_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a sweep's `sweep.json`."""
    return _schema(SweepRecord, "Record of a sweep", "Written as sweep.json into a sweep's folder.")


def schema_text(schema: dict[str, Any] | None = None) -> str:
    """Return a schema, by default that of `result.json`, as its file holds it."""
    shown = result_schema() if schema is None else schema
    return json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schema(path: Path = SCHEMA_PATH, schema: dict[str, Any] | None = None) -> None:
    """Write a schema, by default that of `result.json`, to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema_text(schema), encoding="utf-8")


def _schema(model: type[ResultModel], title: str, description: str) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **{key: value for key, value in schema.items() if key not in {"title", "description"}},
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        write_schema(Path(sys.argv[1]))
    else:
        write_schema()
        write_schema(SWEEP_SCHEMA_PATH, sweep_schema())
