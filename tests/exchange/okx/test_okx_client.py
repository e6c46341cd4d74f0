"""The client: what is sent again, what never, and whose clock signs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from arena.core.errors import ArenaError, ConfigError, ExchangeError, OutcomeUnknown, Rejected, Retryable
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.clock import Reading, VenueTime
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.settings import OkxSettings
from tests.exchange.okx.conftest import CREDENTIALS, FakeTime, FakeWire, Lost, envelope

ORDER = {"instId": "BTC-USDT-SWAP", "sz": "0.01", "clOrdId": "a1"}
DONE = envelope([{"ordId": "7", "sCode": "0", "sMsg": ""}])


def failed(code: str) -> dict[str, object]:
    return envelope(code=code, msg="text")


def test_rows_arrive_as_okx_wrote_them(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [envelope([{"px": "0.10000000000000000001"}])]
    assert client.get("market/ticker", {"instId": "X"}) == [{"px": "0.10000000000000000001"}]


@pytest.mark.parametrize(
    "fault",
    [failed("50011"), failed("50001"), failed("50004"), (429, None), (502, None), (200, None), Lost("cut")],
)
def test_a_read_is_sent_again_after_a_growing_pause(
    client: OkxClient, wire: FakeWire, pauses: list[float], fault: object
) -> None:
    wire.script = [fault, fault, envelope([{"a": "1"}])]
    assert client.get("market/ticker") == [{"a": "1"}]
    assert pauses == [0.2, 0.4]


def test_a_read_is_given_up_after_its_attempts(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [failed("50013")]
    with pytest.raises(Retryable, match="given up after 6 attempts"):
        client.get("market/ticker")
    assert len(wire.sent) == client.settings.attempts


@pytest.mark.parametrize("code", ["51001", "50014", "59999"])
def test_a_refused_read_is_not_repeated(client: OkxClient, wire: FakeWire, code: str) -> None:
    wire.script = [failed(code)]
    with pytest.raises(Rejected) as caught:
        client.get("market/ticker")
    assert caught.value.code == code
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "fault", [failed("50001"), failed("50004"), failed("50013"), (504, None), (200, None), Lost("cut")]
)
def test_an_act_of_unknown_fate_is_sent_once(client: OkxClient, wire: FakeWire, fault: object) -> None:
    wire.script = [fault]
    with pytest.raises(OutcomeUnknown):
        client.post("trade/order", ORDER)
    assert wire.paths().count("trade/order") == 1


@pytest.mark.parametrize("code", ["50011", "50061"])
def test_an_act_that_was_turned_away_is_left_to_the_caller(
    client: OkxClient, wire: FakeWire, fake_time: FakeTime, code: str
) -> None:
    wire.script = [failed(code), DONE]
    with pytest.raises(Retryable):
        client.post("trade/order", ORDER)
    assert wire.paths().count("trade/order") == 1
    before = fake_time.now
    client.post("trade/order", ORDER, priority=Priority.EXIT)
    assert fake_time.now - before >= 1.9  # the bucket stayed closed for a window


def test_a_refused_timestamp_is_measured_anew_and_sent_once_more(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [(401, failed("50102")), DONE]
    assert client.post("trade/order", ORDER)[0]["ordId"] == "7"
    assert wire.paths() == ["public/time", "trade/order", "public/time", "trade/order"]


def test_a_timestamp_refused_twice_is_the_end(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [(401, failed("50102"))]
    with pytest.raises(Rejected, match="also after it was measured anew"):
        client.get("account/balance", private=True)
    assert wire.paths().count("account/balance") == 2


def test_a_refused_order_raises_by_its_row(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [envelope([{"sCode": "51008", "sMsg": "x"}], code="1")]
    with pytest.raises(Rejected) as caught:
        client.post("trade/order", ORDER)
    assert caught.value.code == "51008"


def test_rows_of_a_batch_are_the_callers_to_read(client: OkxClient, wire: FakeWire) -> None:
    rows = [{"sCode": "0"}, {"sCode": "51008", "sMsg": "x"}]
    wire.script = [envelope(rows, code="2")]
    assert client.post("trade/batch-orders", [ORDER, ORDER]) == rows


def test_signatures_carry_the_exchanges_time(client: OkxClient, wire: FakeWire) -> None:
    wire.script = [envelope()]
    client.get("account/balance", private=True)
    assert wire.times[0] == pytest.approx(1_700_000_000_000, abs=2000)


def test_a_private_read_without_a_key_says_what_to_set(wire: FakeWire) -> None:
    client = OkxClient(OkxSettings(), connect=lambda _settings, _now: wire)
    with pytest.raises(ConfigError, match=r"OKX_API_KEY.*in \.env"):
        client.get("account/balance", private=True)
    assert wire.sent == []


def test_ccxt_is_imported_with_the_first_request_alone() -> None:
    code = (
        "import sys; from arena.exchange.okx.client import OkxClient; "
        "from arena.exchange.okx.settings import OkxSettings; OkxClient(OkxSettings()); "
        "sys.exit('ccxt' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_time_runs_on_by_the_monotonic_clock_between_readings(fake_time: FakeTime) -> None:
    readings = iter([Reading(5_000_000, 1000.0), Reading(9_000_000, 2000.0)])
    venue = VenueTime(lambda: next(readings), monotonic=fake_time.clock)
    assert venue.now_ms() == 5_000_000
    fake_time.now += 30
    assert venue.now_ms() == 5_030_000
    assert venue.offset_ms(lambda: 5_000_000) == 30_000
    fake_time.now = 2000.0
    assert venue.now_ms() == 9_000_000


class TestOverHttp:
    """ccxt itself, against a server on this machine that answers from a script."""

    @pytest.fixture
    def server(
        self,
    ) -> Iterator[tuple[str, list[Callable[[BaseHTTPRequestHandler], None]], list[dict[str, str]]]]:
        script: list[Callable[[BaseHTTPRequestHandler], None]] = []
        seen: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append({"path": self.path, **dict(self.headers.items())})
                if self.path.endswith("public/time"):
                    return reply('{"code":"0","msg":"","data":[{"ts":"1700000000000"}]}')(self)
                return script.pop(0)(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
            thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield f"http://127.0.0.1:{httpd.server_port}", script, seen
            httpd.shutdown()
            thread.join()

    def make_client(self, url: str, **changes: object) -> OkxClient:
        settings = OkxSettings(
            base_url=url,
            ws_url=url.replace("http", "ws"),
            credentials=CREDENTIALS,
            timeout_s=0.4,
            **changes,  # type: ignore[arg-type]
        )
        return OkxClient(settings, sleep=lambda _s: None)

    def test_numbers_arrive_exact_and_the_demo_header_leaves_in_demo_alone(self, server: object) -> None:
        url, script, seen = server  # type: ignore[misc]
        script += [reply('{"code":"0","msg":"","data":[["1","0.10000000000000000001"]]}')] * 2
        assert self.make_client(url).get("market/candles", {"instId": "A"})[0][1] == "0.10000000000000000001"
        assert "x-simulated-trading" not in seen[0]
        settings = OkxSettings(base_url=url, ws_url=url.replace("http", "ws"), demo=True)
        OkxClient(settings).get("market/candles", {"instId": "A"})
        assert seen[1]["x-simulated-trading"] == "1"

    @pytest.mark.parametrize("fault", ["html", "truncated", "drop", "silence"])
    def test_an_answer_that_is_none_makes_an_order_unknown(self, server: object, fault: str) -> None:
        url, script, _seen = server  # type: ignore[misc]
        script.append(FAULTS[fault])
        with pytest.raises(OutcomeUnknown):
            self.make_client(url).post("trade/order", ORDER)

    @pytest.mark.parametrize("fault", ["html", "truncated", "drop"])
    def test_an_answer_that_is_none_makes_a_read_go_again(self, server: object, fault: str) -> None:
        url, script, _seen = server  # type: ignore[misc]
        script += [FAULTS[fault], reply('{"code":"0","msg":"","data":[{"a":"1"}]}')]
        assert self.make_client(url).get("market/ticker") == [{"a": "1"}]

    def test_an_order_to_nobody_was_never_sent(self) -> None:
        client = self.make_client("http://127.0.0.1:9")  # the discard port: nobody listens
        client.time._newest = Reading(1_700_000_000_000, time.monotonic())
        with pytest.raises(Retryable, match="nothing was sent"):
            client.post("trade/order", ORDER)

    def test_a_redirect_is_not_followed_with_signed_headers(self, server: object) -> None:
        url, script, seen = server  # type: ignore[misc]
        script.append(reply("", 307, {"Location": f"{url}/elsewhere"}))
        with pytest.raises(ExchangeError):
            self.make_client(url).post("trade/order", ORDER)
        assert not any("elsewhere" in one["path"] for one in seen)

    def test_secrets_are_in_no_log_and_no_trace(
        self, server: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        url, script, seen = server  # type: ignore[misc]
        caplog.set_level(logging.DEBUG)
        logging.getLogger("ccxt").setLevel(logging.DEBUG)
        script += [
            reply('{"code":"50105","msg":"wrong canary-pass-0b3d","data":[]}', 401),
            FAULTS["html"],
            FAULTS["drop"],
        ]
        client = self.make_client(url)
        told = ""
        for _ in range(3):
            with pytest.raises(ArenaError) as caught:
                client.post("trade/order", ORDER)
            told += "".join(traceback.format_exception(caught.value))
        assert seen[1]["OK-ACCESS-PASSPHRASE"] == "canary-pass-0b3d"  # it was there to be told
        for secret in ("canary-key-1f9a", "canary-secret-77c2", "canary-pass-0b3d"):
            assert secret not in told
            assert secret not in caplog.text


def reply(
    text: str, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what answers one request with `text`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"code":"0","da')
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def say_nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(5)
    handler.rfile.read(1)  # until the client has had enough
    handler.close_connection = True


FAULTS = {
    "html": reply("<html>busy</html>"),
    "truncated": cut_off,
    "drop": hang_up,
    "silence": say_nothing,
}
