"""Waiting and latency of a pool of equal servers, first come first served. Formulas only: no fleets, no instances.

Erlang's C formula gives the chance of waiting for Poisson arrivals and exponential service, and with it the mean wait.
For other service and arrival variation Allen and Cunneen multiply the mean wait by (Ca2 + Cs2) / 2 (A. O. Allen,
Probability, Statistics and Queueing Theory, 2nd ed. 1990, section 5.3). That is right close to saturation only: with
many servers that are often idle, who waits waits for the next of many services under way to end, and their variation
matters less. `variation_factor` corrects for it; it is 1 for M/M/c. The tail is kept exponential, with the corrected
chance and mean of waiting: P(W > t) = C exp(-C t / E[W]). C is Erlang's for Poisson arrivals; `chance_of_waiting` has
others, which come in crowds or evenly: by Erlang's C, arrivals of Ca2 4 got up to a tenth too few of 100 servers. A
request's wait and its own service time are independent under first come first served, so latency is their sum, here
with gamma distributed service in closed form. The request-level simulator judges all of it
(tests/bench/bench_sizing.py; of other arrivals tests/unit/simulation/test_sizes_by_requests.py).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
_BISECTIONS = 80
_LEAST_PEAKEDNESS = 0.02
_LEAST_CV2 = 1e-9
"""Less variation is none: the gamma distribution's shape, its inverse, would leave the formulas no digits."""


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


def variation_factor(
    servers: npt.ArrayLike, utilization_fraction: npt.ArrayLike, *, service_cv2: float = 1.0, arrival_cv2: float = 1.0
) -> Floats:
    """Return the mean wait over the one of Poisson arrivals and exponential service, elementwise.

    Fixed service waits (1 + g) / 2 times as long as exponential service, where
    g = (1 - rho) (c - 1) (sqrt(4 + 5 c) - 2) / (16 rho c) (G. P. Cosmetatos, INFOR 13, 1975), and at most c / (c + 1)
    times, the limit of light load: the first of c services under way ends after that share of what exponential ones
    would take. Arrivals of another peakedness than Poisson's see servers in groups of it (`chance_of_waiting`).
    Service of less variation than exponential lies between the two harmonically (T. Kimura, Management Science 32,
    1986); more variation extends the line through both (G. P. Cosmetatos, Operational Research Quarterly 27, 1976).

    >>> variation_factor([1, 100], 0.9, service_cv2=0.25).round(3).tolist()
    [0.625, 0.689]
    """
    together = peakedness(service_cv2=service_cv2, arrival_cv2=arrival_cv2)
    count = np.maximum(np.asarray(servers, dtype=np.float64) / together, 1.0)
    busy = np.asarray(utilization_fraction, np.float64)
    with np.errstate(all="ignore"):  # g is infinite, or 0 / 0 for one server, where nothing arrives: the limit holds
        gain = (1.0 - busy) * (count - 1.0) * (np.sqrt(4.0 + 5.0 * count) - 2.0) / (16.0 * busy * count)
    fixed = np.fmin(gain, (count - 1.0) / (count + 1.0))
    if service_cv2 <= 1:
        correction = (1.0 + fixed) / (1.0 + fixed * service_cv2)
    else:
        correction = 1.0 + fixed * (1.0 - service_cv2) / (1.0 + service_cv2)
    factor: Floats = 0.5 * (arrival_cv2 + service_cv2) * correction
    return factor


def peakedness(*, service_cv2: float, arrival_cv2: float) -> float:
    """Return the variance over the mean of the servers that a renewal process of arrivals keeps busy; 1 for Poisson.

    1 + (Ca2 - 1) E[min(S1, S2)] / E[S] for two services S1 and S2, the limit of many arrivals a service (A. A.
    Borovkov, Theory of Probability and its Applications 12, 1967); for gamma service of shape k the last term is
    1 - G(k + 1/2) / (sqrt(pi) G(k + 1)), half for exponential service.

    >>> peakedness(service_cv2=1.0, arrival_cv2=4.0)
    2.5
    """
    if service_cv2 < _LEAST_CV2:
        return max(arrival_cv2, _LEAST_PEAKEDNESS)
    shape = 1.0 / service_cv2
    spread = math.exp(special.gammaln(shape + 0.5) - special.gammaln(shape + 1.0)) / math.sqrt(math.pi)
    return max(1.0 + (arrival_cv2 - 1.0) * (1.0 - spread), _LEAST_PEAKEDNESS)


def chance_of_waiting(
    servers: npt.ArrayLike, offered_load: npt.ArrayLike, *, service_cv2: float = 1.0, arrival_cv2: float = 1.0
) -> Floats:
    """Return the chance that an arrival waits, elementwise: Erlang's for Poisson arrivals.

    Others keep as many servers busy on average, but more or fewer of them together: they wait as Poisson arrivals of
    groups of z requests do for servers in groups of z, z being their peakedness (Hayward's approximation: A. A.
    Fredericks, Bell System Technical Journal 59, 1980).
    """
    together = peakedness(service_cv2=service_cv2, arrival_cv2=arrival_cv2)
    count, load = np.asarray(servers, dtype=np.float64), np.asarray(offered_load, dtype=np.float64)
    return probability_of_waiting(count / together, load / together)


def mean_wait_seconds(
    *,
    servers: npt.ArrayLike,
    rate_per_second: npt.ArrayLike,
    service_seconds: float,
    service_cv2: float = 1.0,
    arrival_cv2: float = 1.0,
) -> Floats:
    """Return the mean wait before service, elementwise; infinite where the queue grows for ever."""
    is_stable, count, load = _stable(servers, np.asarray(rate_per_second, dtype=np.float64) * service_seconds)
    factor = variation_factor(count, load / count, service_cv2=service_cv2, arrival_cv2=arrival_cv2)
    chance = chance_of_waiting(count, load, service_cv2=service_cv2, arrival_cv2=arrival_cv2)
    wait = chance * service_seconds / (count - load) * factor
    return np.where(is_stable, wait, np.inf)


def _stable(servers: npt.ArrayLike, offered_load: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Return where the load is below the servers, and both there; elsewhere one idle server, which divides safely."""
    count, load = np.broadcast_arrays(np.asarray(servers, dtype=np.float64), np.asarray(offered_load, dtype=np.float64))
    is_stable = load < count
    return is_stable, np.where(is_stable, count, 1.0), np.where(is_stable, load, 0.0)


def service_tail(seconds: npt.ArrayLike, *, service_seconds: float, service_cv2: float) -> Floats:
    """Return the chance that gamma distributed service of this mean and squared variation lasts beyond `seconds`."""
    moment = np.asarray(seconds, dtype=np.float64)
    if service_cv2 < _LEAST_CV2:
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
    service_cv2, arrival_cv2 = (0.0 if cv2 < _LEAST_CV2 else cv2 for cv2 in (service_cv2, arrival_cv2))
    moment = np.asarray(seconds, dtype=np.float64)
    is_stable, count, load = _stable(servers, np.asarray(rate_per_second, dtype=np.float64) * service_seconds)
    moment, is_stable, count, load = np.broadcast_arrays(moment, is_stable, count, load)
    alone = service_tail(moment, service_seconds=service_seconds, service_cv2=service_cv2)
    if arrival_cv2 + service_cv2 == 0:  # a clockwork of arrivals and services: who finds a stable queue does not wait
        return np.where(is_stable, alone, 1.0)
    factor = variation_factor(count, load / count, service_cv2=service_cv2, arrival_cv2=arrival_cv2)
    decay = (count - load) / (service_seconds * factor)
    if service_cv2 == 0:
        waited = np.where(moment < service_seconds, 0.0, np.exp(-decay * np.maximum(moment - service_seconds, 0.0)))
    else:
        waited = _exponential_over_gamma(
            moment, decay, shape=1.0 / service_cv2, rate=1.0 / (service_seconds * service_cv2)
        )
    late = alone + chance_of_waiting(count, load, service_cv2=service_cv2, arrival_cv2=arrival_cv2) * waited
    return np.where(is_stable, np.minimum(late, 1.0), 1.0)


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
