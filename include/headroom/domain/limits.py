"""The numbers that a fleet may have: far wider than any real fleet, so what lies outside is a slip or a mistaken unit.

Inside them every figure of a plan and of a replay is finite, and the queue's formulas keep their digits.
"""

from typing import Final

from headroom.units import SECONDS_PER_DAY

Limits = tuple[float, float]

SECONDS: Final[Limits] = (1e-6, 1e7)
"""Of one request: a microsecond to four months."""
LEAD_SECONDS: Final[Limits] = (0, 7 * SECONDS_PER_DAY)
CV2: Final[Limits] = (0, 10_000)
"""Squared coefficient of variation, of service times or of gaps between arrivals."""
SLOTS: Final[Limits] = (1, 100_000)
INSTANCES: Final[Limits] = (0, 100_000)
STEP_INSTANCES: Final[Limits] = (1, 100_000)
RATE_PER_SECOND: Final[Limits] = (1e-9, 1e9)
USD_PER_HOUR: Final[Limits] = (1e-6, 1e6)
COST_RATIO: Final[Limits] = (1e-6, 1e6)
MODEL_PARAMETERS_BILLION: Final[Limits] = (1e-6, 1e6)
BYTES_PER_PARAMETER: Final[Limits] = (0.01, 64)
"""From far below a bit to far above the eight of a double."""
BATCH_SIZE: Final[Limits] = (1, 100_000)
CONTEXT_TOKENS: Final[Limits] = (1, 1e9)


def require(condition: bool, message: str) -> None:  # noqa: FBT001, reads as an assertion
    """Raise ValueError with `message` where the condition does not hold."""
    if not condition:
        raise ValueError(message)


def require_within(name: str, number: float | None, limits: Limits) -> None:
    """Raise ValueError, naming the number, where it is not inside its limits; None is one that is not given."""
    if number is None:
        return
    least, most = limits
    if number <= 0 < least < 1:
        raise ValueError(f"{name} must be above 0, found {number}")
    if not number >= least:
        raise ValueError(f"{name} must be at least {least:,g}, found {number}")
    if number > most:
        raise ValueError(f"{name} must be at most {most:,.12g}, found {number:.12g}")
