"""What comes out for one series: quantiles, the weights behind each step, and a note in words."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES, band_indices
from headroom.forecasting.losses import MEDIAN_INDEX
from headroom.forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesForecast:
    """`quantiles`: shape (steps, 13), never falling along a row. `weights`: by band, then by member, summing to 1.

    `effects`: by kind of holiday or event, how far the seasonal members moved its hours on the scale; empty where what
    served is told of none. `is_widened`: whether bands are wider than past errors ask for, as a drift wants them.
    """

    quantiles: Floats
    weights: dict[str, dict[str, float]]
    note: str
    effects: dict[str, float] = field(default_factory=dict)
    is_widened: bool = False

    @property
    def median(self) -> Floats:
        """The path at the median, shape (steps,)."""
        median: Floats = self.quantiles[:, MEDIAN_INDEX]
        return median

    def step_weights(self) -> list[dict[str, float]]:
        """Return the weights that made each step."""
        bands = band_indices(np.arange(1, len(self.quantiles) + 1))
        return [self.weights[BAND_NAMES[band]] for band in bands]

    def mean_weights(self) -> dict[str, float]:
        """Return each member's weight, averaged over the steps, heaviest first."""
        totals: Counter[str] = Counter()
        for weights in self.step_weights():
            totals.update(weights)
        steps = len(self.quantiles)
        return {
            name: round(total / steps, 6)
            for name, total in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        }


def finish_quantiles(quantiles: Floats, series: Series) -> Floats:
    """Return quantiles that never cross, never pass the ceiling, and are never negative where history never is."""
    bounded = np.minimum(np.maximum.accumulate(quantiles, axis=1), series.ceiling)
    return np.maximum(bounded, 0.0) if series.is_nonnegative else bounded
