from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from headroom.lake.money import amount_of, money, money_array


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        (0.1, "0.1"),  # not 0.1000000000000000055
        (np.float64(1.006), "1.006"),
        (2, "2"),
        (0.00000000005, "0"),  # half a step goes to the even neighbour, 0
        (0.00000000015, "0.0000000002"),
    ],
)
def test_an_amount_is_kept_as_the_decimal_it_reads_as(amount: float, kept: str) -> None:
    assert money(amount) == Decimal(kept)


def test_what_is_missing_stays_missing_both_ways() -> None:
    assert money(None) is amount_of(None) is None
    assert money_array([0.5, None]) == pa.array([Decimal("0.5"), None], pa.decimal128(38, 10))
    assert amount_of(Decimal("0.5")) == 0.5
