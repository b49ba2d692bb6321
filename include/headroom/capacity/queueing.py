"""Waiting and latency of a pool of equal servers, first come first served. Formulas only: no fleets, no instances.

Erlang's C formula gives the chance of waiting for Poisson arrivals and exponential service. For other service and
arrival variation, Allen and Cunneen's approximation scales the mean wait by (Ca2 + Cs2) / 2, and keeps the tail
exponential: P(W > t) = C exp(-2 (c mu - lambda) t / (Ca2 + Cs2)) (A. O. Allen, Probability, Statistics and Queueing
Theory, 2nd ed. 1990, section 5.3; exact for M/M/c). A request's wait and its own service time are independent under
first come first served, so latency is their sum, here with gamma distributed service in closed form.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
_BISECTIONS = 80


def probability_of_waiting(servers: npt.ArrayLike, offered_load: npt.ArrayLike) -> Floats:
    """Return Erlang's C: the chance that an arrival waits, elementwise; 1 where the load is not below the servers.

    `offered_load` is arrival rate x mean service time, in servers kept busy. Erlang's B is the Poisson probability of
    `servers` over that of at most `servers`, taken in logarithms, so thousands of servers neither overflow nor lose
    digits.

    >>> round(float(probability_of_waiting(2, 1.0)), 4)
    0.3333
    """
    count, load = np.broadcast_arrays(np.asarray(servers, dtype=np.float64), np.asarray(offered_load, dtype=np.float64))
    is_stable = load < count
    safe_load = np.where(is_stable, load, 0.5 * count)
    log_exactly = special.xlogy(count, safe_load) - safe_load - special.gammaln(count + 1.0)
    blocking = np.exp(log_exactly - np.log(special.gammaincc(count + 1.0, safe_load)))
    occupancy = np.divide(safe_load, count, out=np.zeros_like(safe_load), where=count > 0)
    waiting = blocking / (1.0 - occupancy * (1.0 - blocking))
    return np.where(is_stable, np.where(safe_load > 0, waiting, 0.0), 1.0)


def mean_wait_seconds(
    *,
    servers: npt.ArrayLike,
    rate_per_second: npt.ArrayLike,
    service_seconds: float,
    service_cv2: float = 1.0,
    arrival_cv2: float = 1.0,
) -> Floats:
    """Return Allen and Cunneen's mean wait before service, elementwise; infinite where the queue grows for ever."""
    count, rate = np.broadcast_arrays(np.asarray(servers, dtype=np.float64), np.asarray(rate_per_second, np.float64))
    spare = count / service_seconds - rate
    waiting = probability_of_waiting(count, rate * service_seconds)
    with np.errstate(divide="ignore"):
        return np.where(spare > 0, waiting / np.maximum(spare, 0.0) * (arrival_cv2 + service_cv2) / 2.0, np.inf)


def service_tail(seconds: npt.ArrayLike, *, service_seconds: float, service_cv2: float) -> Floats:
    """Return the chance that gamma distributed service of this mean and squared variation lasts beyond `seconds`."""
    moment = np.asarray(seconds, dtype=np.float64)
    if service_cv2 == 0:
        return np.where(moment < service_seconds, 1.0, 0.0)
    tail: Floats = special.gammaincc(1.0 / service_cv2, np.maximum(moment, 0.0) / (service_seconds * service_cv2))
    return tail


def latency_tail(
    seconds: npt.ArrayLike,
    *,
    servers: npt.ArrayLike,
    rate_per_second: npt.ArrayLike,
    service_seconds: float,
    service_cv2: float = 1.0,
    arrival_cv2: float = 1.0,
) -> Floats:
    """Return the chance that waiting plus service lasts beyond `seconds`, elementwise; 1 where the queue is unstable.

    With wait W, zero or exponential with decay theta, and gamma service S of shape k and rate beta,
    P(W + S > t) = P(S > t) + C integral over x in [0, t] of exp(-theta (t - x)) dP(S <= x). The integral has two
    closed forms, one for each sign of beta - theta: by the incomplete gamma function, or by Kummer's function.
    """
    moment, count, rate = np.broadcast_arrays(
        np.asarray(seconds, dtype=np.float64),
        np.asarray(servers, dtype=np.float64),
        np.asarray(rate_per_second, dtype=np.float64),
    )
    spare = count / service_seconds - rate
    is_stable = spare > 0
    waiting = probability_of_waiting(count, rate * service_seconds)
    variation = arrival_cv2 + service_cv2
    alone = service_tail(moment, service_seconds=service_seconds, service_cv2=service_cv2)
    if variation == 0:  # a clockwork of arrivals and services: who finds a stable queue does not wait
        return np.where(is_stable, alone, 1.0)
    decay = np.where(is_stable, 2.0 * spare / variation, 1.0)
    if service_cv2 == 0:
        waited = np.where(moment < service_seconds, 0.0, np.exp(-decay * np.maximum(moment - service_seconds, 0.0)))
    else:
        waited = _exponential_over_gamma(
            moment, decay, shape=1.0 / service_cv2, rate=1.0 / (service_seconds * service_cv2)
        )
    return np.where(is_stable, np.minimum(alone + waiting * waited, 1.0), 1.0)


def _exponential_over_gamma(moment: Floats, decay: Floats, *, shape: float, rate: float) -> Floats:
    """Return the integral over x in [0, t] of exp(-decay (t - x)) f(x), f being the gamma density; elementwise."""
    time = np.maximum(moment, 0.0)
    is_slow = decay < rate * (1.0 - 1e-9)
    slower = np.where(is_slow, rate - decay, rate)
    by_gamma = np.exp(
        np.where(is_slow, shape * np.log(rate / slower) - decay * time, -np.inf),
    ) * special.gammainc(shape, slower * time)
    faster = np.where(is_slow, 0.0, decay - rate)
    log_density = special.xlogy(shape, rate * time) - rate * time - special.gammaln(shape + 1.0)
    by_kummer = np.exp(log_density) * special.hyp1f1(1.0, shape + 1.0, -np.maximum(faster, 0.0) * time)
    integral: Floats = np.where(is_slow, by_gamma, by_kummer)
    return integral


def latency_percentile_seconds(
    *,
    percentile: float,
    servers: npt.ArrayLike,
    rate_per_second: npt.ArrayLike,
    service_seconds: float,
    service_cv2: float = 1.0,
    arrival_cv2: float = 1.0,
) -> Floats:
    """Return the latency that `percentile` percent of requests stay within, elementwise; infinite if unstable.

    Found by bisection on `latency_tail`, to a relative precision of about 1e-12.
    """
    count, rate = np.broadcast_arrays(np.asarray(servers, dtype=np.float64), np.asarray(rate_per_second, np.float64))
    allowed = 1.0 - percentile / 100.0
    is_stable = rate * service_seconds < count

    def tail(moment: Floats) -> Floats:
        return latency_tail(
            moment,
            servers=count,
            rate_per_second=rate,
            service_seconds=service_seconds,
            service_cv2=service_cv2,
            arrival_cv2=arrival_cv2,
        )

    low, high = np.zeros(count.shape), np.full(count.shape, service_seconds)
    while (is_long := is_stable & (tail(high) > allowed)).any():
        high = np.where(is_long, 2.0 * high, high)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        is_beyond = tail(middle) > allowed
        low, high = np.where(is_beyond, middle, low), np.where(is_beyond, high, middle)
    return np.where(is_stable, high, np.inf)
