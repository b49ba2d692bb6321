"""Hours in which a fleet was saturated: what was seen is the least that demand can have been, and counts as no less."""

from dataclasses import replace
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calendar import Flags
from headroom.forecasting.medians import column_medians
from headroom.forecasting.series import Series

LEAST_CENSORED_FRACTION: Final = 0.5
"""An hour is saturated where half of its samples were: a few minutes of high latency turn no demand away."""


def saturated_flags(censored_fraction: Floats) -> Flags:
    """Return whether each hour was saturated; NaN where nobody knows, which is no."""
    flags: Flags = np.nan_to_num(censored_fraction) >= LEAST_CENSORED_FRACTION
    return flags


def raised_where_saturated(series: Series, is_saturated: Flags) -> Series:
    """Return the series with saturated hours raised to the median of the others at their hour of the week.

    None is lowered, and one without any other at its hour of the week stays as it was seen: other days of the week say
    nothing of it. `is_saturated`: shape (n,).
    """
    if not is_saturated.any():
        return series
    week = series.seasons[-1]
    others = np.where(is_saturated, np.nan, series.observed)
    weeks = np.concatenate([others, np.full(-len(others) % week, np.nan)]).reshape(-1, week)
    usual = column_medians(weeks)[np.arange(len(others)) % week]
    is_raised = is_saturated & (usual > series.observed)  # never where either is NaN
    return replace(series, observed=np.where(is_raised, usual, series.observed), raised_count=int(is_raised.sum()))
