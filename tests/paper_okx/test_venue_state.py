"""The state's file: resumed exactly, after a restart between two calls and after kill -9 at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arena.core.errors import DataError
from arena.paper_okx.venue import State, Venue, VenueSettings
from arena.paper_okx.venue.codec import KINDS, decode, encode
from arena.paper_okx.venue.records import Record
from tests.paper_okx.fake_market import BTC, START, D, market, minutes, opened, order
from tests.paper_okx.venue_play import Player, check_books, everything, opened_on, wild_market

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(3))
def test_restart_after_every_call_changes_nothing(tmp_path: Path, seed: int) -> None:
    path, made = tmp_path / "venue.sqlite", wild_market(800)
    whole = Player(opened_on(made, None), made, seed)
    state = State(path)
    cut = Player(opened_on(made, state), made, seed)
    for count in range(500):
        whole.step()
        cut.step()
        if count % 5 == 0:
            now = cut.venue.now
            state.close()
            state = State(path)
            cut.venue = opened_on(made, state)
            cut.venue.advance(now)  # an advance in which nothing happened is not stored
    assert everything(cut.venue) == everything(whole.venue)
    assert cut.done == whole.done
    check_books(whole.venue)
    state.close()


def test_same_calls_give_the_same_ids_and_rows() -> None:
    made = wild_market(400)
    first, second = (Player(opened_on(made, None), made, 5) for _ in range(2))
    for _ in range(200):
        assert first.step() == second.step()
    assert everything(first.venue) == everything(second.venue)


def test_venue_that_is_killed_again_and_again_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    path, acks = tmp_path / "venue.sqlite", tmp_path / "acks"
    known: set[tuple[str, str]] = set()
    for run in range(5):
        _play_and_kill(path, acks, run)
        lines = acks.read_bytes().split(b"\n")[:-1]
        known = {tuple(line.decode().split()) for line in lines}  # type: ignore[misc]
        assert len(known) == len(lines)
        state = State(path)
        venue = opened_on(wild_market(), state)
        there = {
            (uid, one)
            for uid in venue.uids
            for a in [venue._desk.accounts[uid]]
            for one in [*a.orders, *a.algos]
        }
        assert known <= there
        check_books(venue)
        state.close()
    assert len(known) > 100


def _play_and_kill(path: Path, acks: Path, run: int) -> None:
    """Let a client play on the state, and kill it in the middle of what it is doing."""
    command = [sys.executable, "-m", "tests.paper_okx.venue_play", str(path), str(acks), str(run)]
    before = acks.stat().st_size if acks.exists() else 0
    with subprocess.Popen(command, cwd=ROOT) as child:
        until = time.monotonic() + 30
        while (acks.stat().st_size if acks.exists() else 0) < before + 1500:
            assert child.poll() is None, "the player ended by itself"
            assert time.monotonic() < until, "the player got nowhere"
            time.sleep(0.005)
        time.sleep(0.001 * (run * 7 % 5))  # not always right after an answer
        child.send_signal(signal.SIGKILL)


def test_resting_order_fills_after_a_restart_as_it_would_have(tmp_path: Path) -> None:
    made = market("50000", "49000", "49000")
    state = State(tmp_path / "s")
    venue = Venue(made, VenueSettings(), state)
    venue.advance(START)
    venue.open_account("u", D(10_000))
    ack = venue.place_order("u", order(ordType="limit", px="49500"))
    state.close()
    state = State(tmp_path / "s")
    again = Venue(made, VenueSettings(), state)
    assert again.now == START
    again.advance(minutes(2))
    row = again.get_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert (row["state"], row["fillTime"]) == ("filled", str(minutes(1)))
    state.close()


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(DataError, match=r"venue\.sqlite is not usable"):
        State(path)


def test_file_is_of_one_venue_at_a_time(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    with pytest.raises(DataError, match="in use"):
        State(tmp_path / "s")
    state.close()


def test_state_of_an_instrument_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    venue = Venue(market("50000"), VenueSettings(), state)
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order())
    with pytest.raises(DataError, match="BTC-USDT-SWAP, which the market does not list"):
        Venue(market("2500", inst_id="ETH-USDT-SWAP"), VenueSettings(), state)
    state.close()


def test_venue_that_failed_stores_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path / "s")
    venue = opened_on(wild_market(10), state)

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(state, "save", full)
    with pytest.raises(OSError, match="disk full"):
        venue.place_order("net", order())
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="start anew"):
        venue.place_order("net", order())
    resumed = opened_on(wild_market(10), state)
    assert resumed.orders_history("net", {"instType": "SWAP"}) == []
    state.close()


def test_records_survive_their_text() -> None:
    made = wild_market(400)
    player = Player(opened_on(made, None), made, 3)
    for _ in range(300):
        player.step()
    names = {record: kind for kind, record in KINDS.items()}
    for account in player.venue._desk.accounts.values():
        records: list[Record] = [account.profile, *account.orders.values(), *account.algos.values()]
        records += [*account.positions.values(), *account.closings.values(), *account.fills, *account.bills]
        assert {type(record) for record in records} == set(names)
        for record in records:
            assert decode(names[type(record)], encode(record)) == record


def test_a_record_of_before_a_field_was_added_has_its_default() -> None:
    venue = opened("50000")
    venue.place_algo("u", {**order(side="sell"), "ordType": "move_order_stop", "callbackRatio": "0.01"})
    [algo] = venue._desk.accounts["u"].algos.values()
    kept = json.loads(encode(algo))
    for name in ("callback_ratio", "best_px"):
        del kept[name]
    assert decode("algo", json.dumps(kept)) == replace(algo, callback_ratio=None, best_px=None)


def test_a_refused_call_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = opened("50000")
    before = venue._desk.version
    for asked in ({}, order(sz="100"), order(instId="X")):
        with pytest.raises(Exception, match="5"):
            venue.place_order("u", asked)
    assert venue._desk.version == before
