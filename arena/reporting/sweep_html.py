"""Render a sweep as one HTML file that needs no network.

Reads sweep.json's record and trials.parquet beside it, writes nothing. Invariant: the page stays under
2 MB for any number of trials: above `MOST_ROWS` it holds sums over pairs of axes, and says so.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from arena.backtest.result import BacktestResult, CausalityBadge
from arena.backtest.sweep.record import SweepRecord
from arena.reporting.heat import heat_css
from arena.reporting.page import content_policy, environment, json_block, static
from arena.reporting.sweep_heat import (
    MOST_ROWS,
    HeatView,
    cells_that_fit,
    heat_view,
    page_cells,
    page_columns,
)
from arena.reporting.sweep_trials import CellAxis, SweepTrials, figure_form, figure_names, read_trials
from arena.reporting.sweep_view import (
    batch_rows,
    best_params,
    best_table,
    dropped_rows,
    headline_cards,
    market_words,
    noise_level,
    range_words,
    sharpe_plot,
    slices,
    strategy_words,
    timing_rows,
)
from arena.reporting.verdict_view import verdict_view
from arena.reporting.view import causality_badge

TRIALS_FILE = "trials.parquet"


def render_sweep(record: SweepRecord, folder: Path) -> str:
    """Return the sweep's page as HTML.

    Args:
        record: what sweep.json says.
        folder: the sweep's folder, with trials.parquet in it.

    Raises:
        DataError: the trials are not there, not readable, or not of this record.
    """
    trials = _trials(record, folder / TRIALS_FILE)
    pair = _first_pair(trials)
    heat = (
        None
        if pair is None
        else heat_view(page_cells(trials, *pair, record.objective, "best"), record.objective)
    )
    form, columns = page_columns(trials) if pair else ("none", None)
    script = static("page.js") + static("sweep.js")
    histogram, histogram_words = sharpe_plot(record, trials)
    data: dict[str, Any] = {"form": form}
    if columns is not None and pair is not None:
        data = _page_data(trials, pair, form) | {"layout": columns.layout, "data": columns.data}
    return (
        environment()
        .get_template("sweep.html.j2")
        .render(
            record=record,
            policy=content_policy(script),
            styles=static("report.css") + static("plot.css") + static("sweep.css") + heat_css(),
            script=script,
            data=json_block(data),
            strategy=strategy_words(record),
            market=market_words(record),
            range=range_words(record),
            cautions=[
                text for text in record.warnings if not text.startswith("SYNTHETIC")
            ],  # has its own banner
            badge=causality_badge(_causality(record, folder)),
            view=verdict_view(record.verdict) if record.verdict else None,
            noise=noise_level(record),
            cards=headline_cards(record),
            params=best_params(record),
            objective=figure_form(record.objective)[0],
            best=best_table(record),
            heat=heat,
            notes=_notes(record, trials, heat),
            axes=[axis.title for axis in trials.free_axes],
            figures=[figure_form(name)[0] for name in trials.figures],
            others=[axis for axis in trials.free_axes if pair and axis not in pair],
            form=form,
            chosen=_chosen(trials, pair),
            slices=slices(record, trials),
            histogram=histogram,
            histogram_words=histogram_words,
            batches=batch_rows(record),
            dropped=dropped_rows(record),
            timing=timing_rows(record),
            done=sum(batch.done for batch in record.batches),
            planned=sum(batch.trials for batch in record.batches),
            combinations=sum(batch.combinations for batch in record.batches),
        )
    )


def _causality(record: SweepRecord, folder: Path) -> CausalityBadge | None:
    """Return the badge of the best trial's own run, which lies beside the page."""
    if record.best_run_folder is None:
        return None
    path = folder / record.best_run_folder / "result.json"
    if not path.is_file():
        return None
    return BacktestResult.model_validate_json(path.read_text(encoding="utf-8")).causality


def _trials(record: SweepRecord, path: Path) -> SweepTrials:
    """Read the trials, with fewer cells an axis where the page has to hold sums over all pairs."""
    trials = read_trials(record, path)
    if len(trials) <= MOST_ROWS:
        return trials
    sizes = [len(axis) for axis in trials.free_axes]
    most = max(sizes, default=1)
    fitting = cells_that_fit(sizes, len(figure_names(record.objective)), most)
    return trials if fitting >= most else read_trials(record, path, fitting)


def _first_pair(trials: SweepTrials) -> tuple[CellAxis, CellAxis] | None:
    """Return the axes shown first: the two with the most cells, numbers before words."""
    ranked = sorted(trials.free_axes, key=lambda axis: (axis.words, -len(axis)))
    if len(ranked) < 2:
        return None
    first, second = sorted(ranked[:2], key=trials.free_axes.index)
    return first, second


def _chosen(trials: SweepTrials, pair: tuple[CellAxis, CellAxis] | None) -> tuple[int, int]:
    if pair is None:
        return 0, 0
    return trials.free_axes.index(pair[0]), trials.free_axes.index(pair[1])


def _page_data(trials: SweepTrials, pair: tuple[CellAxis, CellAxis], form: str) -> dict[str, Any]:
    x, y = _chosen(trials, pair)
    return {
        "form": form,
        "rows": len(trials),
        "axes": [
            {"title": axis.title, "labels": axis.labels, "shared": axis.values_a_cell > 1}
            for axis in trials.free_axes
        ],
        "figures": [{"label": figure_form(name)[0], "unit": figure_form(name)[1]} for name in trials.figures],
        "best": [int(axis.index[trials.best]) for axis in trials.free_axes],
        "first": {"x": x, "y": y},
    }


def _notes(record: SweepRecord, trials: SweepTrials, heat: HeatView | None) -> list[str]:
    """Return what a reader has to know of the heatmaps."""
    notes = []
    if len(trials) > MOST_ROWS:
        notes.append(
            f"{len(trials):,} trials are too many to hold in a page: it holds the best and the mean of every "
            "cell of every pair of axes, so the other axes cannot be fixed here. trials.parquet has them all."
        )
    cut = [axis for axis in trials.free_axes if axis.values_a_cell > 1]
    if cut:
        listed = ", ".join(f"{axis.title} {axis.values_a_cell:,}" for axis in cut)
        notes.append(f"Neighbouring values share a cell, values a cell: {listed}.")
    if heat is not None and heat.empty:
        why = "no run would accept them" if _is_whole_grid(record) else "no trial was run there"
        notes.append(f"{heat.empty:,} cells are empty: {why}.")
    return notes


def _is_whole_grid(record: SweepRecord) -> bool:
    whole = math.prod(len(axis.values) for axis in record.axes) == sum(
        one.combinations for one in record.batches
    )
    return record.method == "grid" and not record.interrupted and whole
