"""One door for requests to OKX's REST API: limits, clock, retries and errors of the house around ccxt.

Hands rows on as OKX wrote them, every number as its text. Invariant: reads alone are sent again by
themselves; an acting call is sent once, or twice when the first was refused unread for its timestamp.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from arena.core.errors import ConfigError, ExchangeError, Rejected, Retryable
from arena.exchange.okx.clock import Reading, VenueTime
from arena.exchange.okx.errors import THROTTLED, Call, ClockRefused, Row, check_row, rows_of, unsure
from arena.exchange.okx.limits import NoLimits, Priority, RateLimits, costs_of, shared_limits
from arena.exchange.okx.settings import OkxSettings
from arena.exchange.okx.wire import Answer, Connect, Wire, connect_ccxt, never_left, void_after

Params = Mapping[str, object]
Body = Params | Sequence[Params]

ORIGIN_HEADER = "x-paper-origin"
"""With it a paper exchange says what it replays: `synthetic` or `replay`. OKX sends none."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 8.0
_PATIENCE_S = 60.0  # for a token of a limit


class OkxClient:
    """Requests to one OKX; may be used from many threads.

    `connect` makes the way to the exchange of a thread, `sleep` and `jitter` space retries: tests pass
    their own.
    """

    def __init__(
        self,
        settings: OkxSettings,
        *,
        connect: Connect = connect_ccxt,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
        limits: RateLimits | None = None,
    ) -> None:
        self.settings = settings
        self.time = VenueTime(self._read_clock)
        self._connect = connect
        self._closing = threading.Event()
        self._sleep, self._jitter = sleep or self._closing.wait, jitter
        self._public, self._private = (limits, limits) if limits else _limits_of(settings)
        self._thread = threading.local()
        self._origin = ""

    @property
    def origin(self) -> str:
        """What the exchange said it replays, empty for a real one."""
        return self._origin

    def close(self) -> None:
        """Send nothing again: who waits for that gets the error at hand."""
        self._closing.set()

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms."""
        return int(self.get("public/time")[0]["ts"])

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        private: bool = False,
        priority: Priority = Priority.READ,
    ) -> list[Row]:
        """Return the rows of a read, sent again after a pause where that can help.

        Raises:
            ConfigError: credentials are missing or refused.
            Retryable: it failed each time.
            Rejected: OKX refused.
        """
        call = Call("GET", path, self._hide)
        for attempt in range(1, self.settings.attempts + 1):
            try:
                return self._once(call, dict(params or {}), priority, private=private)
            except Retryable as error:
                if attempt == self.settings.attempts or self._closing.is_set():
                    raise Retryable(f"{error} (given up after {attempt} attempts)", error.code) from error
            self._sleep(self._pause(attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def post(
        self,
        path: str,
        body: Body,
        *,
        priority: Priority = Priority.ENTRY,
        deadline_ms: int | None = None,
    ) -> list[Row]:
        """Return the rows of an acting call; of a list of orders also those that failed (see `check_row`).

        After `deadline_ms` by the exchange's clock it is not sent any more, and not done if it comes late.

        Raises:
            ConfigError: credentials are missing or refused.
            Retryable: nothing was done; the same call may be sent again.
            Rejected: OKX refused.
            OutcomeUnknown: it may have been done: look it up.
        """
        call = Call("POST", path, self._hide)
        single = isinstance(body, Mapping)
        sent = dict(body) if isinstance(body, Mapping) else [dict(row) for row in body]
        rows = self._once(call, sent, priority, private=True, deadline_ms=deadline_ms)
        if single:
            for row in rows:
                if row.get("sCode", "0") != "0":
                    check_row(call, row)
        return rows

    def _once(
        self,
        call: Call,
        params: Row | list[Row],
        priority: Priority,
        *,
        private: bool,
        deadline_ms: int | None = None,
    ) -> list[Row]:
        """Send one request; once more when its timestamp was refused."""
        try:
            return self._within_limits(call, params, priority, private, deadline_ms)
        except ClockRefused:
            self.time.resync()
        try:
            return self._within_limits(call, params, priority, private, deadline_ms)
        except ClockRefused as error:
            raise Rejected(f"{error}, also after it was measured anew", error.code) from error

    def _within_limits(
        self,
        call: Call,
        params: Row | list[Row],
        priority: Priority,
        private: bool,  # noqa: FBT001 - handed on inside of this class alone
        deadline_ms: int | None,
    ) -> list[Row]:
        if private:
            self._check_key(call)
            self.time.now_ms()  # its own request waits for its own limit, not inside of this one's
        limits = self._private if private else self._public
        costs = costs_of(call.method, call.path, params)
        with limits.slot(costs, priority, self._patience_s(deadline_ms)):
            try:
                with void_after(self._exchange(), deadline_ms):
                    return self._send(call, params, private=private)
            except Retryable as error:
                if error.code in THROTTLED:
                    limits.back_off(costs)
                raise

    def _patience_s(self, deadline_ms: int | None) -> float:
        if deadline_ms is None:
            return _PATIENCE_S
        return min(_PATIENCE_S, max(0.0, (deadline_ms - self.time.now_ms()) / 1000))

    def _check_key(self, call: Call) -> None:
        if self.settings.credentials is None:
            raise ConfigError(
                f"{call} needs a key of OKX: set OKX_API_KEY, OKX_API_SECRET, OKX_API_PASSPHRASE and "
                "OKX_IS_DEMO in .env"
            )

    def _send(self, call: Call, params: Row | list[Row], *, private: bool) -> list[Row]:
        exchange = self._exchange()
        begin = time.monotonic()
        try:
            exchange.request(call.path, ["private" if private else "public"], call.method, params)
        except Answer as answer:
            self._thread.journey = (begin + time.monotonic()) / 2
            self._origin = answer.headers.get(ORIGIN_HEADER) or self._origin
            return rows_of(call, answer.status, answer.body)
        except exchange.lost as error:
            raise self._lost(call, error) from error
        raise AssertionError("unreachable: an answer reaches us by `Answer` alone")

    def _lost(self, call: Call, error: Exception) -> ExchangeError:
        """Return the error of a call without an answer."""
        host = self.settings.base_url
        if never_left(error):
            return Retryable(f"{call} did not reach {host}: nothing was sent ({type(error).__name__})")
        return unsure(call, f"{call} got no whole answer from {host} ({type(error).__name__})")

    def _exchange(self) -> Wire:
        """Return this thread's way to the exchange: a session is not made for several threads."""
        found: Wire | None = getattr(self._thread, "wire", None)
        if found is None:
            found = self._thread.wire = self._connect(self.settings, self.time.now_ms)
        return found

    def _read_clock(self) -> Reading:
        venue_ms = self.server_time()
        return Reading(venue_ms, self._thread.journey)

    def _hide(self, text: str) -> str:
        credentials = self.settings.credentials
        return credentials.scrub(text) if credentials else text

    def _pause(self, attempt: int) -> float:
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (attempt - 1))
        return longest * (0.5 + 0.5 * self._jitter())


def _limits_of(settings: OkxSettings) -> tuple[RateLimits, RateLimits]:
    """Return the buckets of public endpoints, counted by address, and of private ones, counted by user."""
    if not settings.rate_limits:
        return NoLimits(), NoLimits()
    key = settings.credentials.key.get_secret_value() if settings.credentials else ""
    return shared_limits(settings.base_url), shared_limits(settings.base_url, f"user {key}")
