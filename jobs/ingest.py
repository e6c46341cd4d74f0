"""python -m jobs.ingest: bring market history into the store: files, a generated market, an exchange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from arena.config.exchange import OkxExchange
from arena.config.ingest import FilesExchange, IngestConfig, SyntheticExchange
from jobs._runner import JobContext, job

if TYPE_CHECKING:
    from arena.data.ingest import IngestReport, Progress


@job("ingest", IngestConfig, lists=("timeframes", "kinds", "symbols"))
def main(config: IngestConfig, context: JobContext) -> None:
    """Import what the config names, say what came of it, and keep the counts as result.json."""
    if isinstance(config.exchange, OkxExchange):
        from jobs._exchange import ask_exchange

        report = ask_exchange(config, config.exchange, context)
    else:
        with context.progress("import", 100) as update:
            tell: Progress = lambda done, total, _: update(100 * done // max(1, total))  # noqa: E731 - said once, where it is used
            report = _import(config, config.exchange, context, tell)
    for line in report.lines():
        context.log.info(line)
    result = {"job": "ingest", "run_id": context.run_id, **report.as_dict()}
    (context.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")


def _import(
    config: IngestConfig, source: FilesExchange | SyntheticExchange, context: JobContext, progress: Progress
) -> IngestReport:
    from arena.data.ingest import ingest_files, ingest_synthetic
    from arena.exchange.files import FileRequest
    from arena.exchange.synthetic import SyntheticSpec

    instrument, timeframe = config.symbol.instrument(), config.timeframe.timeframe()
    root = config.store.root
    if isinstance(source, FilesExchange):
        named = None if config.kind == "funding" else timeframe
        # the spot pair is an instrument of its own; its prices are candles there
        kind = "candles" if config.kind == "spot" else config.kind
        traded = instrument.spot(config.symbol.spot_inst_id) if config.kind == "spot" else instrument
        request = FileRequest(source.path, traded, kind, named, source.format, source.volume, source.source)
        return ingest_files(
            request,
            root,
            derive=config.targets(),
            run_id=context.run_id,
            clock=context.clock,
            progress=progress,
        )
    return ingest_synthetic(
        instrument,
        timeframe,
        root,
        spec=SyntheticSpec(seed=source.seed, start_ms=source.start_ms, days=source.days),
        derive=config.targets(),
        run_id=context.run_id,
        clock=context.clock,
        progress=progress,
        spot_inst_id=config.symbol.spot_inst_id,
    )


if __name__ == "__main__":
    main()
