"""Coarse demand -> 5-minute demand: mean-preserving interpolation times correlated gamma noise. Pure numpy."""

from itertools import accumulate

import numpy as np
from scipy.special import gammaincinv, ndtr

from headroom.sandbox.world_interface import Floats


def gamma_noise(
    count: int,
    *,
    variation: float,
    correlation_minutes: float,
    step_minutes: float,
    random: np.random.Generator,
) -> Floats:
    """Return `count` gamma variates of mean 1 and coefficient of variation `variation`, shape (count,).

    They are a Gaussian autoregression of first order, exp(-step / correlation) from step to step, put through the gamma
    quantile function. Drawing more from a generator in the same state gives the same first values.
    """
    if variation == 0.0:
        return np.ones(count)
    decay = np.exp(-step_minutes / correlation_minutes)
    shocks = random.standard_normal(count) * np.sqrt(1.0 - decay**2)
    if count:
        shocks[0] /= np.sqrt(1.0 - decay**2)
    gaussian = np.fromiter(accumulate(shocks.tolist(), lambda last, shock: decay * last + shock), np.float64, count)
    shape = 1.0 / variation**2
    return np.asarray(gammaincinv(shape, ndtr(gaussian)) / shape, dtype=np.float64)


def interpolate_preserving_mean(rate: Floats, *, parts: int) -> Floats:
    """Split each value of `rate` into `parts` that follow its neighbours linearly and keep its mean.

    A step starts and ends at the midpoint with its neighbour (its own value, where that is missing), and bends in its
    middle so that the mean is kept; where the bend would fall below 0, it stays at 0 and the step is rescaled. NaN
    stays NaN. Shape (n,) -> (n * parts,).
    """
    if len(rate) == 0:
        return np.empty(0)
    before = np.concatenate([rate[:1], rate[:-1]])
    after = np.concatenate([rate[1:], rate[-1:]])
    left = np.where(np.isnan(before), rate, (before + rate) / 2.0)
    right = np.where(np.isnan(after), rate, (after + rate) / 2.0)
    middle = np.maximum(2.0 * rate - (left + right) / 2.0, 0.0)
    position = (np.arange(parts) + 0.5) / parts
    rising = left[:, None] + (middle - left)[:, None] * (2.0 * position)[None, :]
    falling = middle[:, None] + (right - middle)[:, None] * (2.0 * position - 1.0)[None, :]
    split = np.where(position[None, :] < 0.5, rising, falling)
    return rescale_to_means(split.reshape(-1), rate)


def rescale_to_means(fine: Floats, means: Floats) -> Floats:
    """Scale `fine`, in equal runs for each value of `means`, so that every run has its mean; 0 stays 0."""
    runs = fine.reshape(len(means), -1)
    present = runs.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(present > 0.0, means / present, np.where(np.isnan(present), np.nan, 0.0))
    return np.asarray((runs * factor[:, None]).reshape(-1), dtype=np.float64)


def burst_model(
    rate: Floats,
    *,
    parts: int,
    step_minutes: float,
    random: np.random.Generator,
    variation: float = 0.15,
    correlation_minutes: float = 10.0,
) -> Floats:
    """Turn each value of `rate` into `parts` steps: interpolation times noise, rescaled so that each keeps its mean."""
    smooth = interpolate_preserving_mean(rate, parts=parts)
    noise = gamma_noise(
        len(smooth),
        variation=variation,
        correlation_minutes=correlation_minutes,
        step_minutes=step_minutes,
        random=random,
    )
    return rescale_to_means(smooth * noise, rate)
