"""Whether a login of a socket is who it says.

Pure: keys and a clock in, the key out. Invariant: nothing of a secret or a passphrase reaches a message.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from arena.paper_okx.auth import ApiKey, Keys, sign
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.refusal import Refusal

__all__ = ["check_login"]

_SIGNED = "GET/users/self/verify"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_login(args: object, keys: Keys, clock: VenueClock, address: str) -> ApiKey:
    """Return the key that logs in from `address`.

    Raises:
        Refusal: with the code of the part that is wrong.
    """
    asked = _one_login(args)
    seconds = asked["timestamp"]
    if not re.fullmatch(r"\d{10}", seconds):
        raise Refusal("60004", seconds)
    if not clock.is_fresh(int(seconds) * 1000):
        raise Refusal("60006", seconds)
    key = keys.find(asked["apiKey"])
    if key is None:
        raise Refusal("60032" if _UUID.fullmatch(asked["apiKey"]) else "60005")
    if key.addresses and address not in key.addresses:
        raise Refusal("60009", f"the key may not be used from {address}")
    if not secrets.compare_digest(asked["passphrase"].encode(), key.passphrase.encode()):
        raise Refusal("60024")
    signature = sign(key.secret, f"{seconds}{_SIGNED}".encode())
    if not secrets.compare_digest(asked["sign"].encode(), signature.encode()):
        raise Refusal("60007")
    return key


def _one_login(args: object) -> dict[str, str]:
    if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], Mapping):
        raise Refusal("60013", "login takes a list of one object")
    # The official client sends the timestamp as a number, others as text.
    asked = {name: str(args[0].get(name) or "") for name in ("apiKey", "passphrase", "timestamp", "sign")}
    for name, value in asked.items():
        if not value:
            raise Refusal("60027", name)
    return asked
