"""Where a ledger is: a database URL, read once and never shown with its password.

Opens nothing. Invariant: no message made here holds a password, whatever the URL looked like.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from arena.core.errors import ConfigError

DEFAULT_URL = "sqlite:///data/ledger.sqlite"
"""The ledger of a project that names no other; relative to the working folder."""

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+psycopg": "postgresql",
}


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """One ledger: `path` for a SQLite file, None on PostgreSQL; `shown` is safe to print."""

    url: URL
    path: Path | None
    shown: str

    def redact(self, text: str) -> str:
        """Return `text` without the password, should a driver have put it there."""
        secrets = [self.url.password, *[value for key, value in self.url.query.items() if key == "password"]]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


def read_address(url: str) -> LedgerAddress:
    """Return the ledger that a `sqlite:///FILE` or `postgresql://...` URL names.

    Raises:
        ConfigError: the URL is neither, or names no file.
    """
    try:
        parsed = make_url(url)
        backend = _DRIVERS.get(parsed.drivername)
    except (ArgumentError, ValueError):
        # the cause may quote the URL, and with it the password
        raise ConfigError(f"DATABASE_URL cannot be read: {_FORMS}") from None
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        shown = parsed.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        return LedgerAddress(parsed, None, shown)
    if backend == "sqlite":
        name = parsed.database
        if not name or name == ":memory:":
            raise ConfigError(f"DATABASE_URL names no file: a ledger has to outlive the process; {_FORMS}")
        return LedgerAddress(parsed, Path(name), name)
    raise ConfigError(f"DATABASE_URL names the database kind '{parsed.drivername}': {_FORMS}")


_FORMS = f"write {DEFAULT_URL} or postgresql://USER:PASSWORD@HOST:5432/NAME (special characters as %xx)"
