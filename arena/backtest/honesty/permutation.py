"""p-values by counting: how often chance did as well.

Pure. Invariant: a p-value is in (0, 1], never 0, however extreme the observation.
"""

from __future__ import annotations

import numpy as np

from arena.core.bars import FloatArray
from arena.core.errors import DataError


def count_p_value(as_extreme: int, draws: int) -> float:
    """Return (b + 1) / (m + 1) for `b` of `m` random draws at least as extreme as what was observed.

    The observation itself is one of the draws (Phipson & Smyth 2010); b / m would claim a certainty that
    m draws cannot give.

    Raises:
        DataError: fewer than 1 draw, or a count outside of them.
    """
    if draws < 1 or not 0 <= as_extreme <= draws:
        raise DataError(f"{as_extreme} of {draws} draws cannot be as extreme; draw at least once")
    return (as_extreme + 1) / (draws + 1)


def permutation_p_value(observed: float, draws: FloatArray) -> float:
    """Return the p-value of `observed` among statistics of permuted data, larger being more extreme.

    Equal counts as extreme, so ties are no evidence.

    Raises:
        DataError: no draw, or a value that is not a number.
    """
    if np.isnan(observed) or np.isnan(draws).any():
        raise DataError("a permuted or observed statistic is not a number; define it before comparing")
    return count_p_value(int((draws >= observed).sum()), len(draws))
