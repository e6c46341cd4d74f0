"""The trading switch on the wire: with it off no request that acts leaves this machine's ccxt at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from arena.core.errors import ConfigError, TradingDisabled
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.gateway import OkxTradingGateway
from arena.exchange.okx.settings import OkxSettings
from tests.exchange.okx.conftest import CREDENTIALS
from tests.exchange.okx.samples import BALANCE
from tests.exchange.okx.test_okx_gateway import ACTING, buy, row

NOW_MS = 1_700_000_000_000
ANSWERS: dict[str, list[Any]] = {
    "/api/v5/public/time": [{"ts": str(NOW_MS)}],
    "/api/v5/account/balance": [BALANCE],
    "/api/v5/trade/order": [row()],
}


@dataclass
class Seen:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_signed_well(self) -> bool:
        stamp = self.headers["OK-ACCESS-TIMESTAMP"]
        message = f"{stamp}{self.method}{self.path}".encode() + self.body
        made = hmac.new(CREDENTIALS.secret.get_secret_value().encode(), message, hashlib.sha256).digest()
        return base64.b64encode(made).decode() == self.headers["OK-ACCESS-SIGN"]


@dataclass
class Recorder:
    """An exchange that answers what it knows and writes down all it sees."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorder.seen.append(Seen(self.command, self.path, dict(self.headers.items()), body))
                answer = {"code": "0", "msg": "", "data": ANSWERS.get(self.path.partition("?")[0], [])}
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    found = Recorder()
    with ThreadingHTTPServer(("127.0.0.1", 0), found.handler()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def make(recorder: Recorder) -> Callable[..., OkxTradingGateway]:
    def gateway(**options: Any) -> OkxTradingGateway:
        settings = OkxSettings(recorder.url, recorder.url.replace("http", "ws"), credentials=CREDENTIALS)
        return OkxTradingGateway(OkxClient(settings), **options)

    return gateway


@pytest.mark.parametrize("options", [{}, {"trading_enabled": False}], ids=str)
def test_no_signed_order_request_leaves_while_trading_is_off(
    options: dict[str, bool], make: Callable[..., OkxTradingGateway], recorder: Recorder
) -> None:
    gateway = make(**options)
    gateway.balance()  # reads do leave
    for act in ACTING.values():
        with pytest.raises(TradingDisabled):
            act(gateway)
    assert [(seen.method, seen.path) for seen in recorder.seen] == [
        ("GET", "/api/v5/public/time"),
        ("GET", "/api/v5/account/balance"),
    ]


def test_order_leaves_signed_with_its_deadline_while_trading_is_on(
    make: Callable[..., OkxTradingGateway], recorder: Recorder
) -> None:
    make(trading_enabled=True, order_deadline_s=3).place_order(buy())
    (sent,) = [seen for seen in recorder.seen if seen.method == "POST"]
    assert sent.path == "/api/v5/trade/order"
    assert sent.is_signed_well
    assert 0 <= int(sent.headers["expTime"]) - NOW_MS - 3000 < 5000
    assert json.loads(sent.body)["sz"] == "1.50"
    assert "tag" not in json.loads(sent.body)


def test_deadline_is_said_of_orders_alone(make: Callable[..., OkxTradingGateway], recorder: Recorder) -> None:
    gateway = make(trading_enabled=True)
    gateway.place_order(buy())
    gateway.balance()
    assert [seen.path for seen in recorder.seen if "expTime" in seen.headers] == ["/api/v5/trade/order"]


@pytest.mark.parametrize("demo", [True, False])
def test_key_of_the_other_world_makes_no_gateway(demo: bool, recorder: Recorder) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigError, match="OKX_IS_DEMO"):
        OkxSettings(
            recorder.url,
            recorder.url.replace("http", "ws"),
            demo=demo,
            credentials=replace(CREDENTIALS, demo=not demo),
        )
    assert recorder.seen == []
