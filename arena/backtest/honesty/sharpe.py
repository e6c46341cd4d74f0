"""What a Sharpe ratio is worth once its length, its shape and the number of tries are counted.

Pure, on plain numbers. Conventions: Sharpe ratios are per period and not annualised unless a name says
so; kurtosis is 3 for a normal, not excess; the estimate's variance is taken at the estimate (the classic
form), not at the benchmark. Invariant: a probability is in [0, 1]; what is undefined is None, never NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arena.backtest.honesty.returns import FLAT_SHARE, FloatMatrix, check_at_least, check_record, check_share
from arena.backtest.metrics.distributions import normal_quantile, probabilistic_sharpe
from arena.core.errors import ConfigError

EULER_GAMMA = 0.5772156649015329
_MOST_TRIALS = 1e300


@dataclass(frozen=True, slots=True)
class SharpeSample:
    """What the tests need to know of a track record: per-period Sharpe ratio, length, shape."""

    sharpe: float
    count: int
    skew: float = 0.0
    kurtosis: float = 3.0

    @property
    def variance_factor(self) -> float:
        """The estimate's variance times (count - 1): 1 - skew SR + (kurtosis - 1) / 4 SR^2."""
        return 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe * self.sharpe


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """`level` is the Sharpe ratio that luck alone is expected to reach, `probability` that of beating it.

    `probability` is None where the estimate's variance is 0.
    """

    level: float
    probability: float | None


def sample_sharpe(returns: FloatMatrix) -> SharpeSample | None:
    """Return the sample of a track record, or None where its returns do not vary.

    n - 1 in the Sharpe ratio's deviation, n in those of skew and kurtosis, as the metrics have it.
    """
    record = check_record(returns)
    mean = float(record.mean())
    centred = record - mean
    square = float(np.mean(centred**2))
    if square <= FLAT_SHARE * float(np.mean(record**2)):
        return None
    count = len(record)
    scaled = centred / math.sqrt(square)
    return SharpeSample(
        mean / math.sqrt(square * count / (count - 1)),
        count,
        float(np.mean(scaled**3)),
        float(np.mean(scaled**4)),
    )


def expected_maximum(trials: float) -> float:
    """Return the expected maximum of `trials` independent standard normal draws.

    (1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)), g Euler's constant: Bailey & Lopez de Prado 2014, from the
    Gumbel limit. 0 for one trial, where the limit does not hold; N may be fractional (effective trials).
    """
    check_at_least("number of trials", trials, 1.0)
    if trials == 1.0:
        return 0.0
    # -Z(p) instead of Z(1 - p) keeps the digits where p is tiny.
    first, second = -normal_quantile(1.0 / trials), -normal_quantile(1.0 / (trials * math.e))
    return max(0.0, (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflation_level(trials: float, variance: float) -> float:
    """Return SR0: the per-period Sharpe ratio expected of the best of `trials` that are worth nothing.

    Args:
        trials: how many parameter sets were tried, all sweeps and days counted.
        variance: of per-period Sharpe ratios across those trials; not 1/n.
    """
    check_at_least("variance of Sharpe ratios across trials", variance, 0.0)
    return math.sqrt(variance) * expected_maximum(trials)


def deflated_sharpe(sample: SharpeSample, trials: float, variance: float) -> DeflatedSharpe:
    """Return the probability that the true Sharpe ratio is above what luck reaches in so many trials.

    The probabilistic Sharpe ratio against SR0 (Bailey & Lopez de Prado 2014).

    Args:
        sample: of the trial that was chosen.
        trials: as in `deflation_level`.
        variance: as in `deflation_level`.
    """
    level = deflation_level(trials, variance)
    return DeflatedSharpe(
        level, probabilistic_sharpe(sample.sharpe, sample.count, sample.skew, sample.kurtosis, level)
    )


def minimum_track_record(
    sample: SharpeSample, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """Return how many periods it takes to hold the Sharpe ratio above `benchmark` with `confidence`.

    1 + (1 - skew SR + (kurtosis - 1)/4 SR^2) (Z(confidence) / (SR - benchmark))^2 (Bailey & Lopez de
    Prado 2012). None where the Sharpe ratio is not above the benchmark: no length is enough.
    """
    check_share("confidence", confidence)
    excess = sample.sharpe - benchmark
    if excess <= 0.0:
        return None
    return 1.0 + max(0.0, sample.variance_factor) * (normal_quantile(confidence) / excess) ** 2


def minimum_backtest_length(trials: float, annual_sharpe: float) -> float:
    """Return the years below which the best of `trials` worthless ones is expected to show `annual_sharpe`.

    (E[max_N] / SR)^2 (Bailey, Borwein, Lopez de Prado & Zhu 2014).

    Raises:
        ConfigError: the Sharpe ratio is not above 0.
    """
    _check_positive("annual Sharpe ratio", annual_sharpe)
    return (expected_maximum(trials) / annual_sharpe) ** 2


def maximum_trials(years: float, annual_sharpe: float) -> int:
    """Return how many trials a backtest of `years` bears before luck is expected to show `annual_sharpe`.

    The inverse of `minimum_backtest_length`, by bisection; at least 1.
    """
    _check_positive("years", years)
    _check_positive("annual Sharpe ratio", annual_sharpe)
    least, most = 1, 2
    while most < _MOST_TRIALS and minimum_backtest_length(most, annual_sharpe) <= years:
        least, most = most, most * 2
    while most - least > 1:
        middle = (least + most) // 2
        if minimum_backtest_length(middle, annual_sharpe) <= years:
            least = middle
        else:
            most = middle
    return least


def _check_positive(name: str, value: float) -> None:
    if not value > 0.0:
        raise ConfigError(f"{name} is {value}; it has to be above 0")
