"""Which ledger a URL names, and that its password stays out of every message."""

import sys
import traceback
from pathlib import Path

import pytest

from arena.core.errors import ArenaError, ConfigError, DataError
from arena.store.ledger import open_ledger, open_reads
from arena.store.ledger.address import DEFAULT_URL, read_address
from arena.store.ledger.migration import current_revision, migrate

SECRET = "canary-91c2"  # noqa: S105 - looked for in every message


@pytest.mark.parametrize(
    ("url", "driver", "shown"),
    [
        (DEFAULT_URL, "sqlite", "data/ledger.sqlite"),
        ("sqlite:////srv/a b/l.sqlite", "sqlite", "/srv/a b/l.sqlite"),
        (f"postgres://me:{SECRET}@db/x", "postgresql+psycopg", "postgresql://me:***@db/x"),
        (f"postgresql://me:{SECRET}@db:5433/x", "postgresql+psycopg", "postgresql://me:***@db:5433/x"),
        (f"postgresql+psycopg://db/x?password={SECRET}", "postgresql+psycopg", "postgresql://db/x"),
    ],
)
def test_url_is_read_and_shown_without_its_password(url, driver, shown):
    address = read_address(url)
    assert (address.url.drivername, address.shown) == (driver, shown)
    assert address.redact(f"failed: {SECRET}") == ("failed: ***" if SECRET in url else f"failed: {SECRET}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.sqlite",
        f"mysql://me:{SECRET}@db/x",
        f"postgresql://me:{SECRET}:{SECRET}/x@db:port/x",
        "sqlite://",
    ],
    ids=["empty", "path", "other database", "port is no number", "no file"],
)
def test_url_that_names_no_ledger_is_refused_with_the_forms_known(url):
    with pytest.raises(
        ConfigError, match=r"DATABASE_URL .*sqlite:///data/ledger\.sqlite or postgresql://"
    ) as found:
        open_ledger(url)
    assert SECRET not in "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize(
    "call", [open_ledger, open_reads, migrate, current_revision], ids=lambda call: call.__name__
)
def test_password_of_an_unreachable_server_is_in_no_message(call):
    url = f"postgresql://me:{SECRET}@127.0.0.1:1/x?connect_timeout=2"
    with pytest.raises(DataError, match=r"127\.0\.0\.1") as found:
        call(url)
    assert SECRET not in "".join(traceback.format_exception(found.value))


@pytest.mark.postgres
def test_refused_password_is_in_no_message(postgres_server):
    with pytest.raises(DataError, match="password authentication failed") as found:
        open_ledger(postgres_server.url("postgres", SECRET))
    assert SECRET not in "".join(traceback.format_exception(found.value))


def test_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'alpha-arena\[postgres\]'"):
        open_ledger(f"postgresql://me:{SECRET}@127.0.0.1/x")


def test_reads_of_a_missing_file_name_it_and_make_nothing(tmp_path: Path):
    with pytest.raises(DataError, match=r"no ledger at .*nowhere/l\.sqlite: run `python -m jobs\.migrate`"):
        open_reads(f"sqlite:///{tmp_path}/nowhere/l.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_new_ledger_is_made(tmp_path: Path):
    open_ledger(f"sqlite:///{tmp_path}/deep/er/l.sqlite").close()
    assert (tmp_path / "deep/er/l.sqlite").exists()


def test_path_with_special_characters_is_opened(tmp_path: Path):
    name = "my #1 100%25 ledger?.sqlite"
    (tmp_path / "a%20b").mkdir()
    url = f"sqlite:///{tmp_path}/a%20b/{name.replace('?', '')}"
    open_ledger(url).close()
    with open_reads(url) as reads:
        assert reads.list_job_runs() == []


def test_folder_that_cannot_be_made_is_said_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=r"cannot be opened.*choose another DATABASE_URL"):
        open_ledger(f"sqlite:///{tmp_path}/file/l.sqlite")
