"""Money between the tables, where it is DECIMAL with 10 digits, and computations, where it is a float."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import pyarrow as pa

MONEY_TYPE: Final = pa.decimal128(38, 10)
_STEP: Final = Decimal("0.0000000001")


def money(amount: float | None) -> Decimal | None:
    """Return an amount as the tables hold it: its shortest decimal form at 10 digits, half to even; None stays None.

    >>> money(0.1)
    Decimal('0.1000000000')
    """
    return None if amount is None else Decimal(repr(float(amount))).quantize(_STEP, rounding=ROUND_HALF_EVEN)


def money_array(amounts: Sequence[float | None]) -> pa.Array:
    """Return amounts as a column of money, so that 0.1 is 0.1."""
    return pa.array([money(amount) for amount in amounts], MONEY_TYPE)


def amount_of(value: Decimal | None) -> float | None:
    """Return money out of a table as an amount to compute with; None stays None."""
    return None if value is None else float(value)
