"""Typed config of the exchanges that are asked over the network.

Invariant: where live and demo lie is fixed by the name of the choice; the addresses can be moved to
another region or to this machine.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.config.base import ConfigModel


class OkxExchange(ConfigModel):
    """What the three of them have: live, demo and paper."""

    name: str
    base_url: str = Field(min_length=1, description="scheme and host of the REST API, without a path")
    ws_url: str = Field(min_length=1, description="address of the sockets, without /public or /private")
    timeout_s: float = Field(gt=0, le=120, description="how long one request may take")
    attempts: int = Field(ge=1, le=20, description="how often a read is sent before its error is told")
    rate_limits: bool = Field(
        description="wait for OKX's rate limits; false only towards an exchange on this machine"
    )

    @property
    def is_demo(self) -> bool:
        """Whether this is demo trading."""
        return isinstance(self, OkxDemo)


class OkxLive(OkxExchange):
    """OKX itself."""

    name: Literal["okx"]


class OkxDemo(OkxExchange):
    """OKX's demo trading."""

    name: Literal["okx_demo"]


class OkxPaper(OkxExchange):
    """The paper exchange of this project."""

    name: Literal["paper"]
