"""Members for the next hours: recent days, weeks or the level, plus what such a path will miss, on the log scale."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import FittedForecaster, State
from headroom.forecasting.naive import seasonal_naive
from headroom.forecasting.residual_correction import NO_CORRECTION, ResidualCorrection, fit_seasonal_correction
from headroom.forecasting.scale import Scale, choose_scale
from headroom.forecasting.series import Series

_FEWEST_STEPS_CORRECTED: Final = 24
"""Steps after the first season without which nothing could be learnt of what the path misses."""
_MOST_STEPS_BACK: Final = 400_000
"""Four seasons of the longest that a command takes; a kept fit that looks further back is damaged."""
_MOST_LEVEL: Final = 1e200


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedNaiveFit:
    """Where a path comes from (`season` in steps and how many of them, or a fixed `level`), and its correction."""

    season: int
    seasons: int
    level: float | None
    scale: Scale
    correction: ResidualCorrection

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the recent seasons' mean (or the level) plus the residuals expected, on the series' own scale."""
        reach = 2 * max(self.correction.lags, default=0)
        scaled = self.scale.forward(series.observed[-(reach + self.season * self.seasons) :])
        reach = min(reach, len(scaled))
        before = self._before(scaled, len(scaled) - reach)
        ahead = before[reach + np.arange(horizon_steps) % self.season]
        if np.isnan(ahead).any():
            daily = seasonal_naive(self.scale.forward(series.observed), season=series.day, horizon_steps=horizon_steps)
            ahead = np.where(np.isnan(ahead), daily, ahead)
        corrected = ahead + self.correction.extend(scaled[len(scaled) - reach :] - before[:reach], horizon_steps)
        return self.scale.backward(np.minimum(corrected, self.scale.forward(np.array([series.ceiling]))))

    def residuals(self, scaled: Floats) -> Floats:
        """Return what the path one step ahead missed at each step, NaN where it had nothing to say."""
        return scaled - self._before(scaled, 0)[: len(scaled)]

    def _before(self, scaled: Floats, first: int) -> Floats:
        """Return, per step from `first` to a season after the end, what the seasons before that step say."""
        count = len(scaled) + self.season - first
        if self.level is not None:
            return np.full(count, self.level)
        padded = np.concatenate([np.full(self.season * self.seasons, np.nan), scaled])
        rows = np.array([padded[first + self.season * number :][:count] for number in range(self.seasons)])
        is_seen = np.isfinite(rows)
        total = np.where(is_seen, rows, 0.0).sum(axis=0)
        seen = is_seen.sum(axis=0)
        return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)

    def state(self) -> State:
        """Return the fit as JSON values."""
        return {
            "season": self.season,
            "seasons": self.seasons,
            "level": self.level,
            "scale": {"kind": self.scale.kind, "offset": self.scale.offset},
            "correction": self.correction.state(),
        }


@dataclass(frozen=True, slots=True)
class CorrectedNaive:
    """The mean of up to `seasons` recent seasons (the one at `season_index` of the series), corrected."""

    name: str
    season_index: int
    seasons: int = field(kw_only=True)

    def can_fit(self, series: Series) -> bool:
        """Say whether the season has passed once and a day after it was seen."""
        if self.season_index >= len(series.seasons):
            return False
        after = series.observed[series.seasons[self.season_index] :]
        return int(np.isfinite(after).sum()) >= max(series.day, _FEWEST_STEPS_CORRECTED)

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Learn the correction from what the path missed one step ahead, all through the history."""
        del horizon_steps, seed
        return _corrected(series, season=series.seasons[self.season_index], seasons=self.seasons)

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        return _restored(state)


@dataclass(frozen=True, slots=True)
class CorrectedLevel:
    """The mean of the history, corrected: it follows the last hours, whatever the hour of the day."""

    name: str

    def can_fit(self, series: Series) -> bool:
        """Say whether a day was seen."""
        return int(np.isfinite(series.observed).sum()) >= max(series.day, _FEWEST_STEPS_CORRECTED)

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Learn the level and how long the demand stays off it."""
        del horizon_steps, seed
        level = float(np.nanmean(choose_scale(series.observed).forward(series.observed)))
        return _corrected(series, season=1, seasons=1, level=level)

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        return _restored(state)


def _corrected(series: Series, *, season: int, seasons: int, level: float | None = None) -> CorrectedNaiveFit:
    scale = choose_scale(series.observed)
    scaled = scale.forward(series.observed)
    bare = CorrectedNaiveFit(season=season, seasons=seasons, level=level, scale=scale, correction=NO_CORRECTION)
    return replace(bare, correction=fit_seasonal_correction(bare.residuals(scaled), series.day))


def _restored(state: State) -> CorrectedNaiveFit:
    season, seasons = int(state["season"]), int(state["seasons"])
    if min(season, seasons) < 1 or season * seasons > _MOST_STEPS_BACK:
        raise ValueError(f"{seasons} seasons of {season} steps, expected 1 to {_MOST_STEPS_BACK} steps in all")
    level = None if state["level"] is None else float(state["level"])
    if level is not None and not abs(level) <= _MOST_LEVEL:
        raise ValueError(f"a level of {level}, expected a number of at most {_MOST_LEVEL:g}")
    return CorrectedNaiveFit(
        season=season,
        seasons=seasons,
        level=level,
        scale=Scale(**state["scale"]),
        correction=ResidualCorrection.restore(state["correction"]),
    )


DAY_CORRECTED: Final = CorrectedNaive("day_corrected", 0, seasons=1)
DAYS_CORRECTED: Final = CorrectedNaive("days_corrected", 0, seasons=7)
WEEKS_CORRECTED: Final = CorrectedNaive("weeks_corrected", 1, seasons=4)
LEVEL_CORRECTED: Final = CorrectedLevel("level_corrected")
