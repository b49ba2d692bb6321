"""Naive rules with a band: the season before, and how far about it demand has come; what ours stands beside."""

import numpy as np

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting.naive import seasonal_naive


def naive_quantiles(known: Floats, *, season: int, horizon_steps: int) -> Floats:
    """Return quantiles (horizon_steps, 13) after the end of `known`, NaN where not seen; `known` has a value seen.

    The median is the season before; around it lie the quantiles of its past errors, their median taken out. Steps
    beyond the first season repeat it, with the errors of as many seasons back. Where none was seen, the band has no
    width. Never negative where `known` never is.
    """
    path = seasonal_naive(known, season=season, horizon_steps=horizon_steps)
    quantiles = np.repeat(path[:, np.newaxis], len(QUANTILE_LEVELS), axis=1)
    for first in range(0, horizon_steps, season):
        back = first + season
        errors = known[back:] - known[:-back]
        seen = errors[np.isfinite(errors)]
        if len(seen):
            quantiles[first:back] += np.quantile(seen, QUANTILE_LEVELS) - np.median(seen)
    return np.maximum(quantiles, 0.0) if np.nanmin(known) >= 0 else quantiles
