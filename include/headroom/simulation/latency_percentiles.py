"""Latency of many requests, read off how many took longer than each latency of a grid; pure."""

import numpy as np

from headroom.domain.demand import Floats

_NONE = 1e-300
"""Stands for no request at all where its logarithm is taken."""


def latency_percentiles(slower: Floats, latencies_seconds: Floats, percentile: float) -> Floats:
    """Return the latency that `percentile` (above 0, below 100) percent of requests stay within, shape (n,).

    `slower`: requests slower than each of `latencies_seconds`, shape (n, latencies); the first latency is 0, the others
    ascend. NaN where there are no requests, infinite where the latency lies beyond the last. Between two latencies the
    chance of being slower falls about exponentially, so its logarithm is interpolated.

    >>> latency_percentiles(np.array([[100.0, 10.0, 1.0]]), np.array([0.0, 1.0, 2.0]), 90.0).round(9).tolist()
    [1.0]
    """
    allowed = slower[:, 0] * (1.0 - percentile / 100.0)
    beyond = (slower > allowed[:, None]).sum(axis=1)
    inside = np.clip(beyond, 1, len(latencies_seconds) - 1)
    rows = np.arange(len(slower))
    first, second = (np.log(np.maximum(slower[rows, place], _NONE)) for place in (inside - 1, inside))
    fall = first - second
    share = np.where(fall > 0, (first - np.log(np.maximum(allowed, _NONE))) / np.where(fall > 0, fall, 1.0), 1.0)
    low, high = latencies_seconds[inside - 1], latencies_seconds[inside]
    found = np.where(beyond < len(latencies_seconds), low + share * (high - low), np.inf)
    return np.where(slower[:, 0] > 0, found, np.nan)


def mean_latencies(slower: Floats, latencies_seconds: Floats) -> Floats:
    """Return the mean latency, shape (n,): the area under the chance of being slower; NaN where there are no requests.

    Arguments as for `latency_percentiles`. What lies beyond the last latency is left out.

    >>> mean_latencies(np.array([[10.0, 10.0, 0.0]]), np.array([0.0, 1.0, 2.0])).tolist()
    [1.5]
    """
    gaps = np.diff(latencies_seconds, prepend=0.0, append=latencies_seconds[-1])
    area = slower @ ((gaps[:-1] + gaps[1:]) / 2.0)
    mean: Floats = np.divide(area, slower[:, 0], out=np.full(len(slower), np.nan), where=slower[:, 0] > 0)
    return mean
