"""What comes from the environment and must never reach a log, a report or the ledger.

Read once at the edge of a job, after `.env` was loaded. Values are `SecretStr`: printing the
model shows stars.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from arena.core.errors import ConfigError


class Secrets(BaseSettings):
    """Credentials and connection strings of the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr | None = None


class OkxKey(BaseSettings):
    """The API key of an OKX account; `okx_is_demo` says which of OKX's two worlds it was made for."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    okx_api_key: SecretStr | None = None
    okx_api_secret: SecretStr | None = None
    okx_api_passphrase: SecretStr | None = None
    okx_is_demo: bool = True


def okx_key() -> OkxKey | None:
    """Return the OKX key of the environment, None where there is none.

    Raises:
        ConfigError: a part of it is missing, or OKX_IS_DEMO is neither true nor false.
    """
    try:
        found = OkxKey()
    except ValidationError:
        raise ConfigError("OKX_IS_DEMO must be true or false: which world is OKX_API_KEY of?") from None
    parts = {
        "OKX_API_KEY": found.okx_api_key,
        "OKX_API_SECRET": found.okx_api_secret,
        "OKX_API_PASSPHRASE": found.okx_api_passphrase,
    }
    missing = [name for name, value in parts.items() if value is None]
    if len(missing) == len(parts):
        return None
    if missing:
        raise ConfigError(f"{' and '.join(missing)} is not set: an OKX key has all of {', '.join(parts)}")
    return found


class ObjectStorage(BaseSettings):
    """Where object storage is. Its keys are read by the storage's client alone."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    endpoint: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), repr=False
    )
    region: str | None = Field(None, validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))


def ledger_url(store_root: str) -> SecretStr:
    """Return where the ledger lives: DATABASE_URL, or a SQLite file beside the market store.

    Raises:
        ConfigError: neither; a store that is no folder has no place for a file.
    """
    configured = Secrets().database_url
    if configured is not None and configured.get_secret_value():
        return configured
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
