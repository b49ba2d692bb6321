"""How likely a spot pool is not to be there when it is needed: a first model from price history and advisor bands.

Two signs, of which the worse counts. AWS's Spot Instance Advisor gives, per region and type, the share of instances
interrupted in the last month in bands; taken as a rate, times the time until the capacity is there again, it is a share
of time without. And a pool whose spot price lies near the on-demand price is one that has run out: AWS moves spot
prices by long-term supply and demand, so the share of recent time spent there tells how often it may be short.
A later model takes observed lifetimes (the table raw.interruption) instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headroom.domain.instance_type import CapacityPool, SpotPricePoint
from headroom.domain.window import Window
from headroom.units import HOURS_PER_MONTH

ADVISOR_MONTHLY_FRACTION: Final = {
    # Upper edges of the bands of https://aws.amazon.com/ec2/spot/instance-advisor/, read 2026-11; the last is open.
    "<5%": 0.05,
    "5-10%": 0.10,
    "10-15%": 0.15,
    "15-20%": 0.20,
    ">20%": 0.40,
}
UNKNOWN_BAND: Final = ">20%"
"""What is assumed where no band is known: GPU types are mostly in it (advisor data of June 2025)."""
OUTAGE_HOURS: Final = 8.0
"""How long a pool that took its instances back stays without. Down-spells of V100 zones lasted hours (SkyPilot's spot
traces, Z. Wu et al., Can't Be Late, NSDI 2024); a pool is not retried before that here."""
SCARCE_PRICE_FRACTION: Final = 0.9
"""A spot price above this share of on-demand marks a pool that has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionEstimate:
    """The chance that a pool is without capacity at a random moment, and what it rests on."""

    pool: CapacityPool
    probability: float
    source: str


def estimate_interruption(
    pool: CapacityPool,
    prices: Sequence[SpotPricePoint],
    *,
    on_demand_usd_per_hour: float,
    window: Window,
    advisor_band: str | None = None,
) -> InterruptionEstimate:
    """Estimate a pool's chance of being out (module docstring) from its price changes, in any order.

    A price holds until the next; the last one before the window holds at its start. ValueError for an unknown band or
    for prices of another pool.
    """
    foreign = [point.pool for point in prices if point.pool != pool]
    if foreign:
        raise ValueError(f"prices of {foreign[0]} were given for {pool}")
    band = UNKNOWN_BAND if advisor_band is None else advisor_band
    if band not in ADVISOR_MONTHLY_FRACTION:
        raise ValueError(f"unknown advisor band {band!r}; known are {', '.join(ADVISOR_MONTHLY_FRACTION)}")
    by_advisor = ADVISOR_MONTHLY_FRACTION[band] / HOURS_PER_MONTH * OUTAGE_HOURS
    named = f"advisor band {band}" if advisor_band is not None else f"no advisor band known, {band} assumed"
    scarce = scarce_fraction(
        prices, threshold_usd_per_hour=SCARCE_PRICE_FRACTION * on_demand_usd_per_hour, window=window
    )
    if scarce is None:
        return InterruptionEstimate(pool=pool, probability=by_advisor, source=f"{named}; no price history")
    source = f"price near on-demand {scarce:.0%} of the time" if scarce > by_advisor else named
    return InterruptionEstimate(pool=pool, probability=max(by_advisor, scarce), source=source)


def scarce_fraction(
    prices: Sequence[SpotPricePoint],
    *,
    threshold_usd_per_hour: float,
    window: Window,
) -> float | None:
    """Return the share of the window's known time with a price above the threshold; None where no price is known."""
    ordered = sorted(
        (point for point in prices if point.timestamp_utc < window.end_utc),
        key=lambda point: point.timestamp_utc,
    )
    if not ordered:
        return None
    ends = [point.timestamp_utc for point in ordered[1:]] + [window.end_utc]
    known_seconds = scarce_seconds = 0.0
    for point, end in zip(ordered, ends, strict=True):
        seconds = max(0.0, (end - max(point.timestamp_utc, window.start_utc)).total_seconds())
        known_seconds += seconds
        scarce_seconds += seconds if point.spot_usd_per_hour > threshold_usd_per_hour else 0.0
    return scarce_seconds / known_seconds if known_seconds > 0 else None
