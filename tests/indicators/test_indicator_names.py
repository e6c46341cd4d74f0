"""Names load late, every kernel is compiled once and only once, and all are causal."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arena import indicators as ta
from arena.indicators import averages, directional, settlements, states, windows

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {
    name: value
    for module in (averages, directional, settlements, states, windows)
    for name, value in vars(module).items()
    if name.endswith("_nb")
}
SERIES = {
    "ema": lambda high, low, close: ta.ema(close, 12),
    "rma": lambda high, low, close: ta.rma(close, 14),
    "sma": lambda high, low, close: ta.sma(close, 20),
    "rolling_std": lambda high, low, close: ta.rolling_std(close, 20),
    "rolling_max": lambda high, low, close: ta.rolling_max(close, 20),
    "rolling_min": lambda high, low, close: ta.rolling_min(close, 20),
    "bollinger": lambda high, low, close: ta.bollinger(close, 20, 2.0).width,
    "true_range": ta.true_range,
    "atr": lambda high, low, close: ta.atr(high, low, close, 14),
    "adx": lambda high, low, close: ta.adx(high, low, close, 14).adx,
}


def test_importing_the_package_does_not_import_numba() -> None:
    code = "import sys; from arena import indicators; dir(indicators); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ta.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(ta, name).__doc__
    assert name in dir(ta)


def test_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'emaa'"):
        ta.emaa  # noqa: B018


@pytest.mark.parametrize("name", SERIES)
def test_read_only_strided_and_plain_arrays_share_one_compiled_version(name: str, candles) -> None:
    expected = SERIES[name](*candles)
    locked = [column.copy() for column in candles]
    for column in locked:
        column.flags.writeable = False
    table = np.stack(candles, axis=1)
    np.testing.assert_array_equal(SERIES[name](*locked), expected)
    np.testing.assert_array_equal(SERIES[name](*table.T), expected)
    assert {kernel: len(compiled.signatures) for kernel, compiled in KERNELS.items()} == dict.fromkeys(
        KERNELS, 1
    )


@pytest.mark.parametrize("name", SERIES)
def test_value_of_a_bar_does_not_depend_on_later_bars(name: str, candles) -> None:
    full = SERIES[name](*candles)
    for cut in (1, 13, 14, 19, 20, 21, 27, 28, 199, 240, 601, 999):
        np.testing.assert_array_equal(SERIES[name](*(column[:cut] for column in candles)), full[:cut])


@pytest.mark.parametrize("name", SERIES)
def test_input_is_left_untouched(name: str, candles) -> None:
    before = [column.copy() for column in candles]
    SERIES[name](*candles)
    for old, new in zip(before, candles, strict=True):
        np.testing.assert_array_equal(old, new)
