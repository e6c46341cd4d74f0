"""The base of every model that a run writes, and the types of its fields.

Holds no model of its own. Invariant: what is built on it is frozen and holds no NaN and no infinity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Literal["fraction", "usdt", "ratio", "count", "bars", "days", "leverage"]


class ResultModel(BaseModel):
    """Base of every part of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
