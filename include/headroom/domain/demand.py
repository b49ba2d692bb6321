"""Demand: hourly history of a fleet, and its forecast as quantiles."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.columns import PART_NAMES, QUANTILE_LEVELS

_EDGES: Final = np.concatenate([[-QUANTILE_LEVELS[0]], QUANTILE_LEVELS, [2.0 - QUANTILE_LEVELS[-1]]])
LEVEL_WEIGHTS: Final = (_EDGES[2:] - _EDGES[:-2]) / 2.0
"""The probability each quantile stands for in a sum over all: trapezoids, the ends as far out as they lie. Sum: 1."""
MINUTE_SHAPE: Final = (-1.76, -1.02, -0.79, -0.54, -0.39, -0.23, -0.06, 0.15, 0.40, 0.64, 0.95, 1.22, 2.31)
"""Where the minutes of an hour lie at QUANTILE_LEVELS: 0 is the hour's mean, 1 its largest 5-minute mean.

Measured on the first halves of eight production traces by the minute (Crane's CPU inputs), the median over them:
whether demand climbs through the hour or bursts, the minutes are spread alike. ServeGen m-large and the public LLM
traces with bursts drawn agree to 0.1 from q20 to q90.
"""
_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
_ROUNDING: Final = 1e-12
Floats = npt.NDArray[np.float64]
Hours = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandHistory:
    """Hourly demand of one fleet on a complete spine of hours; NaN where an hour was not seen.

    `hours`: datetime64[s] of each hour's start in UTC, ascending, one hour apart, shape (n,). `mean_per_second` and
    `peak_per_second` (the largest 5-minute mean inside the hour): work per second, shape (n,). `censored_fraction`:
    share of each hour's samples taken while saturated, when demand is under-reported; None where nobody knows.
    """

    fleet_id: str
    hours: Hours
    mean_per_second: Floats
    peak_per_second: Floats
    censored_fraction: Floats | None = None

    def __post_init__(self) -> None:
        if not len(self.hours) == len(self.mean_per_second) == len(self.peak_per_second):
            message = f"demand history of {self.fleet_id}: hours, mean and peak differ in length"
            raise ValueError(message)
        if self.censored_fraction is not None and len(self.censored_fraction) != len(self.hours):
            message = f"demand history of {self.fleet_id}: hours and censored fraction differ in length"
            raise ValueError(message)
        if len(self.hours) > 1 and not (np.diff(self.hours) == np.timedelta64(1, "h")).all():
            message = f"demand history of {self.fleet_id}: hours are not one hour apart"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandForecast:
    """Hourly demand to come, as quantiles at QUANTILE_LEVELS; made only from what was known at `made_at_utc`.

    `hours`: datetime64[s], shape (h,), the first being the hour that starts at `made_at_utc`.
    `mean_quantiles_per_second` and `peak_quantiles_per_second`: shape (h, 13), never falling along a row, never
    negative. `members` maps a member's name to its weight; `note` says in words what the choice rests on or which
    fallback served.

    `mean_parts_per_second`: what the median of the mean is made of, shape (h, 6), columns as PART_NAMES, each what it
    adds to those before it, together the median; None where unknown. `explanation` says in words what moved it most.
    """

    fleet_id: str
    made_at_utc: datetime
    hours: Hours
    mean_quantiles_per_second: Floats
    peak_quantiles_per_second: Floats
    members: dict[str, float]
    note: str = ""
    mean_parts_per_second: Floats | None = None
    explanation: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.hours), len(QUANTILE_LEVELS))
        for name in ("mean_quantiles_per_second", "peak_quantiles_per_second"):
            quantiles: Floats = getattr(self, name)
            if quantiles.shape != shape:
                message = f"forecast of {self.fleet_id}: {name} has shape {quantiles.shape}, expected {shape}"
                raise ValueError(message)
            if not np.isfinite(quantiles).all() or (np.diff(quantiles, axis=1) < 0).any() or (quantiles < 0).any():
                message = f"forecast of {self.fleet_id}: {name} is not finite, not ascending or negative somewhere"
                raise ValueError(message)
        if self.mean_parts_per_second is not None:
            self._check_parts(self.mean_parts_per_second)

    def _check_parts(self, parts: Floats) -> None:
        shape = (len(self.hours), len(PART_NAMES))
        if parts.shape != shape:
            raise ValueError(f"forecast of {self.fleet_id}: its parts have shape {parts.shape}, expected {shape}")
        off = np.abs(parts.sum(axis=1) - self.mean_quantiles_per_second[:, _MEDIAN])
        if not (off <= _ROUNDING * np.abs(parts).sum(axis=1)).all():
            raise ValueError(f"forecast of {self.fleet_id}: its parts do not add up to the median of the hourly mean")

    def peak_at_level(self, level: float) -> Floats:
        """Return the peak demand per hour at quantile `level`, linear between the stored levels, shape (h,)."""
        return _at_level(self.peak_quantiles_per_second, level)

    def mean_at_level(self, level: float) -> Floats:
        """Return the mean demand per hour at quantile `level`, linear between the stored levels, shape (h,)."""
        return _at_level(self.mean_quantiles_per_second, level)

    def minute_at_level(self, level: float) -> Floats:
        """Return the demand of an hour's minutes at quantile `level`, as minute_quantiles has it, shape (h,)."""
        return _at_level(self.minute_quantiles_per_second(), level)

    def minute_quantiles_per_second(self) -> Floats:
        """Return the quantiles of demand in any one minute of each hour, shape (h, 13).

        What is not known of the hour and how its minutes differ, together: mean and peak are taken to be high or low
        together, and minutes to be spread around them by MINUTE_SHAPE.
        """
        mean = self.mean_quantiles_per_second[:, :, None]
        above = self.peak_quantiles_per_second[:, :, None] - mean
        values = np.maximum(mean + above * np.array(MINUTE_SHAPE), 0.0).reshape(len(self.hours), -1)
        weights = np.outer(LEVEL_WEIGHTS, LEVEL_WEIGHTS).ravel()
        order = np.argsort(values, axis=1, kind="stable")
        ascending = np.take_along_axis(values, order, axis=1)
        reached = np.cumsum(weights[order], axis=1) - 0.5 * weights[order]
        rows = [np.interp(QUANTILE_LEVELS, *row) for row in zip(reached, ascending, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(self.hours), len(QUANTILE_LEVELS))


def bought_level(critical_ratio: float) -> float:
    """Return the level that is read where a quantile is asked for: one beyond the stored ones is the last of them.

    >>> bought_level(0.9), bought_level(0.999)
    (0.9, 0.99)
    """
    return min(max(critical_ratio, QUANTILE_LEVELS[0]), QUANTILE_LEVELS[-1])


def _at_level(quantiles: Floats, level: float) -> Floats:
    within = bought_level(level)
    right = max(int(np.searchsorted(QUANTILE_LEVELS, within)), 1)
    below, above = QUANTILE_LEVELS[right - 1], QUANTILE_LEVELS[right]
    slopes = (quantiles[:, right] - quantiles[:, right - 1]) / (above - below)
    # a stored level is read as it is stored, not by way of the one before it
    values: Floats = quantiles[:, right] if within == above else slopes * (within - below) + quantiles[:, right - 1]
    return values.copy()
