"""A paper exchange that runs while a test does: real HTTP on a free loopback port, in a thread.

    with run_paper_okx() as okx:
        okx.get("/api/v5/public/time")

The market is generated, the clock goes by step, rate limits are off. Every test folder may import this.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml
from aiohttp import web

from arena.config.models import SymbolConfig
from arena.config.paper import FaultRule
from arena.core.bars import Bars
from arena.core.clock import wall_clock
from arena.core.instrument import Instrument
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.paper_okx.app import PaperExchange, ServerSettings, create_app
from arena.paper_okx.auth import ApiKey, Keys, sign
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.faults import Faults
from arena.paper_okx.limits import Limits
from arena.paper_okx.replay import MarketShape, ReplayMarket, SyntheticSource, make_synthetic
from arena.paper_okx.sockets import SocketSettings
from arena.paper_okx.venue import State, Venue, VenueSettings

CONF = Path(__file__).resolve().parents[2] / "conf"
START_MS = 1_704_067_200_000  # 2024-01-01, when the market of the tests begins
DAYS = 5
NOW_MS = START_MS + 3 * MS_PER_DAY + 43_200_000  # where the clock stands at first: 3.5 days in

BAR_COLUMNS = ("ts", "open", "high", "low", "close", "volume")

DEMO = ApiKey("paper-demo", "paper-demo-secret", "paper-demo-passphrase", "demo", demo=True)
LIVE = ApiKey("paper-live", "paper-live-secret", "paper-live-passphrase", "live", demo=False)


def listed_instrument(name: str) -> Instrument:
    """Return an instrument of conf/symbol: btc_usdt_swap or eth_usdt_swap."""
    return SymbolConfig(**yaml.safe_load((CONF / "symbol" / f"{name}.yaml").read_text())).instrument()


def small_market(days: int = DAYS, timeframe: str = "1m", shape: MarketShape | None = None) -> ReplayMarket:
    """Return a generated market of BTC-USDT-SWAP and ETH-USDT-SWAP."""
    instruments = [listed_instrument("btc_usdt_swap"), listed_instrument("eth_usdt_swap")]
    shape = shape or MarketShape()
    source = SyntheticSource(seed=8, start_ms=START_MS, days=days, timeframe=timeframe)
    return ReplayMarket(make_synthetic(source, instruments, shape), shape)


def picked(bars: Bars, rows: Any) -> Bars:
    """Return the bars at `rows`, positions or flags."""
    return replace(bars, **{name: getattr(bars, name)[rows] for name in BAR_COLUMNS})


@dataclass
class RunningPaperOkx:
    """A running exchange, as a client and as the test that moves its clock see it."""

    exchange: PaperExchange
    base_url: str
    keys: dict[str, ApiKey] = field(default_factory=dict)

    @property
    def ws_url(self) -> str:
        return self.base_url.replace("http://", "ws://") + "/ws/v5"

    @property
    def job_words(self) -> tuple[str, ...]:
        """What a job is told to ask this exchange, as often as it likes."""
        addresses = (f"exchange.base_url={self.base_url}", f"exchange.ws_url={self.ws_url}")
        return ("exchange=paper", *addresses, "exchange.rate_limits=false")

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or 0

    def minutes(self, inst_id: str, before_ms: int) -> Bars:
        """Return the 1m bars that the market has before a time, UTC ms."""
        bars = self.exchange.market.listing(inst_id).candles.finest
        columns = {name: getattr(bars, name)[bars.ts < before_ms] for name in BAR_COLUMNS}
        return Bars(inst_id, Timeframe.parse("1m"), **columns, origin=frozenset({"synthetic"}))

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """Return the JSON of a public GET, whatever its HTTP status."""
        return self.send("GET", path + (f"?{urlencode(params)}" if params else "")).json()

    def private_get(self, path: str, uid: str = "demo", **params: object) -> dict[str, Any]:
        """Return the JSON of a signed GET."""
        return self.signed("GET", path + (f"?{urlencode(params)}" if params else ""), uid=uid).json()

    def post(self, path: str, body: object, uid: str = "demo") -> dict[str, Any]:
        """Return the JSON of a signed POST."""
        return self.signed("POST", path, json.dumps(body).encode(), uid=uid).json()

    def signed(self, method: str, path: str, body: bytes = b"", uid: str = "demo") -> Answer:
        """Send a signed request."""
        return self.send(method, path, body, self.headers(method, path, body, uid))

    def headers(self, method: str, path: str, body: bytes = b"", uid: str = "demo") -> dict[str, str]:
        """Return the headers of a request signed at wall time."""
        key, stamp = self.keys[uid], timestamp(wall_clock())
        return {
            "OK-ACCESS-KEY": key.key,
            "OK-ACCESS-SIGN": sign(key.secret, f"{stamp}{method}{path}".encode() + body),
            "OK-ACCESS-TIMESTAMP": stamp,
            "OK-ACCESS-PASSPHRASE": key.passphrase,
            "Content-Type": "application/json",
            **({"x-simulated-trading": "1"} if key.demo else {}),
        }

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request as it is."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.base_url + path, body or None, headers or {}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
                return Answer(reply.status, reply.read(), dict(reply.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), dict(error.headers))

    # the control port

    def control(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """Call /control/PATH and return its JSON; a refusal is an error of the test."""
        data = json.dumps(body).encode() if method == "POST" else b""
        answer = self.send(method, f"/control/{path}", data, {"Content-Type": "application/json"})
        assert answer.status == 200, answer.body
        return answer.json()

    def step(self, milliseconds: int) -> int:
        """Move the clock on and return the venue's time."""
        return int(self.control("POST", "clock", step_ms=milliseconds)["now"])

    def fault(self, kind: str, **rule: object) -> None:
        """Put one fault in force."""
        self.control("POST", "faults", faults=[{"kind": kind, **rule}])

    def clear_faults(self) -> None:
        """Take all faults out of force."""
        self.control("DELETE", "faults")

    def deposit(self, uid: str, usdt: str) -> None:
        """Put money into an account."""
        self.control("POST", "deposit", uid=uid, usdt=usdt)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def timestamp(ts_ms: int) -> str:
    """Return a time as OKX signs it: always with milliseconds."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def run_paper_okx(
    *,
    market: ReplayMarket | None = None,
    start_ms: int = NOW_MS,
    speed: float = 0.0,
    usdt: str = "10000",
    pos_mode: str = "net_mode",
    venue_settings: VenueSettings | None = None,
    keys: Sequence[ApiKey] = (DEMO, LIVE),
    rate_limits: bool = False,
    limit_status: int = 429,
    faults: Sequence[FaultRule] = (),
    state: Path | None = None,
    control: bool = True,
    sockets: SocketSettings | None = None,
) -> Iterator[RunningPaperOkx]:
    """Run an exchange for the block; each key has an account with `usdt`."""
    market = market or small_market()
    venue = _venue(market, venue_settings, start_ms, keys, usdt, pos_mode, state)
    exchange = PaperExchange(
        market=market,
        clock=VenueClock(venue.now, speed=speed),
        venue=venue,
        keys=Keys(keys),
        limits=Limits(enabled=rate_limits, status=limit_status),
        faults=Faults(faults),
        settings=ServerSettings(control=control),
    )
    with serving(create_app(exchange, sockets)) as port:
        yield RunningPaperOkx(exchange, f"http://127.0.0.1:{port}", {key.uid: key for key in keys})


def _venue(
    market: ReplayMarket,
    settings: VenueSettings | None,
    start_ms: int,
    keys: Sequence[ApiKey],
    usdt: str,
    pos_mode: str,
    state: Path | None,
) -> Venue:
    venue = Venue(market, settings or VenueSettings(), None if state is None else State(state))
    venue.advance(start_ms)
    for key in keys:
        venue.open_account(key.uid, Decimal(usdt), pos_mode)
    return venue


@contextmanager
def serving(app: web.Application) -> Iterator[int]:
    """Serve an application on a free loopback port, in a thread with a loop of its own."""
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), []
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        ready.set()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, name="paper-okx", daemon=True)
    thread.start()
    assert ready.wait(20), "the paper exchange did not start"
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        assert not thread.is_alive(), "the paper exchange did not end"
