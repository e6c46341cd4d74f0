"""Stops and take profits that wait at OKX on their own: place, cancel, list, look up.

Nothing here sends a request again by itself. Invariant: a stop counts as there only when OKX lists it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arena.core.account import AlgoLookup, AlgoSnapshot, Found, NotFound, Unknown
from arena.core.errors import ExchangeError, Rejected
from arena.core.trading import Ack, AlgoRequest, AlgoState, AlgoType, Outcome, check_client_id
from arena.exchange.okx.desk import ALGO_IDS, Desk
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.rows import read_algo
from arena.exchange.okx.words import OKX_ALGO_TYPES

__all__ = ["ALGO_BATCH", "Algos"]

ALGO_BATCH = 10
"""Algo orders that OKX cancels at once."""

_DONE = {
    AlgoState.TRIGGERED: "effective",
    AlgoState.CANCELED: "canceled",
    AlgoState.FAILED: "order_failed",
}


class Algos(Desk):
    """The gateway's methods about orders that wait for a trigger."""

    def place_algo(self, request: AlgoRequest) -> Ack:
        """Place a stop loss, a take profit or both."""
        priority = Priority.EXIT if request.reduce_only or request.size is None else Priority.ENTRY
        return self._act_once("trade/order-algo", algo_body(request), priority, ALGO_IDS)

    def cancel_algos(self, inst_id: str, algo_ids: Sequence[str]) -> list[Outcome]:
        """Cancel up to ten algo orders of one instrument and return what became of each."""
        bodies = [{"instId": inst_id, "algoId": algo_id} for algo_id in algo_ids]
        return self._act_on_all("trade/cancel-algos", bodies, Priority.EXIT, most=ALGO_BATCH, ids=ALGO_IDS)

    def open_algos(self, inst_id: str | None = None) -> list[AlgoSnapshot]:
        """Return all algo orders that still wait, oldest first."""
        found: list[AlgoSnapshot] = []
        for kind in OKX_ALGO_TYPES.values():
            params = {"instType": "SWAP", "instId": inst_id, "ordType": kind}
            found += map(read_algo, self._pages("trade/orders-algo-pending", params, "algoId"))
        return _oldest_first(found)

    def algo_history(
        self, kind: AlgoType, state: AlgoState, inst_id: str | None = None
    ) -> list[AlgoSnapshot]:
        """Return the algo orders of one type that ended in `state`, oldest first.

        Raises:
            Rejected: an algo order of that type or state is not kept.
        """
        if state not in _DONE or kind not in OKX_ALGO_TYPES:
            raise Rejected(f"not sent: OKX keeps no list of {kind} algo orders that are {state}")
        params = {
            "instType": "SWAP",
            "instId": inst_id,
            "ordType": OKX_ALGO_TYPES[kind],
            "state": _DONE[state],
        }
        return _oldest_first(map(read_algo, self._pages("trade/orders-algo-history", params, "algoId")))

    def find_algo(self, inst_id: str, client_id: str, kind: AlgoType) -> AlgoLookup:
        """Look up one algo order by our id, first among those that wait; never guesses."""
        check_client_id(client_id)
        try:
            return self._find_algo(inst_id, client_id, kind)
        except ExchangeError as error:
            return Unknown(str(error))

    def _find_algo(self, inst_id: str, client_id: str, kind: AlgoType) -> AlgoLookup:
        lists = (lambda: self.open_algos(inst_id), *(self._ended(kind, state, inst_id) for state in _DONE))
        for read in (*lists, lists[0]):  # last again: it may have come in meanwhile
            for algo in reversed(read()):
                if algo.client_id == client_id:
                    return Found(algo)
        return NotFound(f"OKX lists no algo order {client_id} of {inst_id}, waiting or ended")

    def _ended(self, kind: AlgoType, state: AlgoState, inst_id: str) -> Any:
        return lambda: self.algo_history(kind, state, inst_id)


def algo_body(request: AlgoRequest) -> dict[str, Any]:
    """Return an algo order as OKX takes it."""
    body: dict[str, Any] = {
        "instId": request.inst_id,
        "tdMode": request.margin_mode.value,
        "side": request.side.value,
        "ordType": OKX_ALGO_TYPES[request.type],
        "algoClOrdId": request.client_id,
        "clOrdId": request.client_id,  # ccxt would make one up
    }
    if request.size is None:
        body["closeFraction"] = "1"
    else:
        body["sz"] = str(request.size)
    if request.position_side is not None:
        body["posSide"] = request.position_side.value
    if request.reduce_only:
        body["reduceOnly"] = True
    for name, trigger in (("sl", request.stop), ("tp", request.take)):
        if trigger is not None:
            body[f"{name}TriggerPx"] = str(trigger)
            body[f"{name}OrdPx"] = "-1"  # at market
            body[f"{name}TriggerPxType"] = request.trigger_by.value
    return body


def _oldest_first(algos: Any) -> list[AlgoSnapshot]:
    return sorted(algos, key=lambda algo: (algo.created_ms or 0, algo.algo_id))
