"""Money: a double of up to 15 significant digits is the decimal it was written as."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.extract.exact_money import MONEY, money_from_doubles


def converted(*amounts: float | None) -> list[Decimal | None]:
    column = money_from_doubles(pa.array(amounts, pa.float64()))
    assert column.type == MONEY
    return list(column.to_pylist())


def test_what_arrows_own_cast_gets_wrong_is_right() -> None:
    assert pa.array([-3194575.9]).cast(MONEY).to_pylist() != [Decimal("-3194575.9")]
    assert converted(-3194575.9) == [Decimal("-3194575.9")]


def test_binary_noise_below_the_tenth_digit_goes() -> None:
    assert converted(98.32 * 0.7, 0.1 + 0.2) == [Decimal("68.824"), Decimal("0.3")]


def test_null_stays_null_and_nothing_stays_nothing() -> None:
    assert converted(None, 0.0, -0.0) == [None, Decimal(0), Decimal(0)]
    assert converted() == []


def test_halves_at_the_tenth_digit_go_to_the_even_side() -> None:
    # 0.00000000005 lies halfway between 0 and 1e-10, 0.00000000015 between 1e-10 and 2e-10
    assert converted(5e-11, 1.5e-10, 2.5e-10) == [Decimal(0), Decimal("2e-10"), Decimal("2e-10")]


def test_what_is_far_too_small_to_be_money_is_nothing() -> None:
    assert converted(1e-16, 1.2345678901234567e-17, 5e-324) == [Decimal(0)] * 3


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1e19])
def test_what_is_no_amount_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="not a number or is above 1e19"):
        converted(1.0, amount)


@given(st.lists(st.tuples(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 10)), max_size=30))
def test_up_to_fifteen_digits_are_exact(written: list[tuple[int, int]]) -> None:
    amounts = [Decimal(digits).scaleb(-places) for digits, places in written]
    assert converted(*(float(amount) for amount in amounts)) == amounts


@given(st.floats(min_value=-1e18, max_value=1e18))
def test_any_amount_is_its_shortest_text_rounded(amount: float) -> None:
    expected = Decimal(repr(amount)).quantize(Decimal("1e-10"), rounding=ROUND_HALF_EVEN, context=Context(prec=40))
    assert converted(amount) == [expected]
