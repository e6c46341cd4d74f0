"""What comes from the environment and must never reach a log, a report or the ledger.

Read once at the edge of a job, after `.env` was loaded. Values are `SecretStr`: printing the
model shows stars.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Secrets(BaseSettings):
    """Credentials and connection strings of the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr | None = None


def ledger_url(store_root: str) -> SecretStr:
    """Return where the ledger lives: DATABASE_URL, or a SQLite file beside the market store."""
    configured = Secrets().database_url
    if configured is not None and configured.get_secret_value():
        return configured
    return SecretStr(f"sqlite:///{Path(store_root.removeprefix('file://')) / 'ledger.sqlite'}")
