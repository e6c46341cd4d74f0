"""Where the ledger lies: the one secret that every job reads, so that no more is imported for it.

Read after `.env` was loaded. `SecretStr`, since a URL may hold a password: printing it shows stars.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from arena.core.errors import ConfigError


def ledger_url(store_root: str) -> SecretStr:
    """Return where the ledger lives: DATABASE_URL, or a SQLite file beside the market store.

    Raises:
        ConfigError: neither; a store that is no folder has no place for a file.
    """
    configured = os.environ.get("DATABASE_URL")
    if configured:
        return SecretStr(configured)
    return SecretStr(ledger_beside(store_root))


def ledger_beside(store_root: str | Path) -> str:
    """Return the URL of the SQLite ledger in the store's folder.

    Raises:
        ConfigError: the store lies in no folder.
    """
    parts = urlsplit(str(store_root))
    if "://" not in str(store_root):
        return f"sqlite:///{Path(store_root) / 'ledger.sqlite'}"
    if parts.scheme == "file":
        return f"sqlite:///{Path(unquote(parts.path)) / 'ledger.sqlite'}"
    raise ConfigError(
        f"store.root is on {parts.scheme}://, where no ledger can lie: set DATABASE_URL, "
        "as in postgresql://USER:PASSWORD@HOST:5432/NAME"
    )
