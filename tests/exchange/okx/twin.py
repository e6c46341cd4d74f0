"""An OKX in memory that knows candles and funding: the rules of paging, nothing else.

Written from the documents, apart from the loops that it tests: newest rows of the open window
(before, after), newest first, the running bar last to close, walls of the recent endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arena.exchange.okx.settings import OkxSettings
from arena.exchange.okx.wire import Answer


class LostError(Exception):
    """No whole answer came."""


@dataclass
class TwinOkx:
    """Bars by open time; `page` caps what one answer holds, whatever is asked for."""

    now: int
    step: int
    bars: dict[int, tuple[str, ...]]
    page: int = 300
    wall: int = 1440
    settlements: dict[int, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    listed: int = 0
    lost: type[Exception] = LostError

    def connect(self, _settings: OkxSettings, _now_ms: Callable[[], int]) -> TwinOkx:
        return self

    def request(self, path: str, api: list[str], method: str, params: Any) -> object:
        self.sent.append((path, dict(params)))
        fault = self.faults.pop(0) if self.faults and path != "public/time" else None
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            raise Answer(fault[0], {}, fault[1])
        rows = self._rows(path, params)
        raise Answer(200, self.headers, {"code": "0", "msg": "", "data": rows})

    def _rows(self, path: str, params: dict[str, str]) -> Sequence[object]:
        if path == "public/time":
            return [{"ts": str(self.now)}]
        if path == "public/instruments":
            return [listing(inst_id, self.listed) for inst_id in ("BTC-USDT-SWAP", "ETH-USDT-SWAP")]
        if path == "public/funding-rate-history":
            before = int(params.get("after", 10**15))
            found = sorted((ts for ts in self.settlements if ts < before), reverse=True)
            return [
                {"fundingTime": str(ts), "realizedRate": self.settlements[ts], "fundingRate": "0.9"}
                for ts in found[: min(int(params["limit"]), self.page)]
            ]
        return self._candles(path, params)

    def _candles(self, path: str, params: dict[str, str]) -> list[list[str]]:
        low, high = int(params.get("before", -1)), int(params["after"])
        running = self.now - self.now % self.step
        if "history" not in path:
            low = max(low, running - self.wall * self.step)
        inside = sorted((ts for ts in self.bars if low < ts < high and ts <= running), reverse=True)
        plain = "mark-price" in path or "index" in path
        rows = []
        for ts in inside[: min(int(params["limit"]), self.page, 100 if plain else 300)]:
            values = self.bars[ts]
            confirm = "1" if ts + self.step <= self.now else "0"
            rows.append([str(ts), *(values[:4] if plain else values), confirm])
        return rows


def bar(seed: int) -> tuple[str, ...]:
    """Return open, high, low, close, contracts, coins and money of a bar, all different."""
    low = 100 + seed % 50
    return (f"{low}.1", f"{low + 3}.7", f"{low}.05", f"{low + 2}.3", f"{seed}", f"{seed}.25", f"{seed}.5")


def listing(inst_id: str, listed_ms: int) -> dict[str, str]:
    """Return what the feed reads of an instrument's row."""
    numbers = dict.fromkeys(("lotSz", "minSz", "tickSz", "ctVal"), "0.01")
    sizes = dict.fromkeys(("maxMktSz", "maxLmtSz", "lever"), "100")
    words = {"instId": inst_id, "state": "live", "ctType": "linear", "settleCcy": "USDT", "ctMult": "1"}
    return {**numbers, **sizes, **words, "listTime": str(listed_ms)}
