"""Latency of requests at a pool of slots: M/M/c waiting with the Allen-Cunneen correction, plus the service itself.

P(W > t) = C(c, a) exp(-2 (c mu - lambda) t / (1 + cs2)), with C from Erlang and cs2 the squared coefficient of
variation of a gamma service time. Quantiles are tabulated by the number of slots and read off by utilization.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from headroom.sandbox.world_interface import Floats

QUANTILE_LEVELS: Final = (0.50, 0.90, 0.95, 0.99)
_UTILIZATIONS: Final = np.concatenate([np.linspace(0.0, 0.8, 17), np.linspace(0.82, 0.96, 8), [0.97, 0.98, 0.99]])
LARGEST_UTILIZATION: Final = float(_UTILIZATIONS[-1])
_SERVICE_POINTS: Final = 100
_BISECTIONS: Final = 30
_DETERMINISTIC_CV2: Final = 1e-9


def erlang_c(slots: int, utilization: Floats) -> Floats:
    """Return the chance that a request has to wait, for utilizations below 1, shape as given.

    By the recursion of Erlang B, 1/B(n) = 1 + n / (a B(n-1)), which stays in range for any number of slots.
    """
    offered = utilization * slots
    blocked = np.ones_like(offered)
    for servers in range(1, slots + 1):
        blocked = offered * blocked / (servers + offered * blocked)
    return np.asarray(blocked / (1.0 - utilization * (1.0 - blocked)), dtype=np.float64)


def service_quantiles(level: Floats, *, service_seconds: float, service_cv2: float) -> Floats:
    """Return quantiles of the gamma service time of the given mean and squared coefficient of variation."""
    if service_cv2 < _DETERMINISTIC_CV2:
        return np.full(len(level), service_seconds)
    shape = 1.0 / service_cv2
    return np.asarray(gammaincinv(shape, level) / shape * service_seconds, dtype=np.float64)


@lru_cache(maxsize=512)
def _table(slots: int, service_seconds: float, service_cv2: float) -> tuple[Floats, Floats]:
    """Return latency quantiles, shape (levels, utilizations), and mean latency, shape (utilizations,)."""
    waits = erlang_c(slots, _UTILIZATIONS)
    drain = 2.0 * slots / service_seconds * (1.0 - _UTILIZATIONS) / (1.0 + service_cv2)
    middle = (np.arange(_SERVICE_POINTS) + 0.5) / _SERVICE_POINTS
    service = service_quantiles(middle, service_seconds=service_seconds, service_cv2=service_cv2)
    alone = service_quantiles(np.array(QUANTILE_LEVELS), service_seconds=service_seconds, service_cv2=service_cv2)
    quantiles = np.empty((len(QUANTILE_LEVELS), len(_UTILIZATIONS)))
    for row, level in enumerate(QUANTILE_LEVELS):
        # A wait that nobody has adds nothing; the service's own quantile is exact there, the points are not.
        low = np.full(len(_UTILIZATIONS), alone[row])
        high = low + np.log(1.0 / (1.0 - level)) / drain + service_seconds
        for _ in range(_BISECTIONS):
            guess = (low + high) / 2.0
            left = guess[:, None] - service[None, :]
            tail = np.where(left < 0.0, 1.0, waits[:, None] * np.exp(-drain[:, None] * np.maximum(left, 0.0)))
            is_above = tail.mean(axis=1) > 1.0 - level
            low, high = np.where(is_above, guess, low), np.where(is_above, high, guess)
        quantiles[row] = np.where(waits < 1e-4, alone[row], (low + high) / 2.0)
    return quantiles, service_seconds + waits / drain


def latency(
    slots: npt.NDArray[np.int64],
    utilization: Floats,
    *,
    service_seconds: float,
    service_cv2: float,
) -> tuple[Floats, Floats]:
    """Return latency quantiles at QUANTILE_LEVELS, shape (levels, n), and mean latency, shape (n,), in seconds.

    Utilization above LARGEST_UTILIZATION is read as that: a queue that grows is the caller's to add. Where there are no
    slots or no utilization is known, the latency is NaN.
    """
    quantiles = np.full((len(QUANTILE_LEVELS), len(slots)), np.nan)
    mean = np.full(len(slots), np.nan)
    for count in np.unique(slots):
        if count <= 0:
            continue
        here = (slots == count) & ~np.isnan(utilization)
        table, means = _table(int(count), service_seconds, service_cv2)
        load = np.minimum(utilization[here], LARGEST_UTILIZATION)
        for row in range(len(QUANTILE_LEVELS)):
            quantiles[row, here] = np.interp(load, _UTILIZATIONS, table[row])
        mean[here] = np.interp(load, _UTILIZATIONS, means)
    return quantiles, mean
