"""Quantities: exact text, no mixing of units, no floats; also under mypy."""

import pickle
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.quantity import Coins, Contracts, Price, Quantity, Usdt

KINDS = [Contracts, Coins, Usdt, Price]
PLAIN = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?", fullmatch=True)

MIXED_UP = """
from decimal import Decimal
from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.lots import Lots

lots: Lots
Contracts("1") + Coins("1")  # wrong
Contracts("1") - 1  # wrong
Usdt("1") < Coins("1")  # wrong
Contracts(0.5)  # wrong
Price("1") * 0.5  # wrong
Contracts("1") * Coins("1")  # wrong
size: Contracts = Coins("1")  # wrong
lots.coins(Coins("1"))  # wrong
lots.notional(Contracts("1"), Usdt("1"))  # wrong
lots.floor_to_lot(Coins("1"))  # wrong
fine: Contracts = Contracts("1") + Contracts(2) * 3 - abs(-Contracts(Decimal("0.5")))
"""


@given(PLAIN, st.sampled_from(KINDS))
def test_text_comes_back_as_it_was_sent(text: str, kind: type[Quantity]) -> None:
    assert str(kind(text)) == text
    assert kind(text).value == Decimal(text)
    assert eval(repr(kind(text)), {kind.__name__: kind}) == kind(text)  # noqa: S307 - our own repr


@given(PLAIN, PLAIN)
def test_sums_do_not_round(left: str, right: str) -> None:
    total = Usdt(left) + Usdt(right)
    assert total - Usdt(right) == Usdt(left)
    assert Usdt(0) - -total == total
    assert abs(total) >= total


@pytest.mark.parametrize("text", ["1E-8", "1e-8", "-2.5e3"])
def test_exponents_are_read_and_written_as_plain_digits(text: str) -> None:
    assert "e" not in str(Coins(text)).lower()
    assert Coins(text).value == Decimal(text)


@pytest.mark.parametrize("value", [0.1, 1.0, True, None, b"1", Contracts("1")], ids=repr)
def test_neither_floats_nor_anything_else_becomes_a_quantity(value: object) -> None:
    with pytest.raises(TypeError, match="made of text, int or Decimal"):
        Coins(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1_000",
        "nan",
        "inf",
        "-",
        ".5",
        "5.",
        "+1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1,5",
        "0x1",
    ],
)
def test_text_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        Usdt(text)


@pytest.mark.parametrize("value", [Decimal("nan"), Decimal("inf"), Decimal("1e200"), "1e99"], ids=str)
def test_numbers_that_do_not_fit_are_refused(value: Decimal | str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        Price(value)


@pytest.mark.parametrize("kind", [Coins, Usdt, Price])
def test_units_do_not_mix_at_run_time(kind: type[Quantity]) -> None:
    contracts, other = Contracts("1"), kind("1")
    for action in (
        lambda: contracts + other,
        lambda: contracts - other,
        lambda: contracts < other,
        lambda: contracts >= other,
        lambda: contracts == other,
        lambda: contracts * other,
        lambda: contracts + 1,
        lambda: contracts == 1,
        lambda: contracts == 1.0,
        lambda: contracts * 0.5,
        lambda: sum([contracts]),
    ):
        with pytest.raises(TypeError):
            action()


def test_equal_values_are_equal_and_hash_alike_within_their_kind() -> None:
    assert Contracts("1.0") == Contracts(1)
    assert hash(Contracts("1.0")) == hash(Contracts(1))
    assert Contracts(1) != None  # noqa: E711 - the comparison is what is tested
    assert not Contracts("0.00")
    assert Contracts("0.01")
    assert Contracts(2) > Contracts("1.99")
    assert max(Price("9"), Price("10")) == Price("10")


def test_a_quantity_cannot_be_changed_and_survives_pickling() -> None:
    size = Contracts("1.50")
    with pytest.raises(AttributeError):
        size.value = Decimal(2)
    assert str(pickle.loads(pickle.dumps(size))) == "1.50"  # noqa: S301 - what was written one line up


@pytest.mark.slow
def test_mypy_finds_every_mix_up_and_nothing_else(
    tmp_path: Path, project: Path, pytestconfig: pytest.Config
) -> None:
    from mypy import api

    source = tmp_path / "mixed.py"
    source.write_text(MIXED_UP)
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("mypy")  # the second run takes a tenth of the first
    config = ["--config-file", str(project / "pyproject.toml"), "--cache-dir", str(cache)]
    report, _, status = api.run([*config, "--follow-imports=silent", str(source)])
    found = {int(line) for line in re.findall(r"mixed\.py:(\d+): error", report)}
    wrong = {n for n, line in enumerate(MIXED_UP.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, report
    assert status == 1
