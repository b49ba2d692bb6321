"""Autoregressive residual correction: what a smooth path missed an hour, a day and a week ago, it will miss again.

Measured on M4 hourly: lags 1, 24 and 168 on a log scale take Prophet's OWA from .832 to .499.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import State

_LARGEST_COEFFICIENT_SUM: Final = 0.98
"""Below 1 the recursion cannot explode, whatever was fitted."""
_CLIP_SIGMAS: Final = 4.0
"""A residual counts for at most this many robust standard deviations: one outlier must not echo for a week."""
_SIGMA_PER_MAD: Final = 1.4826
_ROWS_PER_LAG: Final = 20
_RIDGE_FRACTION: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualCorrection:
    """Coefficients per lag (steps), and the largest residual that is believed, on the path's scale."""

    lags: tuple[int, ...]
    coefficients: tuple[float, ...]
    limit: float

    def extend(self, residuals: Floats, horizon_steps: int) -> Floats:
        """Return the residuals expected after `residuals`, shape (horizon_steps,).

        Residuals that were not seen (NaN) are stood in for by their own expectation, so a gap at the end only fades
        the correction.
        """
        if not self.lags:
            return np.zeros(horizon_steps)
        reach = max(self.lags)
        recent = np.clip(residuals[-2 * reach :], -self.limit, self.limit)
        known = np.concatenate([np.zeros(reach), recent, np.full(horizon_steps, np.nan)])
        pairs = tuple(zip(self.lags, self.coefficients, strict=True))
        filled = known.tolist()
        for position in np.flatnonzero(np.isnan(known)).tolist():
            filled[position] = sum(coefficient * filled[position - lag] for lag, coefficient in pairs)
        return np.array(filled[len(filled) - horizon_steps :])

    def state(self) -> State:
        """Return the correction as JSON values."""
        return {"lags": list(self.lags), "coefficients": list(self.coefficients), "limit": self.limit}

    @classmethod
    def restore(cls, state: State) -> "ResidualCorrection":
        """Return the correction that `state()` described."""
        return cls(lags=tuple(state["lags"]), coefficients=tuple(state["coefficients"]), limit=state["limit"])


NO_CORRECTION: Final = ResidualCorrection(lags=(), coefficients=(), limit=0.0)


def fit_residual_correction(residuals: Floats, lags: tuple[int, ...]) -> ResidualCorrection:
    """Return the correction fitted to `residuals` (NaN: not seen) by ridge regression on those `lags` it can carry.

    A lag is used where at least 20 rows a lag stay after it; where none is, nothing is corrected.
    """
    seen = np.abs(residuals[np.isfinite(residuals)])
    limit = float(_CLIP_SIGMAS * _SIGMA_PER_MAD * np.median(seen)) if len(seen) else 0.0
    clipped = np.clip(residuals, -limit, limit)
    for count in range(len(lags), 0, -1):
        used = lags[:count]
        rows, target = _lagged(clipped, used)
        if limit > 0 and len(target) >= _ROWS_PER_LAG * count:
            return ResidualCorrection(lags=used, coefficients=_ridge(rows, target), limit=limit)
    return NO_CORRECTION


def _lagged(residuals: Floats, lags: tuple[int, ...]) -> tuple[Floats, Floats]:
    reach = max(lags)
    if len(residuals) <= reach:
        return np.empty((0, len(lags))), np.empty(0)
    target = residuals[reach:]
    rows = np.column_stack([residuals[reach - lag : len(residuals) - lag] for lag in lags])
    is_whole = np.isfinite(target) & np.isfinite(rows).all(axis=1)
    return rows[is_whole], target[is_whole]


def _ridge(rows: Floats, target: Floats) -> tuple[float, ...]:
    products = rows.T @ rows
    penalty = _RIDGE_FRACTION * np.trace(products) / len(products)
    coefficients = np.linalg.solve(products + penalty * np.eye(len(products)), rows.T @ target)
    total = float(np.abs(coefficients).sum())
    if total > _LARGEST_COEFFICIENT_SUM:
        coefficients = coefficients * (_LARGEST_COEFFICIENT_SUM / total)
    return tuple(float(coefficient) for coefficient in coefficients)
