"""Spot prices as DescribeSpotPriceHistory tells them: small moves around each type's level, zone by zone.

A pool is one type in one zone. Its price wanders back to its own level (a share of on-demand) and changes a few times a
day; some pools are scarce and stay pinned near on-demand. Prices follow from (seed, pool, time) and reach back 90 days.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from headroom.domain.window import Window
from headroom.sandbox.prices import SPOT_FRACTIONS, on_demand_price_at, usd_in_region
from headroom.sandbox.world_interface import Floats, SpotPrice
from headroom.units import SECONDS_PER_HOUR

PRODUCT_DESCRIPTION: Final = "Linux/UNIX"
REACH_BACK: Final = timedelta(days=90)
_MEAN_HOURS_BETWEEN_CHANGES: Final = 7.0
_PINNED_FRACTION: Final = 0.06
_PULL: Final = 0.08
_MOVE: Final = 0.012
_SPREAD_BETWEEN_ZONES: Final = 0.06
_LOWEST, _HIGHEST = 0.1, 1.0
_STREAM: Final = 200


class SpotMarket:
    """Spot prices of some zones; pools are drawn when first asked for and drawn on as time passes."""

    def __init__(self, *, seed: int, opened_utc: datetime, zones: Sequence[str]) -> None:
        self._zones = tuple(zones)
        self._seed = seed
        # The same days for every opening within a month: a pool's past does not depend on the minute of its first look.
        self._origin = datetime(opened_utc.year, opened_utc.month, 1, tzinfo=UTC) - REACH_BACK - timedelta(days=31)
        self._pools: dict[tuple[str, str], tuple[Floats, Floats]] = {}

    def history(
        self,
        *,
        instance_types: Sequence[str] | None,
        availability_zones: Sequence[str] | None,
        window: Window,
        now_utc: datetime,
    ) -> tuple[SpotPrice, ...]:
        """Return the changes in the window, and each pool's last before its start, newest first; none after now."""
        types = sorted(SPOT_FRACTIONS) if instance_types is None else sorted(set(instance_types) & set(SPOT_FRACTIONS))
        zones = [zone for zone in self._zones if availability_zones is None or zone in availability_zones]
        start = max(window.start_utc, now_utc - REACH_BACK).timestamp()
        end = min(window.end_utc, now_utc).timestamp()
        rows = []
        for name in types:
            for zone in zones:
                moments, prices = self._pool(name, zone, until=end)
                first = max(0, int(np.searchsorted(moments, start, side="right")) - 1)
                last = int(np.searchsorted(moments, end, side="right"))
                rows += [
                    SpotPrice(
                        availability_zone=zone,
                        instance_type=name,
                        product_description=PRODUCT_DESCRIPTION,
                        timestamp_utc=datetime.fromtimestamp(float(moments[place]), tz=UTC),
                        usd_per_hour=float(prices[place]),
                    )
                    for place in range(first, last)
                ]
        rows.sort(key=lambda row: (-row.timestamp_utc.timestamp(), row.instance_type, row.availability_zone))
        return tuple(rows)

    def _pool(self, instance_type: str, zone: str, *, until: float) -> tuple[Floats, Floats]:
        key = (instance_type, zone)
        known = self._pools.get(key)
        if known is not None and known[0][-1] >= until:
            return known
        count = 1024 if known is None else 2 * len(known[0])
        while (drawn := self._draw(instance_type, zone, count))[0][-1] < until:
            count *= 2
        self._pools[key] = drawn
        return drawn

    def _draw(self, instance_type: str, zone: str, count: int) -> tuple[Floats, Floats]:
        """Return the first `count` changes: moments in seconds since 1970, and prices in USD per hour."""
        key = [self._seed, _STREAM, zlib.crc32(f"{instance_type}/{zone}".encode())]
        level_of_pool, waits, moves = (np.random.default_rng([*key, part]) for part in range(3))
        base = SPOT_FRACTIONS[instance_type] * level_of_pool.normal(1.0, _SPREAD_BETWEEN_ZONES)
        if level_of_pool.random() < _PINNED_FRACTION:
            base = 0.97
        hours = np.cumsum(waits.exponential(_MEAN_HOURS_BETWEEN_CHANGES, count))
        moments = np.floor(self._origin.timestamp() + hours * SECONDS_PER_HOUR)
        fractions = np.empty(count)
        deviation = 0.0
        for place, move in enumerate(moves.normal(0.0, _MOVE, count)):
            deviation += move - _PULL * deviation
            fractions[place] = base * np.exp(deviation)
        on_demand = usd_in_region(on_demand_price_at(instance_type, self._origin).usd_per_hour, zone[:-1])
        return moments, np.round(on_demand * np.clip(fractions, _LOWEST, _HIGHEST), 4)
