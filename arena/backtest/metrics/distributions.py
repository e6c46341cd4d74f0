"""Tail probabilities of the normal and of Student's t, in plain Python.

Pure; stands in for a statistics package that the project does not carry. Invariant: every probability
is in [0, 1].
"""

import math

_TINY = 1e-300
_PRECISION = 1e-15
_MAX_TERMS = 500


def normal_cdf(value: float) -> float:
    """Return P(Z <= value) of the standard normal."""
    return 0.5 * math.erfc(-value / math.sqrt(2.0))


def normal_quantile(share: float) -> float:
    """Return z with P(Z <= z) = `share`, 0 < share < 1.

    Hastings' rational approximation (Abramowitz & Stegun 26.2.22, error below 3e-3) and three Halley steps,
    each of which triples the digits. Small shares keep theirs: for the upper tail take minus the quantile
    of 1 - share.
    """
    if share > 0.5:
        return -normal_quantile(1.0 - share)
    root = math.sqrt(-2.0 * math.log(share))
    value = (2.30753 + 0.27061 * root) / (1.0 + 0.99229 * root + 0.04481 * root * root) - root
    for _ in range(3):
        error = (normal_cdf(value) - share) * math.sqrt(2.0 * math.pi) * math.exp(value * value / 2.0)
        value -= error / (1.0 + value * error / 2.0)
    return value


def t_survival(value: float, freedom: float) -> float:
    """Return P(T > value) of Student's t with `freedom` > 0 degrees of freedom."""
    square = value * value
    if square < freedom:  # near the middle the small argument keeps the digits
        tail = 0.5 - 0.5 * regularized_beta(square / (freedom + square), 0.5, freedom / 2.0)
    else:
        tail = 0.5 * regularized_beta(freedom / (freedom + square), freedom / 2.0, 0.5)
    return tail if value >= 0.0 else 1.0 - tail


def regularized_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for x in [0, 1] and a, b > 0.

    By its continued fraction (NIST DLMF 8.17.22), on the side where that converges fast.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front)
    if x < (a + 1.0) / (a + b + 2.0):
        result = front * _beta_fraction(x, a, b) / a
    else:
        result = 1.0 - front * _beta_fraction(1.0 - x, b, a) / b
    return min(max(result, 0.0), 1.0)


def _beta_fraction(x: float, a: float, b: float) -> float:
    # Lentz's method: `numerator` and `denominator` are ratios of neighbouring convergents.
    numerator = 1.0
    denominator = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = denominator
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            denominator = 1.0 / _away_from_zero(1.0 + term * denominator)
            numerator = _away_from_zero(1.0 + term / numerator)
            step = numerator * denominator
            value *= step
        if abs(step - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def probabilistic_sharpe(
    sharpe: float, count: int, skew: float, kurtosis: float, benchmark: float = 0.0
) -> float | None:
    """Return the probability that the true Sharpe ratio is above `benchmark`, both per period.

    The classic form (Bailey & Lopez de Prado 2012): the estimate's variance is taken at the estimate
    itself, not at the benchmark. None where that variance is 0.

    Args:
        sharpe: per period, not annualised.
        count: number of returns.
        skew: of the returns.
        kurtosis: of the returns, 3 for a normal (not excess).
        benchmark: per period.
    """
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if variance <= 1e-12 or count < 2:
        return None
    return normal_cdf((sharpe - benchmark) * math.sqrt(count - 1.0) / math.sqrt(variance))
