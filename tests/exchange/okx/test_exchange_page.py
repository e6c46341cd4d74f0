"""The page about the exchange says what the code does: its table of codes, its examples, its names."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import arena.core.account
import arena.core.errors
import arena.core.events
import arena.core.lots
import arena.core.quantity
import arena.core.trading
import arena.exchange.okx.feed
import arena.exchange.okx.gateway
import arena.exchange.okx.streams
import arena.exchange.port
from arena.core.account import Found
from arena.core.lots import Lots
from arena.core.quantity import Price
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.errors import REACTIONS, Reaction
from arena.exchange.okx.gateway import OkxTradingGateway
from tests.exchange.okx.conftest import FakeWire, Lost, envelope
from tests.exchange.okx.samples import ORDER, ORDER_PUSH
from tests.exchange.okx.scripted_sockets import scripted_sockets

ROOMS = [
    arena.core.account, arena.core.errors, arena.core.events, arena.core.lots, arena.core.quantity,
    arena.core.trading, arena.exchange.okx.feed, arena.exchange.okx.gateway, arena.exchange.okx.streams,
    arena.exchange.port,
]  # fmt: skip


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs/exchange.md").read_text()


@pytest.fixture
def names() -> dict[str, Any]:
    return {name: value for room in ROOMS for name, value in vars(room).items()}


def test_table_of_codes_is_the_table_of_the_code(page: str) -> None:
    table = page.partition("<!-- codes -->")[2].partition("\n\n")[0]
    told = [set(re.findall(r"\b5\d{4}\b", row.split("|")[1])) for row in table.splitlines()[3:]]
    for row, reaction in zip(
        told, (Reaction.AGAIN, Reaction.RESYNC, Reaction.UNSURE, Reaction.CREDENTIALS), strict=False
    ):
        known = {code for code, found in REACTIONS.items() if found is reaction and code.startswith("5")}
        assert row == known
    assert all(REACTIONS[code] is Reaction.REFUSED for code in told[4])


def test_order_of_the_example_is_looked_up_when_its_answer_is_lost(
    page: str, names: dict[str, Any], client: OkxClient, wire: FakeWire, btc_lots: Lots
) -> None:
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    wire.script = [Lost("cut"), envelope([{**ORDER, "clOrdId": "c0ffee01"}])]
    scope = {**names, "lots": btc_lots, "price": Price(41000)}
    scope["gateway"] = OkxTradingGateway(client, trading_enabled=True)
    exec(block, scope)  # noqa: S102 - our own page
    assert isinstance(scope["found"], Found)
    assert str(scope["request"].size) == "0.60"


def test_stream_of_the_example_reads_events(page: str, names: dict[str, Any], client: OkxClient) -> None:
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1]
    seen: list[object] = []
    block = block.replace(
        "OrderUpdate(order, fill): ...", "OrderUpdate(order, fill): seen.append(fill); break"
    )
    assert "seen.append" in block

    async def run() -> None:
        async with scripted_sockets() as server, asyncio.timeout(5):
            scope = {**names, "settings": server.settings, "client": client, "seen": seen}
            exec("async def example():\n" + textwrap.indent(block, "    "), scope)  # noqa: S102 - our own page
            task = asyncio.create_task(scope["example"]())
            await (await server.line(0)).push({"arg": {"channel": "orders"}, "data": [ORDER_PUSH]})
            await task

    asyncio.run(run())
    assert len(seen) == 1


def test_types_that_the_page_names_exist(page: str, names: dict[str, Any]) -> None:
    named = set(re.findall(r"`(?:Okx)?([A-Z][a-z]+[A-Za-z]*)(?:\(|`)", page)) - {"Decimal", "None"}
    elsewhere = {"Settings", "Client", "SecretStr"}
    assert {name for name in named - elsewhere if name not in names and f"Okx{name}" not in names} == set()
    assert {"Contracts", "Gap", "OutcomeUnknown", "Protection"} <= named
