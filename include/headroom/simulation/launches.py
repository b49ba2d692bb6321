"""How launches go wrong: late, refused for want of capacity, or failed when they should begin to serve; pure."""

from dataclasses import dataclass, replace
from typing import Final

from headroom.simulation.engine import Pool

MOST_SPREAD: Final = 10.0
MOST_FRACTION: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """Luck of launches, the same in every pool; without any, all of them serve a lead time later.

    `spread_fraction`: launches take longer than the lead time by an exponential of this share of it on average.
    `refused_fraction` of launches get a capacity error at once, and are asked for again in the next step;
    `failed_fraction` are billed through their lead time and fail when they should begin to serve.
    """

    spread_fraction: float = 0.0
    refused_fraction: float = 0.0
    failed_fraction: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (
            ("spread_fraction", MOST_SPREAD),
            ("refused_fraction", MOST_FRACTION),
            ("failed_fraction", MOST_FRACTION),
        ):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} must lie between 0 and {most:g}, found {value}")

    def of(self, pool: Pool) -> Pool:
        """Return a pool whose launches have this luck; their spread is one of the replay's conditions."""
        return replace(pool, refused_fraction=self.refused_fraction, stillborn_fraction=self.failed_fraction)
