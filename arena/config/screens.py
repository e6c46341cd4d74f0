"""Configs of the jobs that serve pages on loopback."""

from __future__ import annotations

from pydantic import Field

from arena.config.models import JobConfig


class BrowseConfig(JobConfig):
    """python -m jobs.browse"""

    port: int = Field(ge=0, le=65535, description="port on loopback; 0 takes a free one")
    newest: int = Field(
        ge=1,
        le=10_000,
        description="rows shown of each stored series, and of each table of a ledger in PostgreSQL",
    )


class MonitorConfig(JobConfig):
    """python -m jobs.monitor"""

    port: int = Field(ge=1, le=65535, description="port on loopback")
    refresh_s: int = Field(ge=0, le=86_400, description="seconds between two looks; 0: only when asked")
