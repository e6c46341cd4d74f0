"""Contract sizes and grids: sizes lie on the grid and are never above what was asked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.errors import ConfigError
from arena.core.instrument import Instrument, TierTable
from arena.core.lots import Lots, Rounding
from arena.core.quantity import Coins, Contracts, Price, Usdt

GRIDS = ["0.0001", "0.01", "0.1", "0.5", "1", "5", "10", "0.03"]
SIZES = st.decimals("0.00001", "1000000", places=6, allow_nan=False, allow_infinity=False)


@st.composite
def lots(draw: st.DrawFn) -> Lots:
    ct_val, lot, tick = (draw(st.sampled_from(GRIDS)) for _ in range(3))
    smallest = Contracts(lot) * draw(st.integers(1, 20))
    return Lots("X-USDT-SWAP", Coins(ct_val), Contracts(lot), smallest, Price(tick))


def multiple(value: Decimal, step: Decimal) -> bool:
    return value % step == 0


@given(lots(), SIZES, st.sampled_from([1, -1]))
def test_sizes_lie_on_the_grid_and_never_above_what_was_asked(grid: Lots, size: Decimal, sign: int) -> None:
    asked = Contracts(size * sign)
    cut = grid.floor_to_lot(asked)
    assert multiple(cut.value, grid.lot_sz.value)
    assert abs(cut) <= abs(asked)
    assert abs(asked) - abs(cut) < grid.lot_sz
    sent = grid.orderable(asked)
    assert not sent or (sent == cut and abs(sent) >= grid.min_sz)


@given(lots(), SIZES, SIZES)
def test_coins_and_money_become_no_more_contracts_than_they_pay_for(
    grid: Lots, amount: Decimal, price: Decimal
) -> None:
    of_coins = grid.contracts_of_coins(Coins(amount))
    assert grid.coins(of_coins) <= Coins(amount) < grid.coins(of_coins + grid.lot_sz)
    of_money = grid.contracts_of_notional(Usdt(amount), Price(price))
    assert grid.notional(of_money, Price(price)) <= Usdt(amount)
    assert grid.notional(of_money + grid.lot_sz, Price(price)) > Usdt(amount)


@given(lots(), SIZES)
def test_prices_go_to_the_tick_that_was_asked_for(grid: Lots, price: Decimal) -> None:
    asked = Price(price)
    down, up, nearest = (grid.to_tick(asked, way) for way in (Rounding.DOWN, Rounding.UP, Rounding.NEAREST))
    assert all(multiple(found.value, grid.tick_sz.value) for found in (down, up, nearest))
    assert down <= asked <= up
    assert up - down in {grid.tick_sz, Price(0)}
    assert abs(nearest - asked) <= min(asked - down, up - asked)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [("0.057", "0.05"), ("0.05", "0.05"), ("0.0099", "0.00"), ("1.50", "1.50"), ("-0.057", "-0.05")],
)
def test_size_between_two_lots_is_cut(btc: Lots, asked: str, sent: str) -> None:
    assert str(btc.floor_to_lot(Contracts(asked))) == sent


def test_contracts_coins_and_money_of_one_position(btc: Lots) -> None:
    size = Contracts("12.5")
    assert btc.coins(size) == Coins("0.125")
    assert btc.notional(size, Price("60000.1")) == Usdt("7500.0125")
    assert btc.contracts_of_coins(Coins("0.125")) == size
    assert btc.contracts_of_notional(Usdt("7500"), Price("60000.1")) == Contracts("12.49")


def test_size_below_the_smallest_order_cannot_be_ordered() -> None:
    grid = Lots("X-USDT-SWAP", Coins("1"), Contracts("0.1"), Contracts("1"), Price("0.1"))
    assert not grid.orderable(Contracts("0.9"))
    assert not grid.on_grid(Contracts("0.9"))
    assert not grid.on_grid(Contracts("1.05"))
    assert not grid.on_grid(Contracts("-1"))
    assert grid.on_grid(Contracts("1.1"))


@pytest.mark.parametrize("price", ["0", "-1"])
def test_price_that_is_not_above_zero_is_refused(btc: Lots, price: str) -> None:
    with pytest.raises(ValueError, match="price of"):
        btc.to_tick(Price(price), Rounding.NEAREST)
    with pytest.raises(ValueError, match="price of"):
        btc.contracts_of_notional(Usdt(1), Price(price))


def test_floats_of_an_instrument_are_read_as_they_print() -> None:
    tiers = TierTable("2026-05-12", "test", ())
    instrument = Instrument("BTC-USDT-SWAP", "BTC/USDT:USDT", 0.01, 0.01, 0.1, 0.1, 12_000, 100, 1, tiers)
    grid = Lots.of(instrument)
    assert grid == Lots("BTC-USDT-SWAP", Coins("0.01"), Contracts("0.01"), Contracts("0.1"), Price("0.1"))


def test_grid_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="lot_sz of X is 0"):
        Lots("X", Coins(1), Contracts(0), Contracts(1), Price(1))
