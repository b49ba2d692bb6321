"""Series for the forecasting tests: daily and weekly shape, hourly, seeded; and cheap or spying members."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from headroom.domain.demand import DemandHistory, Floats
from headroom.forecasting.members import FittedForecaster, State
from headroom.forecasting.naive import DAILY, WEEKLY
from headroom.forecasting.series import ONE_HOUR, Series

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
FIRST_HOUR = np.datetime64("2026-10-05T00:00:00", "s")
CHEAP_MEMBERS = (DAILY, WEEKLY)


def shaped_demand(hours: int, *, noise: float = 0.1, seed: int = 1) -> Floats:
    """Return busy days and quiet nights, weekends at half, with multiplicative noise."""
    hour = np.arange(hours)
    shape = 10 + 8 * np.sin(2 * np.pi * (hour % 24 - 8) / 24)
    weekend = np.where((hour // 24) % 7 >= 5, 0.5, 1.0)
    return shape * weekend * np.exp(noise * np.random.default_rng(seed).standard_normal(hours))


def wandering_demand(hours: int, *, seed: int = 1) -> Floats:
    """Return shaped demand whose level wanders: an hour above its shape is followed by others."""
    steps = np.random.default_rng(seed).normal(scale=0.06, size=hours)
    level = np.zeros(hours)
    for hour in range(1, hours):
        level[hour] = 0.9 * level[hour - 1] + steps[hour]
    return shaped_demand(hours, noise=0.0) * np.exp(level)


def series_of(values: Floats, *, series_id: str = "chat-large/mean", seasons: tuple[int, ...] = (24, 168)) -> Series:
    values = np.asarray(values, dtype=np.float64)
    return Series(
        series_id=series_id, hours=FIRST_HOUR + ONE_HOUR * np.arange(len(values)), observed=values, seasons=seasons
    )


def history_of(mean: Floats, *, peak: Floats | None = None, fleet_id: str = "chat-large") -> DemandHistory:
    mean = np.asarray(mean, dtype=np.float64)
    return DemandHistory(
        fleet_id=fleet_id,
        hours=FIRST_HOUR + ONE_HOUR * np.arange(len(mean)),
        mean_per_second=mean,
        peak_per_second=1.3 * mean if peak is None else peak,
    )


def after_hours(hours: int) -> datetime:
    return MONDAY + timedelta(hours=hours)


@dataclass
class SpyingMember:
    """Says the last value it was shown, for ever, and remembers how much it was shown."""

    name: str = "spy"
    fitted_on: list[int] = field(default_factory=list)
    updated_on: list[int] = field(default_factory=list)

    def can_fit(self, series: Series) -> bool:
        return len(series) > 0

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        del horizon_steps, seed
        self.fitted_on.append(len(series))
        return self

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        self.updated_on.append(len(series))
        return np.full(horizon_steps, series.observed[-1])

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> FittedForecaster:
        del state
        return self
