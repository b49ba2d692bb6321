"""The level alone as a member, for demand that keeps no hours: smoothed for the next hours, the last week's beyond."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.bands import BANDS
from headroom.forecasting.members import FittedForecaster, State
from headroom.forecasting.scale import choose_scale
from headroom.forecasting.series import Series

_FEWEST_DAYS: Final = 2
_SMOOTHINGS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""At 1.0 the last value stands."""
_JUDGED_DAYS: Final = 10
_SMOOTHED_BANDS: Final = BANDS[:2]
"""Beyond, the median of the last week loses less than a level smoothed for a day ahead."""


@dataclass(frozen=True, slots=True)
class SmoothedLevel:
    """Asked for a path, it makes all of it anew from the newest hours."""

    name: str = "smoothed_level"

    def can_fit(self, series: Series) -> bool:
        """Say whether two days were seen."""
        return int(np.isfinite(series.observed).sum()) >= _FEWEST_DAYS * series.day

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Return the member itself."""
        del series, horizon_steps, seed
        return self

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the levels from the last step seen; NaN where it is too early."""
        known = series.until_last_seen()
        if len(known) <= series.day + _SMOOTHED_BANDS[-1][-1]:
            return np.full(horizon_steps, np.nan)
        scale = choose_scale(known.observed)
        values = bridged(scale.forward(known.observed))
        path = np.full(horizon_steps, np.nanmedian(scale.forward(known.observed[-known.seasons[-1] :])))
        ahead = series.trailing_gap + np.arange(1, horizon_steps + 1)
        for first, last in _SMOOTHED_BANDS:
            _, level = smoothed(
                values, _SMOOTHINGS, steps_ahead=last, warm_up=series.day, judged=_JUDGED_DAYS * series.day
            )
            path[(first <= ahead) & (ahead <= last)] = level
        return scale.backward(path)

    def state(self) -> State:
        """Return nothing: the newest hours are all this member needs."""
        return {}

    def restore(self, state: State) -> FittedForecaster:
        """Return the member itself."""
        del state
        return self


SMOOTHED_LEVEL: Final = SmoothedLevel()


def smoothed(
    values: Floats, smoothings: Sequence[float], *, steps_ahead: int, warm_up: int, judged: int | None = None
) -> tuple[float, float]:
    """Return the smoothing with the least absolute error `steps_ahead`, and the level it ends at.

    Simple exponential smoothing from the mean of the first `warm_up` values, which have no gaps; `judged`: how many of
    the newest errors count, all after the first `warm_up` where None.
    """
    from scipy.signal import lfilter  # noqa: PLC0415  # 0.6 s to import, and only paths need it

    found = []
    for smoothing in smoothings:
        start = [(1 - smoothing) * values[:warm_up].mean()]
        levels, _ = lfilter([smoothing], [1.0, smoothing - 1.0], values, zi=start)
        missed = np.abs(values[warm_up + steps_ahead - 1 :] - levels[warm_up - 1 : -steps_ahead])
        found.append((float(missed[-(judged or len(missed)) :].mean()), smoothing, float(levels[-1])))
    _, smoothing, level = min(found)
    return smoothing, level


def bridged(values: Floats) -> Floats:
    """Return the values with gaps bridged by straight lines; the last was seen."""
    positions, is_seen = np.arange(len(values)), np.isfinite(values)
    without_gaps: Floats = np.interp(positions, positions[is_seen], values[is_seen])
    return without_gaps
