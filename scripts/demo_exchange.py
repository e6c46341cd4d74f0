"""Run the whole way on the generated demo market: a paper exchange, an import over HTTP, a backtest, a check.

Starts the jobs as a person would and compares what was stored with what was replayed, bar for bar.
Invariant: the exchange it started is ended, however it ends, and the store that is replayed is only read.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from arena.core.bars import Bars
from arena.core.clock import to_iso
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

PROJECT = Path(__file__).resolve().parent.parent
SWAP = "BTC-USDT-SWAP"
LENGTHS = ("15m", "1h", "4h", "1d")
_STARTED = re.compile(r"paper exchange at (http://\S+): ")
_FUNDING_REACH_MS = 90 * MS_PER_DAY


def main() -> int:
    """Return 0 when everything that came in equals its source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="data/demo", help="store that is replayed")
    parser.add_argument("--store", default="data/demo_exchange", help="store that is imported into")
    parser.add_argument("--reports", default="reports", help="where the runs' folders go")
    parser.add_argument("--days", type=int, default=365, help="how much is imported")
    arguments = parser.parse_args()
    source, store = PROJECT / arguments.source, PROJECT / arguments.store
    end = MarketReader(source).read_bars(Kind.CANDLES, SWAP, Timeframe.parse("15m"), limit=1).close_ts
    if not len(end):
        sys.exit(f"{source} holds no 15m candles of {SWAP}: run make demo first")
    roots = (f"store.root={store}", f"reports.root={PROJECT / arguments.reports}")
    with paper_exchange(source, int(end[0])) as url:
        address = (f"exchange.base_url={url}", f"exchange.ws_url={url.replace('http', 'ws')}/ws/v5")
        wanted = (f"since_days={arguments.days}", f"timeframes=[{','.join(LENGTHS)}]")
        job("ingest", "exchange=paper", *address, "exchange.rate_limits=false", *wanted, *roots)
    job("backtest", "strategy=ema_trend", "timeframe=1h", *roots)
    equal = compare(MarketReader(source), MarketReader(store), int(end[0]), arguments.days)
    print(f"report: {PROJECT / arguments.reports / 'backtest' / 'latest' / 'report.html'}")
    return 0 if equal else 1


@contextmanager
def paper_exchange(source: Path, end_ms: int) -> Iterator[str]:
    """Run `python -m jobs.paper_exchange` on a free port, its clock standing at `end_ms`; yield its URL."""
    now = to_iso(end_ms).removesuffix("Z")
    words = (f"store.root={source}", "clock.speed=0", f"clock.start={now}", "rate_limits=false", "port=0")
    command = [sys.executable, "-m", "jobs.paper_exchange", *words]
    say(command)
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield url_of(process)
        finally:
            process.terminate()


def url_of(process: subprocess.Popen[str], timeout_s: float = 60.0) -> str:
    """Return the URL that the exchange prints when it can be asked."""
    lines: Queue[str] = Queue()
    Thread(target=lambda: lines.put(process.stdout.readline() if process.stdout else ""), daemon=True).start()
    try:
        found = _STARTED.match(line := lines.get(timeout=timeout_s))
    except Empty:
        sys.exit(f"the paper exchange said nothing for {timeout_s:g} s")
    if found is None:
        sys.exit("the paper exchange did not start: it says why above")
    print(line, end="", flush=True)
    return found[1]


def job(name: str, *words: str) -> None:
    """Run one job to its end; its failure is ours."""
    command = [sys.executable, "-m", f"jobs.{name}", *words]
    say(command)
    done = subprocess.run(command, cwd=PROJECT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def compare(source: MarketReader, store: MarketReader, end: int, days: int) -> bool:
    """Compare everything of the last `days` with its source, and say what was found."""
    start, total, equal = end - days * MS_PER_DAY, 0, True
    for kind in Kind:
        for timeframe in map(Timeframe.parse, LENGTHS):
            came, sent = (
                one.read_bars(kind, SWAP, timeframe, start=start, end=end) for one in (store, source)
            )
            same = same_bars(came, sent)
            print(f"{kind} {timeframe}: {len(came):,} bars {told(same)}")
            total, equal = total + len(came), equal and same
    since = max(start, end - _FUNDING_REACH_MS)
    came_in, sent_out = (one.read_funding(SWAP, start=since, end=end) for one in (store, source))
    paid = np.array_equal(came_in.ts, sent_out.ts) and np.array_equal(came_in.rate, sent_out.rate)
    print(f"funding: {len(came_in):,} settlements {told(paid)}")
    print(f"{total:,} bars are {'equal to the source, bar for bar' if equal else 'NOT all equal'}")
    return equal and paid


def same_bars(one: Bars, other: Bars) -> bool:
    """Whether both hold the same bars: times and prices bit for bit, volumes as they are written.

    The exchange writes a volume with fifteen digits; a sum of stored volumes may have more.
    """
    names = ("ts", "open", "high", "low", "close")
    same = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return same and [f"{v:.15g}" for v in one.volume] == [f"{v:.15g}" for v in other.volume]


def told(same: bool) -> str:  # noqa: FBT001 - a word for a fact
    """Return what is said of a series."""
    return "equal their source" if same else "DIFFER from their source"


def say(command: list[str]) -> None:
    """Print a command as a person would type it."""
    print("$ python", " ".join(command[1:]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
