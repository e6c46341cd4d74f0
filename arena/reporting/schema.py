"""The published JSON Schema of `result.json`, and the command that rewrites it.

`python -m arena.reporting.schema [path]` writes the file; a test fails when the committed one
differs from the models. Invariant: the schema is made from the models, never by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from arena.backtest.result import BacktestResult

SCHEMA_PATH = Path(__file__).parents[2] / "docs" / "schema" / "backtest_result.schema.json"


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a backtest's `result.json`."""
    schema = BacktestResult.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Result of a backtest",
        "description": "Written as result.json into a run's folder.",
        **{key: value for key, value in schema.items() if key not in {"title", "description"}},
    }


def schema_text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(result_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schema(path: Path = SCHEMA_PATH) -> None:
    """Write the schema to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    write_schema(*(Path(argument) for argument in sys.argv[1:2]))
