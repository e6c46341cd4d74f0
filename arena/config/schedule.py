"""Typed config of a job that can be left running.

Invariant: slots divide a UTC day, so that they are the same every day and fall on bar closes.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from arena.config.base import ConfigModel
from arena.config.models import JobConfig

_MINUTES_A_DAY = 1_440


class ScheduleConfig(ConfigModel):
    """When a job runs again by itself."""

    every_minutes: int | None = Field(
        ge=1, le=_MINUTES_A_DAY, description="minutes from slot to slot, on the UTC grid; null: run once"
    )
    delay_s: float = Field(ge=0, description="how long after a slot's begin the run starts")

    @model_validator(mode="after")
    def _on_the_grid(self) -> Self:
        if self.every_minutes is None:
            return self
        if _MINUTES_A_DAY % self.every_minutes:
            raise ValueError(
                f"schedule.every_minutes={self.every_minutes} does not divide a day of 1440 minutes"
            )
        if self.delay_s >= 60 * self.every_minutes:
            raise ValueError(
                f"schedule.delay_s={self.delay_s:g} must be shorter than {self.every_minutes} minutes"
            )
        return self


class ScheduledJobConfig(JobConfig):
    """Keys of a job that can be left running."""

    schedule: ScheduleConfig
