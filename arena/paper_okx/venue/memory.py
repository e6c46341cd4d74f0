"""Between the working memory and the state's file.

Invariant: a venue that was resumed is the one that was stored.
"""

from __future__ import annotations

from arena.core.errors import DataError
from arena.paper_okx.venue.codec import KINDS, decode, encode
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.records import Profile
from arena.paper_okx.venue.state import State

__all__ = ["resume", "store"]

_NAMES = {record: kind for kind, record in KINDS.items()}


def store(desk: Desk, state: State | None) -> None:
    """Write what changed; where nothing did, also the time stays as it was stored."""
    changed = desk.drain()
    if state is not None and changed:
        rows = ((_NAMES[type(record)], record.key, encode(record)) for record in changed)
        state.save(desk.now, desk.serial, rows)


def resume(desk: Desk, state: State) -> None:
    """Read everything back into an empty desk."""
    clock = state.clock()
    if clock is None:
        return
    desk.now, desk.serial = clock
    for kind in KINDS:  # profiles come first: what follows belongs to an account
        for body in state.records(kind):
            record = decode(kind, body)
            if isinstance(record, Profile):
                desk.accounts[record.uid] = Account(record)
            else:
                desk.accounts[record.uid].add(record)
    _check_instruments(desk, state)
    _check_fee_levels(desk, state)


def _check_instruments(desk: Desk, state: State) -> None:
    for account in desk.accounts.values():
        unknown = account.instruments() - set(desk.market.contracts)
        if unknown:
            known = ", ".join(sorted(desk.market.contracts))
            raise DataError(
                f"state of the paper exchange {state.path}: account {account.uid} has orders or positions in "
                f"{', '.join(sorted(unknown))}, which the market does not list (known: {known}); "
                "replay that market or start with a new state file"
            )


def _check_fee_levels(desk: Desk, state: State) -> None:
    for account in desk.accounts.values():
        found, known = account.profile.fee_level, desk.settings.fee_levels
        if found not in known:
            raise DataError(
                f"state of the paper exchange {state.path}: account {account.uid} has the fee level {found}, "
                f"which is not listed (known: {', '.join(known)}); list it or start with a new state file"
            )
