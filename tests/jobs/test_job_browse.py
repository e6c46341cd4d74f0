"""What jobs.browse says instead of starting."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("port=99999", 2, "port=99999: must be at most 65535"),
        ("prot=1", 2, "unknown key 'prot': did you mean 'port'?"),
        ("newest=0", 2, "newest=0: must be at least 1"),
        (
            "store.root=nowhere",
            3,
            "there is no ledger at nowhere/ledger.sqlite: run `python -m jobs.migrate`",
        ),
    ],
)
def test_a_mistake_is_one_sentence(jobs, words, code, sentence):
    done = jobs.run("browse", *words.split())
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(f"error: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_a_ledger_on_a_postgresql_that_is_away_is_one_sentence(jobs):
    done = jobs.run("browse", DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/x")
    assert done.returncode in {2, 3}
    assert "hidden" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_sentence(jobs, store):
    url = "sqlite:///ledger.sqlite"
    assert jobs.run("migrate", DATABASE_URL=url).returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = jobs.run("browse", f"store.root={store}", f"port={port}", DATABASE_URL=url)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: port={port} cannot be taken on 127.0.0.1 (Address already in use)")
