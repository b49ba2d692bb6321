"""Seasonal naive members: what was seen one season ago, stepping over gaps to the season before."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import FittedForecaster, State
from headroom.forecasting.series import Series

_LEAST_PHASES_SEEN: Final = 0.5


def latest_by_phase(values: Floats, season: int) -> Floats:
    """Return the newest seen value at each phase of the season, the first phase being the step after the end.

    Shape (season,); NaN where a phase was never seen.
    """
    missing = -len(values) % season
    newest_first = np.concatenate([np.full(missing, np.nan), values]).reshape(-1, season)[::-1]
    latest: Floats = newest_first[np.isfinite(newest_first).argmax(axis=0), np.arange(season)]
    return latest


def seasonal_naive(values: Floats, *, season: int, horizon_steps: int) -> Floats:
    """Return the seasonal naive path, shape (horizon_steps,); a phase never seen gets the median of all values."""
    latest = latest_by_phase(values, season)
    filled = np.where(np.isfinite(latest), latest, np.nanmedian(values))
    return filled[np.arange(horizon_steps) % season]


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Repeats the season at `season_index` of the series; asks for one whole season of history."""

    name: str
    season_index: int

    def can_fit(self, series: Series) -> bool:
        """Say whether the season exists for this series, has passed once, and most of its phases were seen."""
        if self.season_index >= len(series.seasons):
            return False
        season = series.seasons[self.season_index]
        return (
            len(series) >= season and np.isfinite(latest_by_phase(series.observed, season)).mean() >= _LEAST_PHASES_SEEN
        )

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Return the member itself: there is nothing to learn."""
        del series, horizon_steps, seed
        return self

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return last season's values; phases that were not seen fall back to the shorter season."""
        longer = seasonal_naive(series.observed, season=series.seasons[0], horizon_steps=horizon_steps)
        for season in series.seasons[1 : self.season_index + 1]:
            latest = latest_by_phase(series.observed, season)[np.arange(horizon_steps) % season]
            longer = np.where(np.isfinite(latest), latest, longer)
        return longer

    def state(self) -> State:
        """Return nothing: the newest hours are all this member needs."""
        return {}

    def restore(self, state: State) -> FittedForecaster:
        """Return the member itself."""
        del state
        return self


DAILY: Final = SeasonalNaive("seasonal_naive_daily", 0)
WEEKLY: Final = SeasonalNaive("seasonal_naive_weekly", 1)
