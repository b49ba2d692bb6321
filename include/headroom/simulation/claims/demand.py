"""The scenarios' demand: generated and seeded, no recorded data; chosen once by the article's words, tuned to nothing.

Every minute is mean x hour of day x weekend x the day's own luck x sale, times the replay's own gamma noise.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.simulation.demand_path import Bursts, gamma_noise
from headroom.simulation.policy import DemandRecord
from headroom.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR

DAYS_PER_WEEK: Final = 7
_FIRST_WEEKEND_DAY: Final = 5
_DAY, _SALE = 1, 2  # streams of random numbers, one a purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandShape:
    """How demand moves; factors are over what it would be otherwise.

    The day is a cosine with its top at `busiest_hour_utc`, where it is `day_swing` times its bottom twelve hours away.
    Sales begin on a random hour of random days, `sales_per_week` on average, and last `sale_hours`. `day_variation`:
    standard deviation over mean of a day's own luck, and `bursts` that of minutes.
    """

    busiest_hour_utc: int
    day_swing: float
    weekend_factor: float
    day_variation: float
    sales_per_week: float
    sale_factor: float
    sale_hours: int
    bursts: Bursts


def generated_demand(
    shape: DemandShape, *, start_utc: datetime, days: int, step_seconds: float, seed: int
) -> DemandRecord:
    """Return `days` days of demand from a midnight on, of mean about 1 a second before it is scaled (scaled_to)."""
    per_day = round(SECONDS_PER_DAY / step_seconds)
    hour = np.arange(per_day) * step_seconds / SECONDS_PER_HOUR
    depth = (shape.day_swing - 1.0) / (shape.day_swing + 1.0)
    of_day = 1.0 + depth * np.cos(2.0 * np.pi * (hour + hour[1] / 2.0 - shape.busiest_hour_utc) / HOURS_PER_DAY)
    weekday = (start_utc.weekday() + np.arange(days)) % DAYS_PER_WEEK
    of_week = np.where(weekday >= _FIRST_WEEKEND_DAY, shape.weekend_factor, 1.0)
    luck = np.random.default_rng([seed, _DAY]).normal(1.0, shape.day_variation, days).clip(min=0.0)
    smooth = (of_day[None, :] * (of_week * luck)[:, None] * _sales(shape, days, hour, seed)).ravel()
    noise = gamma_noise(days * per_day, shape.bursts, step_seconds=step_seconds)
    return DemandRecord(start_utc=start_utc, step_seconds=step_seconds, rate_per_second=smooth * noise)


def scaled_to(demand: DemandRecord, mean_per_second: float, *, from_utc: datetime) -> DemandRecord:
    """Return the demand times the factor that gives the span from `from_utc` to its end this mean."""
    mean = float(demand.rate_per_second[demand.step_of(from_utc) :].mean())
    return DemandRecord(
        start_utc=demand.start_utc,
        step_seconds=demand.step_seconds,
        rate_per_second=demand.rate_per_second * (mean_per_second / mean),
    )


def _sales(shape: DemandShape, days: int, hour: Floats, seed: int) -> Floats:
    """Return the factor of every step, shape (days, steps a day)."""
    random = np.random.default_rng([seed, _SALE])
    has_sale = random.random(days) < shape.sales_per_week / DAYS_PER_WEEK
    first = random.integers(0, HOURS_PER_DAY - shape.sale_hours + 1, days)
    is_sale = (hour[None, :] >= first[:, None]) & (hour[None, :] < (first + shape.sale_hours)[:, None])
    return np.where(has_sale[:, None] & is_sale, shape.sale_factor, 1.0)
