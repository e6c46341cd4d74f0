"""The exchange's codes: HTTP status and what each means, in our words.

Data and two look-ups. Invariant: a code that is raised anywhere stands in this table.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CODES", "SOCKET_CODES", "Code", "http_status", "message"]


@dataclass(frozen=True, slots=True)
class Code:
    """One code: the HTTP status of an answer that has it at the top, and its text."""

    http: int
    text: str


def _table(rows: str) -> dict[str, Code]:
    found = {}
    for line in rows.strip().splitlines():
        code, http, text = line.strip().split(" ", 2)
        found[code] = Code(int(http), text)
    return found


CODES = _table("""
    1 200 No operation succeeded
    2 200 Some operations failed
    50000 400 A POST request needs a body
    50001 503 The service is not available for the moment, try again later
    50002 400 The body is not valid JSON
    50004 400 The endpoint timed out; the request may or may not have been applied, look it up
    50006 400 The Content-Type has to be application/json
    50011 429 Too many requests, slow down
    50013 429 The system is busy, try again later
    50014 400 A parameter must not be empty
    50015 400 One of two parameters is needed
    50016 400 Two parameters do not go together
    50024 200 Two parameters exclude each other
    50026 500 The system failed, try again later
    50030 200 No permission for this endpoint
    50036 200 expTime lies before the present time
    50037 200 The request passed its expTime before it was served
    50038 200 The demo environment does not offer this
    50040 200 This operation was asked for too often, try again later
    50061 200 The account's limit on new and amended orders is reached
    50101 401 The API key belongs to another environment
    50102 401 The timestamp of the request is too far from the exchange's time
    50103 401 Header OK-ACCESS-KEY is missing
    50104 401 Header OK-ACCESS-PASSPHRASE is missing
    50105 401 Header OK-ACCESS-PASSPHRASE is wrong
    50106 401 Header OK-ACCESS-SIGN is missing
    50107 401 Header OK-ACCESS-TIMESTAMP is missing
    50110 401 The address of the caller is not on the list of the API key
    50111 401 Header OK-ACCESS-KEY is not a valid key
    50112 401 Header OK-ACCESS-TIMESTAMP is not a valid time
    50113 401 The signature is wrong
    50114 401 The authorisation is not valid
    50119 200 There is no such API key
    50120 200 The API key may not use this function
    51000 400 A parameter is wrong
    51001 200 There is no such instrument
    51003 200 ordId or clOrdId is needed
    51004 200 The position with this order would exceed the leverage's limit
    51005 200 The order is larger than the largest allowed
    51006 200 The price is outside of the price limits
    51008 200 The order failed: the balance does not suffice
    51010 200 The account mode does not support this
    51011 200 The ordId exists already
    51012 200 There is no such currency
    51014 200 There is no such index
    51015 200 The instrument is of another type
    51016 200 The clOrdId exists already
    51019 200 No net long position can be held here
    51020 200 The order is smaller than the smallest allowed
    51023 200 There is no such position
    51046 200 A take-profit of a buy has to trigger above the order's price
    51047 200 A stop-loss of a buy has to trigger below the order's price
    51048 200 A take-profit of a sell has to trigger below the order's price
    51049 200 A stop-loss of a sell has to trigger above the order's price
    51050 200 A take-profit of a buy has to trigger above the best ask
    51051 200 A stop-loss of a buy has to trigger below the best ask
    51052 200 A take-profit of a sell has to trigger below the best bid
    51053 200 A stop-loss of a sell has to trigger above the best bid
    51100 200 A reduce-only order takes no attached take-profit or stop-loss
    51108 200 The position is too large to be closed at market
    51111 200 Too many orders in one batch
    51112 200 The order would close more than the position has left
    51113 429 Too many requests to close positions
    51115 429 Cancel the pending orders that close the position first
    51116 200 The price or trigger price is beyond its limit
    51119 200 The order failed: the balance does not suffice
    51120 200 The order is smaller than the smallest allowed
    51121 200 The size is not a multiple of the lot
    51127 200 The available balance is 0
    51131 200 The balance does not suffice
    51136 200 The price of the closing order is below the lowest sell price
    51137 200 The price is above the highest buy price
    51138 200 The price is below the lowest sell price
    51148 200 The order opposes a pending reduce-only order
    51149 500 The order timed out; it may or may not exist, look it up
    51169 200 There is no position in this direction to reduce or close
    51170 200 A reduce-only order has to go against the position
    51174 200 Too many pending orders
    51201 200 The market order's value is above the largest allowed
    51202 200 The market order is larger than the largest allowed
    51203 200 The order is larger than the largest allowed
    51205 200 Reduce-only is not available here
    51250 200 The price of the algo order is out of range
    51277 200 The take-profit trigger must not be above the last price
    51278 200 The stop-loss trigger must not be below the last price
    51279 200 The take-profit trigger must not be below the last price
    51280 200 The stop-loss trigger must not be above the last price
    51299 200 Too many pending orders of this type
    51400 200 Nothing to cancel: the order is filled, canceled or unknown
    51401 200 Nothing to cancel: the order is canceled already
    51402 200 Nothing to cancel: the order is completed already
    51403 200 An order of this type cannot be canceled
    51405 200 There are no pending orders to cancel
    51407 200 ordId or clOrdId is needed
    51410 200 The order is being canceled already
    51412 200 The cancellation timed out, try again later
    51416 200 The order has triggered and cannot be canceled
    51500 200 Nothing to amend: give a price, a size or a take-profit/stop-loss
    51501 400 Too many orders to amend in one batch
    51502 200 The order cannot be amended: the balance does not suffice
    51503 200 The order is filled or canceled already
    51506 200 An order of this type cannot be amended
    51511 200 The order cannot be amended: it would no longer be post-only
    51512 200 One batch names the same order twice
    51522 200 The amended reduce-only order has to go against the position
    51527 200 One of the attached take-profit or stop-loss orders does not exist
    51537 200 pxUsd and pxVol are for options alone
    51538 200 The order was placed with attachAlgoOrds: amend it with attachAlgoOrds
    51600 200 There is no such state
    51601 200 State and id exclude each other
    51602 200 A state or an id is needed
    51603 200 There is no such order
    54000 200 Margin trading is not supported
    58350 200 The balance does not suffice
    59000 200 Close positions and orders before this setting is changed
    59101 200 Cancel the pending isolated orders before the leverage is changed
    59102 200 The leverage is above the largest allowed
    59103 200 The margin does not suffice for so low a leverage
    59104 200 The borrowed position is too large for this leverage
    59105 400 The leverage is below the smallest allowed
    59106 200 The margin available to the order's tier is exceeded
    59107 200 Cancel the pending cross orders before the leverage is changed
    59108 200 The leverage is too low and the margin does not suffice
    59109 200 The equity would be less than the margin after the change
    59200 200 The balance does not suffice
    59201 200 The balance is negative
    59300 200 There is no position to change the margin of
    59301 200 The change of margin exceeds its limit
    59668 200 Cancel the isolated algo orders before the leverage is changed
    59670 200 Too many open orders of this pair for a change of the leverage
""")

SOCKET_CODES = _table("""
    60004 0 The timestamp is not valid
    60005 0 The API key is not valid
    60006 0 The timestamp is too far from the exchange's time
    60007 0 The signature is wrong
    60008 0 This address does not serve the channel
    60009 0 The login failed
    60011 0 Log in first
    60012 0 The request is not valid
    60013 0 The arguments are not valid
    60014 0 Too many requests
    60018 0 There is no such channel or instrument at this address
    60019 0 There is no such operation
    60023 0 Too many logins
    60024 0 The passphrase is wrong
    60026 0 Log in by key or by token, not by both
    60027 0 A parameter must not be empty
    60028 0 This address does not serve the operation
    60029 0 The channel is for higher fee tiers
    60030 0 The channel is for higher fee tiers
    60031 0 The connection has logged in already
    60032 0 There is no such API key
    63999 0 The login failed inside of the exchange, try again later
    64000 0 uly is not available here: use instFamily
    64001 0 The channel has moved to /business
    64002 0 /business does not serve this channel
    64003 0 The fee tier does not allow the channel
    64007 0 The operation failed inside of the exchange, try again later
    64008 0 The connection will close soon for an upgrade: connect again
""")


def message(code: str, detail: str = "") -> str:
    """Return the text of a code, and what it names behind a colon."""
    known = CODES.get(code) or SOCKET_CODES.get(code)
    text = known.text if known else "The exchange refused"
    return f"{text}: {detail}" if detail else text


def http_status(code: str) -> int:
    """Return the HTTP status of an answer with this code at the top; 200 for what is not in the table."""
    known = CODES.get(code)
    return known.http if known else 200
