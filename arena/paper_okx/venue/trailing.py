"""Trailing stops (move_order_stop): a trigger price that follows the last price at a distance.

A sell stays below the highest last price since it became active, a buy above the lowest; at its trigger price
it becomes a market order. Invariant: the trigger price only ever moves towards the market.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ONE, fine, on_grid
from arena.paper_okx.venue.records import Algo
from arena.paper_okx.venue.requests import Request

__all__ = ["TRAILING", "follow", "next_px", "read_trailing", "trailing_trigger"]

TRAILING = "move_order_stop"
_SMALLEST_RATIO = Decimal("0.001")


def read_trailing(contract: Contract, request: Request, algo: Algo) -> None:
    """Read the distance, a share or a price difference, and where following begins: at once without activePx.

    Raises:
        Refusal: 50015 no distance, 50024 two of them, 51000 one that cannot be.
    """
    if request.has("callbackRatio") == request.has("callbackSpread"):
        code = "50024" if request.has("callbackRatio") else "50015"
        raise Refusal(code, "callbackRatio callbackSpread")
    algo.callback_ratio = request.amount("callbackRatio")
    algo.callback_spread = request.amount("callbackSpread")
    if algo.callback_ratio is not None and not _SMALLEST_RATIO <= algo.callback_ratio <= ONE:
        raise Refusal("51000", "callbackRatio")
    if algo.callback_spread is not None and not on_grid(algo.callback_spread, contract.tick_sz):
        raise Refusal("51000", "callbackSpread")
    algo.active_px = request.amount("activePx")
    if algo.active_px is not None and not on_grid(algo.active_px, contract.tick_sz):
        raise Refusal("51000", "activePx")
    follow(algo, algo.last)


def follow(algo: Algo, last: Decimal) -> bool:
    """Begin to follow, or follow on, if the last price asks for it; return whether it did."""
    sign = 1 if algo.side == "sell" else -1
    start = next_px(algo)
    if last == algo.best_px or (start is not None and sign * (last - start) < 0):
        return False
    algo.best_px = last
    return True


def next_px(algo: Algo) -> Decimal | None:
    """Return the last price at which following begins or goes on; None of an algo of another kind."""
    return algo.active_px if algo.best_px is None else algo.best_px


def trailing_trigger(algo: Algo) -> Decimal | None:
    """Return the price at which it fires now, None while it is not active and of another kind."""
    if algo.best_px is None:
        return None
    spread = algo.callback_spread
    if spread is None:
        spread = algo.best_px * (algo.callback_ratio or ONE)
    return fine(algo.best_px - spread if algo.side == "sell" else algo.best_px + spread)
