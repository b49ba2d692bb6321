"""Weights of members per horizon band, from their rolling-origin errors on the series' own history."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES, band_indices
from headroom.forecasting.calendar import Flags
from headroom.forecasting.rolling_origin import OriginPaths

_SHARPNESS: Final = 3.0
"""Weight is proportional to error ** -3: near ties share, a member twice as wrong gets an eighth."""
_LEAST_WEIGHT: Final = 0.10
"""Below this a member costs a fit and changes nothing."""
_ERROR_LIMIT: Final = 3.0
"""An error counts for at most 3 times the q90 of all members' errors: one freak hour must not choose the members."""

Weights = dict[str, float]


def weights_by_band(found: OriginPaths) -> dict[str, Weights]:
    """Return, per band, the weights (summing to 1) of the members; bands without evidence take the nearest before.

    Members are compared where all of them served, so that an easy day flatters nobody; members that never served
    together with the rest (too little history then) are left out.
    """
    names = list(found.paths)
    errors = np.array([np.abs(found.paths[name] - found.actuals) for name in names])
    served = _served_together(np.isfinite(errors))
    bands = band_indices(np.arange(1, found.actuals.shape[1] + 1))
    weights: dict[str, Weights] = {}
    latest: Weights = {}
    for number, band in enumerate(BAND_NAMES):
        in_band = errors[:, :, bands == number]
        if not in_band.size:
            continue
        latest = _weigh(names, in_band, served) or latest
        weights[band] = latest
    return {band: chosen or _equal(names, served) for band, chosen in weights.items()}


def _served_together(is_there: Flags) -> list[int]:
    """Return the members that served at some step together, without those who served least where all never did."""
    served = sorted(np.flatnonzero(is_there.any(axis=(1, 2))).tolist(), key=lambda index: -int(is_there[index].sum()))
    while len(served) > 1 and not is_there[served].all(axis=0).any():
        served.pop()
    return sorted(served)


def _weigh(names: list[str], errors: Floats, served: list[int]) -> Weights:
    is_common = np.isfinite(errors[served]).all(axis=0)
    if not served or not is_common.any():
        return {}
    common = errors[served][:, is_common]
    limit = _ERROR_LIMIT * float(np.quantile(common, 0.90))
    means = np.minimum(common, limit if limit > 0 else np.inf).mean(axis=1)
    floor = 1e-9 * float(means.max()) or 1.0
    raw = ((means.min() + floor) / (means + floor)) ** _SHARPNESS
    raw /= raw.sum()
    raw[raw < _LEAST_WEIGHT] = 0.0
    raw /= raw.sum()
    return {names[index]: round(float(weight), 6) for index, weight in zip(served, raw, strict=True) if weight > 0}


def _equal(names: list[str], served: list[int]) -> Weights:
    chosen = served or list(range(len(names)))
    return {names[index]: 1.0 / len(chosen) for index in chosen}


def combine(paths: Mapping[str, Floats], weights: Mapping[str, Weights]) -> Floats:
    """Return the weighted mean of paths (..., horizon_steps), each band by its weights.

    Where a weighted member has no value (NaN) the others share its weight; NaN where none has one.
    """
    shape = next(iter(paths.values())).shape
    bands = band_indices(np.arange(1, shape[-1] + 1))
    total, weight_sum = np.zeros(shape), np.zeros(shape)
    for name, path in paths.items():
        by_step = np.array([weights.get(band, {}).get(name, 0.0) for band in BAND_NAMES])[bands]
        is_there = np.isfinite(path)
        total += np.where(is_there, path, 0.0) * by_step
        weight_sum += is_there * by_step
    return np.where(weight_sum > 0, total / np.where(weight_sum > 0, weight_sum, 1.0), np.nan)
