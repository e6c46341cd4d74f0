"""Normal, Student's t and the probabilistic Sharpe ratio against published values."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.metrics.distributions import (
    normal_cdf,
    normal_quantile,
    probabilistic_sharpe,
    regularized_beta,
    t_survival,
)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.5), (1.959963984540054, 0.975), (-1.6448536269514722, 0.05)]
)
def test_normal_cdf_at_known_quantiles(value, expected):
    assert normal_cdf(value) == pytest.approx(expected, abs=1e-14)


@given(st.floats(1e-300, 0.999999) | st.floats(-300.0, -0.001).map(lambda power: 10.0**power))
def test_normal_quantile_is_that_of_the_standard_library(share):
    assert normal_quantile(share) == pytest.approx(NormalDist().inv_cdf(share), rel=1e-12, abs=1e-12)


# Upper critical values of Student's t as any table prints them.
@pytest.mark.parametrize(
    ("freedom", "value", "tail"),
    [
        (1, 6.313751514675043, 0.05),
        (1, 63.65674116287399, 0.005),
        (2, 2.919985580355516, 0.05),
        (5, 2.015048373333024, 0.05),
        (10, 2.2281388519649385, 0.025),
        (30, 2.7499956535672245, 0.005),
        (120, 1.6576508993552355, 0.05),
    ],
)
def test_t_survival_at_table_values(freedom, value, tail):
    assert t_survival(value, freedom) == pytest.approx(tail, rel=1e-9)
    assert t_survival(-value, freedom) == pytest.approx(1 - tail, rel=1e-9)


@given(st.floats(-50.0, 50.0))
def test_t_with_one_degree_is_cauchy(value):
    assert t_survival(value, 1) == pytest.approx(0.5 - math.atan(value) / math.pi, abs=1e-12)


@given(st.floats(-50.0, 50.0))
def test_t_with_two_degrees_has_a_closed_form(value):
    assert t_survival(value, 2) == pytest.approx(0.5 - value / (2 * math.sqrt(2 + value * value)), abs=1e-12)


def test_t_with_many_degrees_is_normal():
    assert t_survival(1.5, 10_000_000) == pytest.approx(1 - normal_cdf(1.5), abs=1e-7)


@given(st.floats(-1e6, 1e6), st.integers(1, 1_000_000))
def test_t_survival_is_a_probability_and_symmetric(value, freedom):
    tail = t_survival(value, freedom)
    assert 0.0 <= tail <= 1.0
    assert t_survival(-value, freedom) == pytest.approx(1.0 - tail, abs=1e-12)


@pytest.mark.parametrize(("x", "expected"), [(-0.1, 0.0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_regularized_beta_at_its_ends_and_middle(x, expected):
    assert regularized_beta(x, 3.0, 3.0) == pytest.approx(expected)


@given(st.floats(0.001, 0.999), st.integers(1, 8), st.integers(1, 8))
def test_regularized_beta_of_whole_numbers_is_a_binomial_tail(x, a, b):
    n = a + b - 1
    tail = sum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
    assert regularized_beta(x, a, b) == pytest.approx(tail, abs=1e-12)


# Bailey & Lopez de Prado 2012, 24 monthly returns.
@pytest.mark.parametrize(
    ("skew", "kurtosis", "expected"),
    [pytest.param(0.0, 3.0, 0.9817, id="normal"), pytest.param(-2.448, 10.164, 0.9134, id="fat-left-tail")],
)
def test_probabilistic_sharpe_of_the_paper(skew, kurtosis, expected):
    assert probabilistic_sharpe(0.458, 24, skew, kurtosis) == pytest.approx(expected, abs=5e-5)


def test_deflated_sharpe_of_the_paper_is_the_same_formula_at_another_benchmark():
    deflated = probabilistic_sharpe(2.5 / math.sqrt(250), 1250, -3.0, 10.0, benchmark=0.1132)
    assert deflated == pytest.approx(0.9004, abs=2e-4)


def test_sharpe_at_the_benchmark_is_a_coin_toss():
    assert probabilistic_sharpe(0.1, 100, 0.0, 3.0, benchmark=0.1) == 0.5


def test_probabilistic_sharpe_without_variance_is_none():
    assert probabilistic_sharpe(1.0, 100, 2.0, 5.0) is None
    assert probabilistic_sharpe(1.0, 1, 0.0, 3.0) is None
