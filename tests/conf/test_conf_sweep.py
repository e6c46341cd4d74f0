"""The sweep group: forms of an axis, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from arena.config.base import validate
from arena.config.sweep import AxisConfig, SweepConfig
from arena.core.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "conf" / "sweep"
AXES = {"strategy": {"fast": {"values": [5, 9]}}}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_file_is_a_sweep_with_all_keys_written(path):
    given = yaml.safe_load(path.read_text())
    sweep = validate(SweepConfig, given)
    assert path.stem == f"ema_{sweep.method}"
    assert set(given) == set(SweepConfig.model_fields)
    assert all(len(values) > 1 for values in sweep.numbers().values())


@pytest.mark.parametrize(
    ("axis", "kind", "values"),
    [
        ({"values": [3, 1, 2]}, "i", [3, 1, 2]),
        ({"values": [1, 2.5]}, "f", [1.0, 2.5]),
        ({"start": 5, "stop": 20, "step": 5}, "i", [5, 10, 15]),
        ({"start": 5, "stop": 21, "step": 5}, "i", [5, 10, 15, 20]),
        ({"start": 0.1, "stop": 0.4, "step": 0.1}, "f", [0.1, 0.2, 0.3]),
        ({"start": 0, "stop": 1, "num": 5}, "f", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ({"start": 1, "stop": 1000, "num": 4, "log": True}, "f", [1.0, 10.0, 100.0, 1000.0]),
        ({"start": 2, "stop": 5, "num": 9, "whole": True}, "i", [2, 3, 4, 5]),
        ({"start": -1, "stop": 1, "num": 3}, "f", [-1.0, 0.0, 1.0]),
    ],
)
def test_a_form_gives_these_numbers(axis, kind, values):
    found = AxisConfig.model_validate(axis).numbers()
    assert found.dtype.kind == kind
    assert found.tolist() == values


def test_groups_may_be_nested_or_written_with_dots():
    nested = {"strategy": {"fast": {"values": [5]}}, "fee_rate": {"values": [0.001]}, "costs": {}}
    nested["costs"]["slippage_bps"] = {"start": 0, "stop": 2, "step": 1}
    dotted = {
        "strategy.fast": {"values": [5]},
        "fee_rate": {"values": [0.001]},
        "costs.slippage_bps": {"start": 0, "stop": 2, "step": 1},
    }
    one, two = (validate(SweepConfig, {"axes": axes}) for axes in (nested, dotted))
    assert one == two
    assert list(one.numbers()) == ["strategy.fast", "fee_rate", "costs.slippage_bps"]


@pytest.mark.parametrize(
    ("axis", "part"),
    [
        ({}, r"found nothing"),
        ({"start": 1}, r"an axis is \{values\}, .* found start"),
        ({"values": [1], "start": 2}, "found start, values"),
        ({"start": 1, "stop": 3, "step": 1, "num": 2}, "found num, start, step, stop"),
        ({"start": 3, "stop": 1, "step": 1}, "start=3 must be below stop=1"),
        ({"start": 1, "stop": 3, "step": -1}, "step=-1 must be above 0"),
        ({"start": 0, "stop": 3, "num": 3, "log": True}, "start=0 must be above 0 with log"),
        ({"start": 0, "stop": 3, "step": 1, "log": True}, r"log and whole belong to \{start, stop, num\}"),
        ({"start": 0, "stop": 1, "step": 1e-9}, "more than 1,000,000 values"),
        ({"start": 0, "stop": 1, "num": 1}, "fee_rate.num=1: must be at least 2"),
        ({"values": []}, "at least 1"),
        ({"values": [1, 1.0]}, "there twice"),
        ({"values": ["a"]}, "'a' is not a number"),
        ({"values": [True]}, "true is not a number"),
        ({"values": [float("nan")]}, "nan is not finite"),
        ({"stert": 1, "stop": 3, "num": 3}, "unknown key 'stert': did you mean 'start'"),
        (3, "a group of keys"),
    ],
)
def test_a_wrong_axis_is_refused_in_a_sentence(axis, part):
    with pytest.raises(ConfigError, match=part) as caught:
        validate(SweepConfig, {"axes": {"fee_rate": axis}}, prefix="sweep")
    assert str(caught.value).startswith("sweep.axes.fee_rate")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"trials": 5}, r"sweep\.trials=5: a grid runs every combination"),
        ({"method": "random"}, r"sweep\.method=random needs a number of trials"),
        ({"method": "gird"}, "did you mean 'grid'"),
        ({"method": "latin", "trials": 0}, "at least 1"),
        ({"seed": -1}, "at least 0"),
        ({"axes": {}}, "at least 1"),
        ({"axis": AXES}, "did you mean 'sweep.axes'"),
    ],
)
def test_a_wrong_sweep_is_refused_in_a_sentence(change, part):
    with pytest.raises(ConfigError, match=part):
        validate(SweepConfig, {"axes": AXES, **change}, prefix="sweep")


def test_a_million_values_take_numbers_not_text():
    found = AxisConfig.model_validate({"start": 0, "stop": 1_000_000, "step": 1}).numbers()
    assert found.dtype == np.int64
    assert found.nbytes == 8_000_000
