"""Money out of Parquet DOUBLE columns: the decimal that was meant, without the noise of binary fractions.

Arrow's own cast from double to decimal(38,10) is not that: it gives -3194575.8999999999 for -3194575.9. The shortest
text that reads back as the same double is, for every amount of up to 15 significant digits, the amount itself.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

MONEY: Final = pa.decimal128(38, 10)
SUMMABLE: Final = pa.decimal128(36, 10)
"""Money with room for a carry: Arrow's sum of two decimals has a digit more than they have."""
_WIDE: Final = pa.decimal128(38, 18)
_FINE: Final = pa.decimal128(38, 36)
_SMALLEST: Final = 1e-16
_LARGEST: Final = 1e19


def money_from_doubles(amounts: pa.Array) -> pa.Array:
    """Return doubles as decimal(38,10), rounded half to even at the tenth digit; ValueError for NaN and 1e19 or more.

    >>> money_from_doubles(pa.array([-3194575.9, 68.82399999999998, None])).to_pylist()
    [Decimal('-3194575.9000000000'), Decimal('68.8240000000'), None]
    """
    # Prices repeat from hour to hour: each different amount is converted once.
    encoded = pc.dictionary_encode(amounts)
    distinct = encoded.dictionary
    sizes = pc.abs(distinct)
    if not pc.all(pc.and_(pc.is_finite(distinct), pc.less(sizes, _LARGEST)), min_count=0).as_py():
        message = "found an amount that is not a number or is above 1e19"
        raise ValueError(message)
    zero = pa.scalar(0.0)
    is_large = pc.greater_equal(sizes, 1.0)
    is_small = pc.and_(pc.less(sizes, 1.0), pc.greater_equal(sizes, _SMALLEST))
    large = _rounded(pc.if_else(is_large, distinct, zero), _WIDE)
    small = _rounded(pc.if_else(is_small, distinct, zero), _FINE)
    return pc.if_else(is_large, large, small).take(encoded.indices)


def _rounded(amounts: pa.Array, through: pa.Decimal128Type) -> pa.Array:
    exact = amounts.cast(pa.string()).cast(through)
    return pc.round(exact, ndigits=MONEY.scale, round_mode="half_to_even").cast(MONEY)
