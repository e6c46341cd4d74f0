"""What comes from the environment and must never reach a log, a report or the ledger.

Read once at the edge of a job, after `.env` was loaded. Values are `SecretStr`: printing the
model shows stars. The ledger's address is `ledger_url`'s.
"""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from arena.core.errors import ConfigError


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
