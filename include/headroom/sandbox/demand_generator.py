"""Made-up demand of a fleet: daily and weekly shape, growth, public holidays, launches, bursts, gaps in its metrics.

Everything follows from (seed, fleet, time): days draw from generators of their own, noise from one long stream, so
asking for more steps gives the same first ones. Another seed moves every number and leaves the shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt

from headroom.domain.window import Window
from headroom.sandbox.demand_burst import gamma_noise
from headroom.sandbox.demand_steps import DemandSteps
from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats
from headroom.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

STEPS_PER_HOUR: Final = SECONDS_PER_HOUR // SAMPLE_SECONDS
STEPS_PER_DAY: Final = SECONDS_PER_DAY // SAMPLE_SECONDS
_DAYS_PER_WEEK: Final = 7
STEPS_AHEAD: Final = 14 * STEPS_PER_DAY
"""How far past its clock a world draws demand at once."""
_STEP_MINUTES: Final = SAMPLE_SECONDS / SECONDS_PER_MINUTE
_LOST_SAMPLE_FRACTION: Final = 0.0005
_GAPS_PER_WEEK: Final = 0.4

# Streams of random numbers, one a purpose.
_NOISE, _ARRIVALS, _LOST, _LIFE, _DAY = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where users sit: their time zone, their public holidays, and their share of the demand."""

    time_zone: str
    country: str
    share_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandShape:
    """The life of a fleet's demand; sizes are relative to its mean, which the generator scales to `mean_per_second`."""

    mean_per_second: float
    busy_per_second: float
    """Rate of a busy hour; demand from a file is scaled so that its 99th percentile stays below."""
    regions: tuple[Region, ...]
    hours: tuple[float, ...]
    """Relative demand at each full local hour of a working day, 24 values."""
    weekend_fraction: float
    holiday_fraction: float
    growth_per_week_fraction: float
    day_variation: float
    noise_variation: float
    bursts_per_week: float
    is_batch: bool = False
    """Whether demand comes as a few large batches in working hours, with next to nothing between them."""


class GeneratedDemand:
    """A fleet's made-up demand from `start_utc` (a midnight) on, scaled over the steps before `now_utc`."""

    def __init__(
        self,
        *,
        seed: int,
        fleet_number: int,
        shape: DemandShape,
        start_utc: datetime,
        now_utc: datetime,
        launches: Sequence[Window] = (),
    ) -> None:
        self.origin = f"generator, seed {seed}"
        self._key = (seed, fleet_number)
        self._shape = shape
        self._start_utc = start_utc
        self._launches = tuple(launches)
        self._quiet = Window(now_utc - timedelta(hours=6), now_utc)
        life = self._random(_LIFE)
        self._hours = np.array(shape.hours) * life.normal(1.0, 0.04, size=HOURS_PER_DAY)
        self._growth = shape.growth_per_week_fraction * life.uniform(0.7, 1.3)
        self._launch_heights = life.uniform(0.25, 0.5, size=max(1, len(self._launches)))
        past = max(STEPS_PER_DAY, int((now_utc - start_utc).total_seconds()) // SAMPLE_SECONDS)
        self._unscaled = self._draw_rate(past + STEPS_AHEAD)
        self._scale = shape.mean_per_second / float(self._unscaled[:past].mean())

    def steps(self, count: int) -> DemandSteps:
        """Return the first `count` steps from the world's start."""
        if len(self._unscaled) < count:
            self._unscaled = self._draw_rate(count)
        rate = self._unscaled[:count] * self._scale
        arrived = self._random(_ARRIVALS).poisson(rate * SAMPLE_SECONDS).astype(np.float64)
        return DemandSteps(rate_per_second=rate, count=arrived, is_reported=self._is_reported(count))

    def _random(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self._key, *purpose])

    def _draw_rate(self, count: int) -> Floats:
        """Return the demand before it is scaled to the fleet's mean; the costliest part of a world."""
        profile = self._batches(count) if self._shape.is_batch else self._profile(count)
        weeks = np.arange(count) / (STEPS_PER_DAY * _DAYS_PER_WEEK)
        noise = gamma_noise(
            count,
            variation=self._shape.noise_variation,
            correlation_minutes=20.0,
            step_minutes=_STEP_MINUTES,
            random=self._random(_NOISE),
        )
        return np.asarray(profile * np.exp(self._growth * weeks) * noise * self._surges(count), dtype=np.float64)

    def _day_count(self, count: int) -> int:
        return -(-count // STEPS_PER_DAY)

    def _profile(self, count: int) -> Floats:
        days = self._day_count(count)
        profile = np.zeros(days * STEPS_PER_DAY)
        for region in self._shape.regions:
            hours, factors = _local_hours_and_day_factors(region, self._shape, self._start_utc, days)
            shape = np.interp(hours, np.arange(HOURS_PER_DAY + 1), np.append(self._hours, self._hours[0]))
            profile += region.share_fraction * shape * factors
        variation = [self._random(_DAY, 0, day).normal(1.0, self._shape.day_variation) for day in range(days)]
        daily = np.repeat(np.clip(variation, 0.5, 1.5), STEPS_PER_DAY)
        return np.asarray((profile * daily)[:count], dtype=np.float64)

    def _batches(self, count: int) -> Floats:
        """Return batches of work: a few on a working day, at most one on a free day, a trickle between them."""
        days = self._day_count(count)
        region = self._shape.regions[0]
        hours, factors = _local_hours_and_day_factors(region, self._shape, self._start_utc, days)
        shape = np.interp(hours, np.arange(HOURS_PER_DAY + 1), np.append(self._hours, self._hours[0]))
        rate = 0.03 * shape
        steps = np.arange(len(rate), dtype=np.float64)
        for day in range(days):
            random = self._random(_DAY, 1, day)
            is_working_day = factors[day * STEPS_PER_DAY + STEPS_PER_DAY // 2] > 0.99
            for _ in range(random.integers(2, 5) if is_working_day else random.integers(0, 2)):
                start = day * STEPS_PER_DAY + random.uniform(12.5, 21.5) * STEPS_PER_HOUR
                length = random.uniform(0.7, 2.5) * STEPS_PER_HOUR
                height = random.uniform(0.5, 1.0)
                batch = height * np.clip(np.minimum(steps - start, start + length - steps) / 2.0, 0.0, 1.0)
                rate = np.maximum(rate, batch)  # one feeder fills the queue: batches that overlap do not add up
        return np.asarray(rate[:count], dtype=np.float64)

    def _surges(self, count: int) -> Floats:
        """Return the factor of launches (announced) and bursts (not)."""
        steps = np.arange(count, dtype=np.float64)
        factor = np.ones(count)
        for launch, height in zip(self._launches, self._launch_heights, strict=False):
            begin = (launch.start_utc - self._start_utc).total_seconds() / SAMPLE_SECONDS
            end = (launch.end_utc - self._start_utc).total_seconds() / SAMPLE_SECONDS
            edge = np.minimum(steps - begin, end - steps) / STEPS_PER_HOUR
            factor += height * np.clip(edge, 0.0, 1.0)
        for day in range(self._day_count(count)):
            random = self._random(_DAY, 2, day)
            for _ in range(random.poisson(self._shape.bursts_per_week / _DAYS_PER_WEEK)):
                begin = (day + random.uniform(0.0, 1.0)) * STEPS_PER_DAY
                height, minutes = random.uniform(0.25, 0.8), random.uniform(10.0, 45.0)
                age = (steps - begin) * _STEP_MINUTES
                factor += np.where(age >= 0.0, height * np.exp(-np.maximum(age, 0.0) / minutes), 0.0)
        return factor

    def _is_reported(self, count: int) -> npt.NDArray[np.bool_]:
        """Return where metrics came through: single samples get lost, and now and then an hour or so.

        The six hours before the world's opening are complete, so that a first look finds fresh data.
        """
        reported = self._random(_LOST).random(count) >= _LOST_SAMPLE_FRACTION
        for day in range(self._day_count(count)):
            random = self._random(_DAY, 3, day)
            if random.random() < _GAPS_PER_WEEK / _DAYS_PER_WEEK:
                begin = day * STEPS_PER_DAY + int(random.uniform(0.0, STEPS_PER_DAY))
                reported[begin : begin + int(random.integers(3, 19))] = False
        first = int((self._quiet.start_utc - self._start_utc).total_seconds()) // SAMPLE_SECONDS
        last = int((self._quiet.end_utc - self._start_utc).total_seconds()) // SAMPLE_SECONDS + 1
        reported[max(0, first) : max(0, last)] = True
        return reported


def _local_hours_and_day_factors(
    region: Region,
    shape: DemandShape,
    start_utc: datetime,
    days: int,
) -> tuple[Floats, Floats]:
    """Return for each step the local hour of day (with fraction) and the factor of its local day (weekend, holiday)."""
    hours, is_weekend, is_holiday = _local_calendar(region.time_zone, region.country, start_utc, days)
    factors = np.where(is_weekend, shape.weekend_fraction, 1.0)
    return hours, np.where(is_holiday, shape.holiday_fraction, factors)


@lru_cache(maxsize=64)
def _local_calendar(
    time_zone: str, country: str, start_utc: datetime, days: int
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return for each step the local hour of day, and whether its local day is on a weekend, or a public holiday."""
    zone = ZoneInfo(time_zone)
    moments = [start_utc + timedelta(hours=hour) for hour in range(days * HOURS_PER_DAY)]
    offsets = [moment.astimezone(zone).utcoffset() or timedelta() for moment in moments]
    offset_seconds = np.repeat([offset.total_seconds() for offset in offsets], STEPS_PER_HOUR)
    seconds = start_utc.timestamp() + np.arange(len(offset_seconds)) * SAMPLE_SECONDS + offset_seconds
    local_days = (seconds // SECONDS_PER_DAY).astype(np.int64)
    years = range(start_utc.year, (start_utc + timedelta(days=days)).year + 1)
    epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
    free_days = [(day - epoch).days for day in holidays.country_holidays(country, years=years)]
    # 1970-01-01 was a Thursday: three days into a week that starts on Monday.
    is_weekend = (local_days + 3) % _DAYS_PER_WEEK >= 5
    return (seconds % SECONDS_PER_DAY) / SECONDS_PER_HOUR, is_weekend, np.isin(local_days, free_days)
