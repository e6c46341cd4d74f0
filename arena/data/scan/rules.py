"""The limits of the scan: from where on something is a finding, and when it is grave.

Pure. Invariant: every number a check compares with stands here, with its unit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanRules:
    """Limits, as fractions of the price where nothing else is said.

    Attributes:
        stale_bars: bars that may have closed since the newest stored one.
        zero_volume_ms: a run without volume as long as this is a warning, a shorter one is told.
        spike_move: least move out of both neighbours' range that is a spike.
        spike_ranges: least move as a multiple of the usual range of the bars around.
        mark_move: how far high and low may lie outside those of the mark price.
        source_move: how far closes of two sources may lie apart.
        price_tolerance: relative difference between a bar and its finer bars that is rounding.
        volume_tolerance: the same for volumes.
        most: findings kept of one kind in one series, the largest; all are counted.
    """

    stale_bars: int = 3
    zero_volume_ms: int = 3_600_000
    spike_move: float = 0.01
    spike_ranges: float = 8.0
    mark_move: float = 0.02
    source_move: float = 0.02
    price_tolerance: float = 1e-9
    volume_tolerance: float = 1e-6
    most: int = 1_000


RANGE_BLOCK = 64
"""Bars whose mean range is the usual one for a bar among them: those of one block of the grid."""

GRAVE_VOLUME = 0.01
"""A volume that differs by more from that of the finer bars is a warning, however small the prices' part."""
