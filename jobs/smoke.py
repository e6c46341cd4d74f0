"""python -m jobs.smoke: one line for each read of the DataService, the last signals of each strategy."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from arena.config.models import SmokeConfig
from arena.core.errors import DataError
from jobs._answers import ask, signal_lines
from jobs._runner import JobContext, job

if TYPE_CHECKING:
    from arena.core.bars import Bars
    from arena.data.service import DataService


@job("smoke", SmokeConfig, recorded=False)
def main(config: SmokeConfig, context: JobContext) -> None:
    """Look at the store through the reads that everything else uses."""
    from arena.data.service import DataService

    service = DataService(config.store.root, context.ledger_url)
    bars = service.get_candles(config.symbol.inst_id, config.timeframe.name)
    if bars.is_synthetic:
        context.show("SYNTHETIC: the market was generated; nothing here is about a real one")
    if config.what != "strategies":
        _show_reads(config, context, service)
    if config.what != "data":
        _show_signals(config, context, service, bars)


def _show_reads(config: SmokeConfig, context: JobContext, service: DataService) -> None:
    inst_id, timeframe = config.symbol.inst_id, config.timeframe.name
    known = {"symbol": inst_id, "inst_id": inst_id, "timeframe": timeframe, "clock": context.clock}
    _show_each(context, service, known)
    try:
        ledger = service.ledger
    except DataError as error:
        context.show(f"{'ledger':<27}{error}")
        return
    newest: dict[str, Any] = {}
    for rows in (
        ledger.list_balances(limit=1) or ledger.list_positions(limit=1),
        ledger.list_cycles(1),
        ledger.list_backtests(1) or ledger.list_job_runs(1),
    ):
        newest |= rows[0] if rows else {}
    _show_each(context, ledger, {**newest, "inst_id": inst_id, "timeframe": timeframe})


def _show_signals(config: SmokeConfig, context: JobContext, service: DataService, bars: Bars) -> None:
    from arena.strategies import compute_signal, get_strategy, parse_params, strategy_names

    funding = service.get_funding(bars.inst_id)
    for name in strategy_names():
        spec = get_strategy(name)
        signal = compute_signal(spec, bars, funding, parse_params(spec, {}))
        context.show(f"{name}: {spec.description}")
        for line in signal_lines(signal, bars, config.last):
            context.show(line)


def _show_each(context: JobContext, reads: object, known: dict[str, Any]) -> None:
    for name, _ in inspect.getmembers(type(reads), inspect.isfunction):
        if name.startswith(("list_", "has_", "get_", "count_")):
            context.show(f"{name:<27}{ask(getattr(reads, name), known)}")


if __name__ == "__main__":
    main()
