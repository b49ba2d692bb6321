"""Conformal calibration: quantiles of the forecast are its path plus the quantiles of its own past errors, per band."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import ndtri

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting import losses
from headroom.forecasting.bands import BAND_CENTRES, BAND_NAMES, band_indices
from headroom.forecasting.members import State
from headroom.forecasting.scale import LEVEL, Scale

FEWEST_ERRORS: Final = 8
"""With fewer errors in a band, the band before it is widened instead, at first that of the errors of all bands."""
_BAND_GROWTH: Final = 1.2
"""Widening from one band to the next where the next has no errors of its own; 1.1 to 1.3 on the series measured."""
_WIDENING: Final = (1.15, 1.15, 1.15, 1.3, 1.3, 1.3)
"""By band. Weights were chosen on the very errors the bands come from, and the future differs more than the past did.

The origins of a few weeks overlap in the bands from a day ahead on, so that their errors are fewer than they look.

Measured on the three groups of series of docs/decisions/0020-which-members.md: 1.0 covers 75, 77 and 75 % at the
nominal 80 %, these cover 82, 80 and 81 %, 1.3 everywhere 83, 80 and 82 %.
"""
NEAR_STEPS: Final = 2
"""Steps ahead whose errors, typical and recent, say whether the series is in calm or rough water."""
_TYPICAL_ERRORS: Final = 8
"""Recent errors count as if so many typical ones stood beside them: a dozen are few."""
_LEAST_STRETCH, _MOST_STRETCH = 0.7, 4.0
_FREAK_ERROR: Final = 10.0
"""A recent error counts for at most 10 typical ones."""
_BANDS_NARROWED: Final = 2
"""A calm day narrows the first bands only: it promises nothing for tomorrow."""
_STRETCH_FADES: Final = 0.7
"""Power, per band, by which the stretch of a band is less than that of the band before it."""
_LEVELS: Final = np.array(QUANTILE_LEVELS)
_MOST_LOG_OFFSET: Final = 5_000.0
"""No two numbers there are lie so far apart, bands widened twice over included; a kept offset beyond it is damaged."""
_ROUNDING: Final = 1e-9
_MOST_OFFSET: Final = 1e103
"""Demand is at most 1e100 in size (series_frames.py), and bands are widened twice over."""
_SPELL_QUANTILE: Final = 0.75
"""A spell of half a day shows in this quantile of the day's errors, a lone hour does not."""
_Q10, _Q90 = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)
_NORMAL_OFFSETS: Final = ndtri(_LEVELS) / np.sqrt(2 / np.pi)
"""Quantiles of normal errors whose mean size is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Per band the 13 offsets that turn a path into quantiles, on `scale`.

    `near_error`: mean size of the past errors of the next NEAR_STEPS steps, on `scale`; 0 where none was seen.
    """

    scale: Scale
    offsets: dict[str, tuple[float, ...]]
    near_error: float = 0.0

    def quantiles(self, path: Floats, *, steps_late: int = 0) -> Floats:
        """Return quantiles (..., steps, 13) around `path` (..., steps); never crossing.

        Between the centres of two bands the offsets are drawn out evenly over the logarithm of the steps ahead.
        `steps_late`: hours missing at the end of the history; each step ahead is that much further from the newest
        value, and takes its offsets from there.
        """
        ahead = np.log(np.arange(1, path.shape[-1] + 1) + steps_late)
        offsets = np.array([self.offsets[band] for band in BAND_NAMES])
        rows = np.column_stack([np.interp(ahead, np.log(BAND_CENTRES), column) for column in offsets.T])
        return np.maximum.accumulate(self.scale.backward(self.scale.forward(path)[..., np.newaxis] + rows), axis=-1)

    def stretched(self, paths: Floats, actuals: Floats, *, least: float = 0.0) -> "Calibration":
        """Return the calibration with offsets as wide as the newest errors ask for.

        `paths`, `actuals`: any shape, the next NEAR_STEPS steps from origins of the last day. After a new level or in
        a rough spell the past's bands are too narrow, in a calm one too wide. `least`: no band gets less than so many
        times its width, 0 for no opinion.
        """
        errors = np.abs(self.scale.forward(actuals) - self.scale.forward(paths))
        seen = errors[np.isfinite(errors)]
        if seen.any() and np.ptp(self.offsets[BAND_NAMES[0]][_Q10 : _Q90 + 1]) == 0:
            return self._as_wide_as(float(np.quantile(seen, _SPELL_QUANTILE)))
        if not len(seen) or self.near_error <= 0:
            return self._widened([max(least, 1.0)] * len(BAND_NAMES))
        size = float((np.minimum(seen, _FREAK_ERROR * self.near_error) / self.near_error).sum())
        stretch = np.clip((size + _TYPICAL_ERRORS) / (len(seen) + _TYPICAL_ERRORS), _LEAST_STRETCH, _MOST_STRETCH)
        widths = [
            stretch ** (_STRETCH_FADES**number) if number < _BANDS_NARROWED or stretch > 1 else 1.0
            for number in range(len(BAND_NAMES))
        ]
        return self._widened([max(width, least) for width in widths])

    def _as_wide_as(self, size: float) -> "Calibration":
        """Return offsets of normal errors of mean size `size`: a past that was always right tells of none."""
        offsets = tuple((size * _NORMAL_OFFSETS).tolist())
        return replace(self, offsets=dict.fromkeys(BAND_NAMES, offsets))

    def _widened(self, widths: Sequence[float]) -> "Calibration":
        bands = zip(BAND_NAMES, widths, strict=True)
        offsets = {band: tuple((width * np.array(self.offsets[band])).tolist()) for band, width in bands}
        return replace(self, offsets=offsets)

    def state(self) -> State:
        """Return the calibration as JSON values."""
        offsets = {band: list(values) for band, values in self.offsets.items()}
        scale = {"kind": self.scale.kind, "offset": self.scale.offset}
        return {"scale": scale, "offsets": offsets, "near_error": self.near_error}

    @classmethod
    def restore(cls, state: State) -> "Calibration":
        """Return the calibration that `state()` described; ValueError where offsets or error cannot be."""
        offsets = {band: tuple(map(float, state["offsets"][band])) for band in BAND_NAMES}
        if {len(values) for values in offsets.values()} != {len(_LEVELS)}:
            raise ValueError(f"offsets: expected {len(_LEVELS)} numbers a band")
        scale, rows, near_error = Scale(**state["scale"]), np.array([*offsets.values()]), float(state["near_error"])
        most = _MOST_LOG_OFFSET if scale.kind == "log" else _MOST_OFFSET
        rounding = _ROUNDING * np.abs(rows).max()
        if not (np.abs(rows) <= most).all() or (np.diff(rows, axis=1) < -rounding).any():
            raise ValueError(f"offsets: expected ascending numbers of at most {most:g}")
        if not 0 <= near_error < np.inf:
            raise ValueError(f"near_error: expected a size, found {near_error}")
        return cls(scale=scale, offsets=offsets, near_error=near_error)


def calibrate(paths: Floats, actuals: Floats, *, log_scale: Scale) -> Calibration:
    """Return the calibration of `paths` (origins, steps) against `actuals`, on whichever scale gives less pinball loss.

    Errors of a growing or daily-cycling demand are proportional to it, those of a noisy floor are not: both are tried.
    """
    choices = [_calibrate_on(scale, paths, actuals) for scale in dict.fromkeys((log_scale, LEVEL))]
    return min(choices, key=lambda choice: _loss(choice, paths, actuals))


def default_calibration(scale: Scale, offsets: tuple[float, ...]) -> Calibration:
    """Return a calibration for series too short to have errors of their own: `offsets`, wider in each later band."""
    grown = {band: tuple(offset * _BAND_GROWTH**number for offset in offsets) for number, band in enumerate(BAND_NAMES)}
    return Calibration(scale=scale, offsets=grown)


def _calibrate_on(scale: Scale, paths: Floats, actuals: Floats) -> Calibration:
    errors = scale.forward(actuals) - scale.forward(paths)
    bands = band_indices(np.arange(1, paths.shape[1] + 1))
    offsets: dict[str, tuple[float, ...]] = {}
    known = errors[np.isfinite(errors)]
    latest = _error_quantiles(known) if len(known) >= FEWEST_ERRORS else np.zeros(len(_LEVELS))
    for number, band in enumerate(BAND_NAMES):
        in_band = errors[:, bands == number]
        seen = in_band[np.isfinite(in_band)]
        latest = _error_quantiles(seen) * _WIDENING[number] if len(seen) >= FEWEST_ERRORS else latest * _BAND_GROWTH
        offsets[band] = tuple(float(value) for value in latest)
    near = np.abs(errors[:, :NEAR_STEPS])
    near_error = float(np.nanmean(near)) if np.isfinite(near).any() else 0.0
    return Calibration(scale=scale, offsets=offsets, near_error=near_error)


def _error_quantiles(errors: Floats) -> Floats:
    """Return error quantiles, at the levels moved outwards as split conformal prediction asks for: (n + 1) / n.

    Their median is taken out: the path stays the median, since a few weeks' origins cannot tell bias from luck.
    """
    outward = (_LEVELS - 0.5) * (len(errors) + 1) / len(errors) + 0.5
    found = np.quantile(errors, np.clip(outward, 0.0, 1.0))
    offsets: Floats = found - found[losses.MEDIAN_INDEX]
    return offsets


def _loss(calibration: Calibration, paths: Floats, actuals: Floats) -> float:
    is_there = np.isfinite(paths)
    quantiles = calibration.quantiles(np.where(is_there, paths, 0.0))
    loss = losses.pinball(actuals[is_there], quantiles[is_there])
    return loss if np.isfinite(loss) else 0.0  # nothing was seen to judge by
