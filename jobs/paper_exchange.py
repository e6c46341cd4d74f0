"""python -m jobs.paper_exchange: an OKX v5 exchange on loopback that replays stored or generated bars."""

from __future__ import annotations

from arena.config.paper import PaperConfig
from arena.core.clock import to_iso
from jobs._runner import JobContext, job


# not recorded: it makes nothing that a run's folder could hold, and may run for months
@job("paper_exchange", PaperConfig, recorded=False)
def main(config: PaperConfig, _context: JobContext) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    from arena.paper_okx.assembly import assemble
    from arena.paper_okx.serving import serve

    exchange = assemble(config)

    def ready(url: str) -> None:
        listed = ", ".join(exchange.market.contracts)
        now = to_iso(exchange.clock.now())
        print(f"paper exchange at {url}: {listed}, {now}, speed {exchange.clock.speed:g}", flush=True)

    serve(exchange, config.host, config.port, ready)


if __name__ == "__main__":
    main()
