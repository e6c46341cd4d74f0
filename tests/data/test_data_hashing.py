from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from arena.core.bars import FundingSeries
from arena.data.hashing import bars_arrays, dataset_hash, funding_arrays

FUNDING = FundingSeries("X", np.array([1, 2], np.int64), np.array([0.1, 0.2]), ("okx", "binance"))


def test_equal_arrays_hash_equal_whatever_their_memory(make_walk: Any) -> None:
    bars = make_walk(list(range(50)))
    arrays = bars_arrays("candles", bars)
    spread = {name: np.repeat(array, 2)[::2] for name, array in reversed(arrays.items())}
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays.items()}
    assert dataset_hash(arrays) == dataset_hash(spread) == dataset_hash(swapped)
    assert len(dataset_hash(arrays)) == 64


@pytest.mark.parametrize("column", ["ts", "open", "high", "low", "close", "volume"])
def test_one_bit_of_one_column_changes_the_hash(make_walk: Any, column: str) -> None:
    bars = make_walk(list(range(50)))
    changed = getattr(bars, column).copy()
    changed.view(np.uint64)[17] ^= 1
    other = replace(bars, **{column: changed})
    assert dataset_hash(bars_arrays("candles", bars)) != dataset_hash(bars_arrays("candles", other))


def test_name_type_and_division_are_part_of_the_hash(make_walk: Any) -> None:
    bars = make_walk(list(range(4)))
    ones, zeros = np.ones(2), np.zeros(2)
    hashes = {
        dataset_hash(bars_arrays("candles", bars)),
        dataset_hash(bars_arrays("mark", bars)),
        dataset_hash({"a": zeros}),
        dataset_hash({"a": zeros.view(np.int64)}),
        dataset_hash({"a": zeros, "b": ones}),
        dataset_hash({"a": ones, "b": zeros}),
        dataset_hash({"a": np.concatenate((zeros, ones))}),
        dataset_hash({"a": np.empty(0)}),
        dataset_hash({}),
    }
    assert len(hashes) == 9


def test_source_of_funding_is_part_of_the_hash() -> None:
    other = replace(FUNDING, source=("okx", "okx"))
    assert dataset_hash(funding_arrays("f", FUNDING)) != dataset_hash(funding_arrays("f", other))
    assert set(funding_arrays("f", FUNDING)) == {"f.ts", "f.rate", "f.source"}
