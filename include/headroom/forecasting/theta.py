"""The theta method as a member: a profile of the season, a smoothed level and half the trend, on the member's scale.

Assimakopoulos and Nikolopoulos, International Journal of Forecasting 16 (2000), in the form of Hyndman and Billah
(2003): simple exponential smoothing of what the season leaves, with half the slope of its line as drift.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import FittedForecaster, State
from headroom.forecasting.scale import choose_scale
from headroom.forecasting.series import Series
from headroom.forecasting.smoothed_level import bridged, smoothed

_FEWEST_DAYS: Final = 4
_FEWEST_SEASONS: Final = 3
"""The profile is of the longest season that has passed three times."""
_SMOOTHINGS: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
_JUDGED_STEPS_AHEAD: Final = 3
"""The level is smoothed as suits three steps ahead: by one or by 24 the ensemble gained less."""
_TREND_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Theta:
    """Asked for a path, it makes all of it anew from the newest hours, in a millisecond."""

    name: str = "theta"

    def can_fit(self, series: Series) -> bool:
        """Say whether four days were seen."""
        return int(np.isfinite(series.observed).sum()) >= _FEWEST_DAYS * series.day

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Return the member itself."""
        del series, horizon_steps, seed
        return self

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return level, half the trend and the season's profile, from the last step seen; NaN where it is too early."""
        known = series.until_last_seen()
        if len(known) <= 2 * series.day:
            return np.full(horizon_steps, np.nan)
        scale = choose_scale(known.observed)
        scaled = bridged(scale.forward(known.observed))
        season = max(
            (season for season in series.seasons if len(known) >= _FEWEST_SEASONS * season), default=series.day
        )
        profile = season_profile(scaled, season)
        left = scaled - profile[np.arange(-len(scaled), 0) % season]
        centred = np.arange(len(left)) - (len(left) - 1) / 2
        drift = _TREND_SHARE * float(centred @ left / (centred @ centred))
        smoothing, level = smoothed(left, _SMOOTHINGS, steps_ahead=_JUDGED_STEPS_AHEAD, warm_up=series.day)
        ahead = series.trailing_gap + np.arange(horizon_steps)
        path = level + drift * (ahead + 1 / smoothing) + profile[ahead % season]
        return scale.backward(np.minimum(path, scale.forward(np.array([series.ceiling]))))

    def state(self) -> State:
        """Return nothing: the newest hours are all this member needs."""
        return {}

    def restore(self, state: State) -> FittedForecaster:
        """Return the member itself."""
        del state
        return self


THETA: Final = Theta()


def season_profile(values: Floats, season: int) -> Floats:
    """Return the mean distance from the centred moving average by phase, 0 on average; column 0 is the step after.

    Classical decomposition; `values` has no gaps and is at least two seasons long.
    """
    width = season + 1 - season % 2
    weights = np.full(width, 1 / season)
    if width > season:
        weights[[0, -1]] /= 2
    half = width // 2
    distance = np.full(len(values), np.nan)
    distance[half : len(values) - half] = values[half : len(values) - half] - np.convolve(values, weights, "valid")
    padded = np.concatenate([np.full(-len(values) % season, np.nan), distance]).reshape(-1, season)
    means = np.nanmean(padded, axis=0)
    profile: Floats = means - means.mean()
    return profile
