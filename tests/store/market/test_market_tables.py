from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.errors import DataError
from arena.store.market.tables import Columns, read_extent, read_table, write_table

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(allow_nan=False), TEXT), min_size=1, max_size=40))
def test_columns_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "x.parquet"
    columns: Columns = {
        "ts": np.arange(len(rows), dtype=np.int64) * 7,
        "rate": np.array([rate for rate, _ in rows]),
        "source": np.array([text for _, text in rows], np.str_),
    }
    write_table(path, columns, frozenset({"b", "a"}))
    part = read_table(path)
    assert part.origin == {"a", "b"}
    assert part.columns["ts"].tolist() == columns["ts"].tolist()
    assert part.columns["rate"].tobytes() == columns["rate"].tobytes()
    assert part.columns["source"].tolist() == [text for _, text in rows]
    extent = read_extent(path)
    assert (extent.rows, extent.first, extent.last) == (len(rows), 0, 7 * (len(rows) - 1))


def test_empty_cells_of_a_foreign_writer_are_not_read_as_numbers(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    table = pa.table({"ts": [1, 2], "rate": [1.0, None]}).replace_schema_metadata(
        {"arena.format": "1", "origin": ""}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match="1 empty cells"):
        read_table(tmp_path / "x.parquet")
