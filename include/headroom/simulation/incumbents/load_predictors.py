"""The load predictors of NVIDIA Dynamo's planner, one value ahead, each from the values up to its own place."""

import numpy as np

from headroom.compiled import compiled
from headroom.domain.demand import Floats

_LEAST_POINTS = 8


@compiled
def predict_by_arima(counts: Floats, window: int) -> Floats:
    """Return, for each place, the next value by ARIMA(p, 1, 0) on the last `window` values; shape as given.

    p of 0, 1 or 2 is chosen by Akaike's criterion, the coefficients by least squares; under 8 values, the last one.
    """
    predicted = counts.copy()
    for place in range(_LEAST_POINTS - 1, counts.size):
        changes = np.diff(counts[max(0, place + 1 - window) : place + 1])
        now, one, two = changes[2:], changes[1:-1], changes[:-2]
        total, first, second = (now * now).sum(), (one * one).sum(), (two * two).sum()
        along_one, along_two, cross = (now * one).sum(), (now * two).sum(), (one * two).sum()
        least, ahead = np.log(max(total, 1e-12)) * now.size, 0.0
        if first > 0.0:
            phi = along_one / first
            score = np.log(max(total - phi * along_one, 1e-12)) * now.size + 2.0
            if score < least:
                least, ahead = score, phi * changes[-1]
        determinant = first * second - cross * cross
        if determinant > 1e-9 * first * second:
            phi = (along_one * second - along_two * cross) / determinant
            psi = (along_two * first - along_one * cross) / determinant
            score = np.log(max(total - phi * along_one - psi * along_two, 1e-12)) * now.size + 4.0
            if score < least:
                ahead = phi * changes[-1] + psi * changes[-2]
        predicted[place] = max(0.0, counts[place] + ahead)
    return predicted


@compiled
def predict_by_kalman(
    counts: Floats, level_noise: float, trend_noise: float, noise: float, least_points: int
) -> Floats:
    """Return, for each place, the next value by a Kalman filter with level and trend; shape as given.

    Noises are variances a step: of the level, of the trend, and of what is seen. Until `least_points`, the last value.
    """
    predicted = counts.copy()
    if counts.size == 0:
        return predicted
    level, trend = counts[0], 0.0
    var_level, cov, var_trend = noise, 0.0, noise
    for place in range(1, counts.size):
        level += trend
        var_level += 2.0 * cov + var_trend + level_noise
        cov += var_trend
        var_trend += trend_noise
        gain, gain_trend = var_level / (var_level + noise), cov / (var_level + noise)
        surprise = counts[place] - level
        level += gain * surprise
        trend += gain_trend * surprise
        var_trend -= gain_trend * cov
        cov *= 1.0 - gain
        var_level *= 1.0 - gain
        if place + 1 >= least_points:
            predicted[place] = max(0.0, level + trend)
    return predicted
