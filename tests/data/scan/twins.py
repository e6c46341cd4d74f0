"""The scan again as SQL over DuckDB and as polars expressions: the same findings by other engines."""

from __future__ import annotations

import functools
from typing import Any

import duckdb
import polars as pl

from arena.core.bars import Bars
from arena.data.scan.rules import RANGE_BLOCK, ScanRules
from tests.data.scan.oracle import Told

_SQL = """
with numbered as (select *, row_number() over () as place from bars),
grid as (select * from numbered where ts % {step} = 0),
clean as (
    select * from grid qualify row_number() over (partition by ts order by place) = 1
),
judged as (
    select *,
        not coalesce(isfinite(open) and isfinite(high) and isfinite(low) and isfinite(close)
            and isfinite(volume) and low > 0 and low <= least(open, close)
            and high >= greatest(open, close) and volume >= 0, false) as bad
    from clean
),
ranged as (
    select *,
        sum(case when bad then 0 else (high - low) / close end) over block
            - case when bad then 0 else (high - low) / close end as others,
        sum(case when bad then 0 else 1 end) over block - case when bad then 0 else 1 end as counted,
        lag(ts) over t as before, lead(ts) over t as after,
        lag(high) over t as high_before, lead(high) over t as high_after,
        lag(low) over t as low_before, lead(low) over t as low_after,
        coalesce(lag(bad) over t, true) or bad or coalesce(lead(bad) over t, true) as unsure
    from judged
    window t as (order by ts), block as (partition by ts // ({block} * {step}))
),
moved as (
    select *, greatest(high / greatest(high_before, high_after) - 1,
                       1 - low / least(low_before, low_after)) as move,
        case when counted > 0 then others / counted else 0 end as usual
    from ranged
),
cells(kind, cell, weight) as (
    select 'off_grid', ts // {step} * {step}, count(*) from bars where ts % {step} <> 0 group by 2
    union all select 'duplicate', ts, count(*) - 1 from grid group by ts having count(*) > 1
    union all select 'bad_ohlc', ts, 1 from judged where bad
    union all select 'unfinished', ts, 1 from clean where ts + {step} > {now}
    union all select 'zero_volume', ts, 1 from clean where volume = 0
    union all select 'spike', ts, 1 from moved
        where not unsure and after - before = 2 * {step} and move > {move} and move > {ranges} * usual
),
islands as (
    select *, cell - {step} * row_number() over (partition by kind order by cell) as island from cells
),
found as (
    select kind, min(cell) as a, max(cell) + {step} as b, sum(weight)::bigint as n
    from islands group by kind, island
    union all
    select 'gap', before + {step}, ts, (ts - before) // {step} - 1 from ranged where ts - before > {step}
    union all
    select 'stale', max(ts) + {step}, max(ts) + 2 * {step}, ({now} - max(ts)) // {step} - 1
    from clean having ({now} - max(ts) - {step}) >= ({stale} + 1) * {step}
)
select kind, a, b, n, case
    when kind in ('spike', 'stale') then 'warning'
    when kind <> 'zero_volume' then 'error'
    when b - a >= {quiet} then 'warning' else 'info' end
from found
"""


def in_duckdb(source: str | Bars, step: int, now: int, rules: ScanRules) -> set[Told]:
    """Return the findings of a series, bars or a pattern of Parquet files, as DuckDB sees them."""
    connection = _connection()
    if isinstance(source, Bars):
        connection.register("bars", source.to_polars().to_arrow())
    else:
        connection.execute(f"create or replace view bars as select * from read_parquet('{source}')")  # noqa: S608 - a path of the test
    sql = _SQL.format(
        step=step,
        now=now,
        block=RANGE_BLOCK,
        move=rules.spike_move,
        ranges=rules.spike_ranges,
        stale=rules.stale_bars,
        quiet=rules.zero_volume_ms,
    )
    found: set[Told] = {tuple(row) for row in connection.execute(sql).fetchall()}
    connection.execute("drop view bars")
    return found


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def in_polars(bars: Bars, now: int, rules: ScanRules) -> set[Told]:
    """Return the findings as polars sees them."""
    step = bars.timeframe.step_ms
    ts = pl.col("ts")
    frame = bars.to_polars()
    grid = frame.filter(ts % step == 0)
    clean = grid.unique("ts", keep="first", maintain_order=True).sort("ts")
    finite = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
    sound = (
        finite
        & (pl.col("low") > 0)
        & (pl.col("low") <= pl.min_horizontal("open", "close"))
        & (pl.col("high") >= pl.max_horizontal("open", "close"))
        & (pl.col("volume") >= 0)
    )
    judged = clean.with_columns(bad=~sound).with_columns(
        relative=pl.when("bad").then(0.0).otherwise((pl.col("high") - pl.col("low")) / pl.col("close")),
        block=ts // (RANGE_BLOCK * step),
    )
    counted = (~pl.col("bad")).cast(pl.Int64).sum().over("block") - (~pl.col("bad")).cast(pl.Int64)
    usual = (pl.col("relative").sum().over("block") - pl.col("relative")) / counted
    high, low, bad = pl.col("high"), pl.col("low"), pl.col("bad")
    above = high / pl.max_horizontal(high.shift(1), high.shift(-1)) - 1
    below = 1 - low / pl.min_horizontal(low.shift(1), low.shift(-1))
    moved = judged.with_columns(
        move=pl.max_horizontal(above, below),
        usual=pl.when(counted > 0).then(usual).otherwise(0.0),
        beside=(ts.shift(-1) - ts.shift(1) == 2 * step)
        & ~(bad | bad.shift(1, fill_value=True) | bad.shift(-1, fill_value=True)),
    )
    spiking = pl.col("beside") & (pl.col("move") > rules.spike_move)
    spiking &= pl.col("move") > rules.spike_ranges * pl.col("usual")
    cells = {
        "off_grid": frame.filter(ts % step != 0).select(cell=ts // step * step),
        "duplicate": grid.filter(pl.int_range(pl.len()).over("ts") > 0).select(cell=ts),
        "bad_ohlc": judged.filter("bad").select(cell=ts),
        "unfinished": clean.filter(ts + step > now).select(cell=ts),
        "zero_volume": clean.filter(pl.col("volume") == 0).select(cell=ts),
        "spike": moved.filter(spiking).select(cell=ts),
    }
    found: set[Told] = set()
    for kind, some in cells.items():
        for start, end, count in _runs(some, step):
            long = end - start >= rules.zero_volume_ms
            severity = {"spike": "warning", "zero_volume": "warning" if long else "info"}.get(kind, "error")
            found.add((kind, start, end, count, severity))
    holes = clean.select(start=ts.shift(1) + step, end=ts).filter(pl.col("end") > pl.col("start"))
    found |= {("gap", start, end, (end - start) // step, "error") for start, end in holes.rows()}
    last: Any = clean["ts"].max()
    overdue = 0 if last is None else (now - last - step) // step
    if overdue > rules.stale_bars:
        found.add(("stale", last + step, last + 2 * step, overdue, "warning"))
    return found


def _runs(cells: pl.DataFrame, step: int) -> list[tuple[int, int, int]]:
    cell = pl.col("cell")
    grouped = (
        cells.sort("cell")
        .group_by("cell")
        .len()
        .sort("cell")
        .with_columns(island=(cell - step * pl.int_range(pl.len())))
        .group_by("island")
        .agg(start=cell.min(), end=cell.max() + step, count=pl.col("len").sum())
    )
    return grouped.select("start", "end", "count").rows()
