"""What each answer of OKX asks of the caller: one table of codes, one place that raises.

Pure: looks at a status, a body and whether the call acts; sends nothing. Invariant: an acting call
whose fate is not certain is `OutcomeUnknown`, and no message holds more of an answer than its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from arena.core.errors import ArenaError, ConfigError, ExchangeError, OutcomeUnknown, Rejected, Retryable

Row = dict[str, Any]


class Reaction(Enum):
    """What a code asks for."""

    FINE = "nothing: it went well"
    ROWS = "look at each row: some or all of a batch failed"
    AGAIN = "it was turned away unread: the same call may be sent again"
    RESYNC = "it was turned away unread for its timestamp: measure the clock, send once more"
    UNSURE = "it may or may not have been done: a read is sent again, an act is looked up"
    REFUSED = "it was refused for good"
    CREDENTIALS = "the user mends the key or its rights"
    RECONNECT = "the connection is about to close: open another"


_AGAIN = "50011 50040 50061 51113 60011 60014 60023"
_RESYNC = "50102 60006"
_UNSURE = "50001 50004 50013 50026 51149 51412 63999 64007"
_CREDENTIALS = (
    "50027 50030 50035 50101 50103 50104 50105 50106 50107 50110 50111 50112 50113 50114 50119 50120 "
    "60004 60005 60007 60009 60024 60032"
)
_REFUSED = """
    50000 50006 50014 50015 50016 50024 50036 50037 50038 50041 50044 50071 51000 51001 51002 51003
    51004 51005 51006 51007 51008 51009 51010 51011 51012 51014 51015 51016 51019 51020 51023 51046
    51047 51048 51049 51050 51051 51052 51053 51100 51108 51111 51112 51115 51116 51119 51120 51121
    51124 51127 51131 51134 51136 51137 51138 51147 51148 51152 51169 51170 51174 51175 51185 51201
    51202 51203 51204 51205 51250 51254 51263 51277 51278 51279 51280 51290 51291 51299 51321 51400
    51401 51402 51403 51404 51405 51407 51408 51409 51410 51416 51500 51501 51502 51503 51505 51506
    51508 51509 51510 51511 51512 51513 51522 51523 51524 51525 51527 51537 51538 51600 51601 51602
    51603 51605 51606 51607 51610 51611 51620 51621 51732 51733 51734 54000 54001 54011 54035 54036
    59000 59001 59002 59004 59005 59006 59101 59102 59103 59104 59105 59106 59107 59108 59109 59110
    59111 59112 59113 59114 59117 59200 59201 59202 59300 59301 59668 59670 60008 60010 60012 60013
    60018 60019 60026 60027 60028 60029 60030 60031 64000 64001 64002 64003 64004
"""

REACTIONS: Mapping[str, Reaction] = {
    "0": Reaction.FINE,
    "1": Reaction.ROWS,
    "2": Reaction.ROWS,
    **dict.fromkeys(_AGAIN.split(), Reaction.AGAIN),
    **dict.fromkeys(_RESYNC.split(), Reaction.RESYNC),
    **dict.fromkeys(_UNSURE.split(), Reaction.UNSURE),
    **dict.fromkeys(_CREDENTIALS.split(), Reaction.CREDENTIALS),
    **dict.fromkeys(_REFUSED.split(), Reaction.REFUSED),
    "64008": Reaction.RECONNECT,
}
"""Every code that OKX documents for what we call, with what it asks for."""

THROTTLED = frozenset({*_AGAIN.split(), "429"})
"""Codes that say that too much was asked; `429` stands for that HTTP status without a code."""

_MENDING = {
    "50101": "the key belongs to the other of live and demo trading: check OKX_IS_DEMO and exchange",
    "50105": "OKX_API_PASSPHRASE is not this key's",
    "50110": "this machine's address is not on the key's list",
    "50035": "this endpoint wants a key that is bound to an address",
    "50112": "the timestamp was not understood: check the clock of this machine",
    "50113": "the signature does not fit: check OKX_API_SECRET",
    "50111": "OKX does not know this key: check OKX_API_KEY",
    "50119": "OKX does not know this key: check OKX_API_KEY",
    "50120": "the key may not do this: give it the right in OKX's API settings",
    "50027": "the account may not trade: ask OKX",
    "50030": "the key may not do this: give it the right in OKX's API settings",
}
_CHECK_KEY = "check OKX_API_KEY, OKX_API_SECRET and OKX_API_PASSPHRASE"
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, for messages and for the question whether it acts.

    `hide` takes secrets out of what the exchange says: it may quote what was sent.
    """

    method: str
    path: str
    hide: Callable[[str], str] = str

    @property
    def acts(self) -> bool:
        """Whether it may change something at the exchange."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ClockRefused(Rejected):
    """The timestamp was refused before the request was read; resynchronise and send once more."""


def reaction_to(code: str, status: int = 200) -> Reaction:
    """Return what `code` asks for; one that nobody documented is judged by the HTTP status."""
    known = REACTIONS.get(code)
    if known is not None:
        return known
    if status == 429:
        return Reaction.AGAIN
    return Reaction.UNSURE if status >= 500 or not code else Reaction.REFUSED


def error_of(call: Call, code: str, text: str, status: int = 200) -> ArenaError:
    """Return the error of an answer with this code, in the class of the reaction that it asks for."""
    reaction = reaction_to(code, status)
    said = f"OKX answered {call} with {_answer(code, call.hide(text), status)}"
    if reaction in {Reaction.AGAIN, Reaction.RECONNECT}:
        return Retryable(f"{said}: it was turned away unread, the same may be sent again", code)
    if reaction is Reaction.RESYNC:
        return ClockRefused(f"{said}: the clocks of OKX and this machine disagree", code)
    if reaction is Reaction.CREDENTIALS:
        return ConfigError(f"{said}: {_MENDING.get(code, _CHECK_KEY)}")
    if reaction is Reaction.REFUSED:
        return Rejected(said, code)
    return unsure(call, said, code)


def unsure(call: Call, said: str, code: str = "") -> ExchangeError:
    """Return the error of a call that may or may not have been done."""
    if call.acts:
        return OutcomeUnknown(f"{said}: it may have been done, look it up first", code)
    return Retryable(f"{said}: a read, which may be sent again", code)


def rows_of(call: Call, status: int, body: object) -> list[Row]:
    """Return the rows of a decoded answer; of a batch also those that failed, each with its sCode.

    Raises:
        ConfigError: credentials.
        ExchangeError: see the table.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("code"), str):
        raise _no_envelope(call, status)
    code, rows = body["code"], body.get("data")
    if code == "0" and (status >= 300 or not isinstance(rows, list)):
        raise _no_envelope(call, status)
    if reaction_to(code, status) in {Reaction.FINE, Reaction.ROWS} and isinstance(rows, list):
        if code == "0" or any(isinstance(row, Mapping) and row.get("sCode") for row in rows):
            return rows
        raise unsure(call, f"OKX answered {call} with code {code} and no row that says why", code)
    raise error_of(call, code, str(body.get("msg", "")), status)


def check_row(call: Call, row: Row) -> Row:
    """Return one row of an acting call when it says that it went well.

    Raises:
        OutcomeUnknown: it says nothing.
        ExchangeError: it failed; see the table.
    """
    code = row.get("sCode")
    if not isinstance(code, str) or not code:
        raise unsure(call, f"OKX answered {call} with a row that has no sCode")
    if code != "0":
        raise error_of(call, code, str(row.get("sMsg", "")))
    return row


def _no_envelope(call: Call, status: int) -> ExchangeError:
    """Return the error of an answer that did not come from OKX's API, or not whole."""
    said = f"{call} was answered with HTTP {status} and no answer of OKX's API"
    if status == 429:
        return Retryable(f"{said}: too many requests, the same may be sent again", "429")
    if 300 <= status < 500:
        return Rejected(f"{said}: is exchange.base_url right, and does a proxy stand between?")
    return unsure(call, said)


def _answer(code: str, text: str, status: int) -> str:
    """Return code and text of an answer, the text quoted and cut: somebody else wrote it."""
    shown = f" {text[:_LONGEST_TEXT]!r}" if text else ""
    return f"code {code}{shown}" + (f" (HTTP {status})" if status != 200 else "")
