"""python -m jobs.browse: the ledger and the newest rows of the market in a browser, read only."""

from __future__ import annotations

from arena.config.screens import BrowseConfig
from jobs._console import show
from jobs._runner import JobContext, job


@job("browse", BrowseConfig, recorded=False)
def main(config: BrowseConfig, context: JobContext) -> None:
    """Serve until Ctrl-C."""
    from arena.browse.market_rows import read_market
    from arena.browse.server import serve
    from arena.browse.site import ledger_file, make_site
    from arena.core.loopback import bind
    from arena.data.service import DataService

    service = DataService(config.store.root, context.ledger_url)
    with ledger_file(service, config.newest) as ledger:
        market = read_market(service, config.newest)
        app = make_site(ledger, market)
        label = "SYNTHETIC market; " if any(one.synthetic for one in market) else ""
        serve(app, bind(config.port), lambda url: show([f"{label}{ledger.shown} is at {url} (Ctrl-C ends)"]))


if __name__ == "__main__":
    main()
