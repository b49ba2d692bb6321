"""Unit conversions: the only place where a 3600 or a 1e6 stands."""

from typing import Final

SECONDS_PER_MINUTE: Final = 60
SECONDS_PER_HOUR: Final = 3600
MINUTES_PER_HOUR: Final = 60
HOURS_PER_DAY: Final = 24
HOURS_PER_WEEK: Final = 168
SECONDS_PER_DAY: Final = SECONDS_PER_HOUR * HOURS_PER_DAY
MILLISECONDS_PER_SECOND: Final = 1_000
MICROSECONDS_PER_SECOND: Final = 1_000_000
MEGABITS_PER_GIGABIT: Final = 1_000
BYTES_PER_MIB: Final = 1024 * 1024
BYTES_PER_GB: Final = 1_000_000_000
MIB_PER_GIB: Final = 1024
PERCENT_PER_FRACTION: Final = 100.0
PARAMETERS_PER_BILLION: Final = 1_000_000_000
HOURS_PER_MONTH: Final = 730.0
"""Average month as cloud price lists count it: 365 x 24 / 12."""


def fraction_from_percent(percent: float) -> float:
    """Turn 22 (percent) into 0.22 (fraction)."""
    return percent / PERCENT_PER_FRACTION


def percent_from_fraction(fraction: float) -> float:
    """Turn 0.22 (fraction) into 22 (percent)."""
    return fraction * PERCENT_PER_FRACTION


def rate_per_second(*, count: float, period_seconds: float) -> float:
    """Return the mean rate of `count` units of work over `period_seconds`."""
    return count / period_seconds


def mib_from_bytes(count_bytes: float) -> float:
    """Turn bytes into MiB."""
    return count_bytes / BYTES_PER_MIB
