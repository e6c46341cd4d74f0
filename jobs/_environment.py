"""What a job takes from the folder it is started in: the values of `.env`.

Reads that one file. Invariant: what the environment has already, wins.
"""

from __future__ import annotations

from pathlib import Path

from arena.core.errors import ConfigError


def load_environment() -> None:
    """Read `.env` of the working folder; what the environment has already, wins."""
    if not Path(".env").is_file():
        return
    from dotenv import load_dotenv

    try:
        load_dotenv(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file .env cannot be read ({error}): make it readable UTF-8 text") from None
