"""A queue in front of equal servers, request by request and exactly: the judge of formulas and of the replay.

Requests are served in the order in which they come (FCFS, G/G/c): each starts at its arrival or when the first server
gets free, whichever is later. Draws of arrivals and service times live here too, and percentiles with confidence
intervals. Formulas for the same queue are in headroom.capacity.queueing; fleets, launches and policies are not here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from headroom.compiled import compiled
from headroom.domain.demand import Floats


def poisson_arrival_seconds(random: np.random.Generator, *, rate_per_second: float, count: int) -> Floats:
    """Return `count` arrival times of a Poisson process that begins at 0, ascending, shape (count,)."""
    _require_above_zero("rate_per_second", rate_per_second)
    return np.cumsum(random.standard_exponential(count)) / rate_per_second


def gamma_service_seconds(random: np.random.Generator, *, mean_seconds: float, cv2: float, count: int) -> Floats:
    """Return gamma distributed service times of this mean and squared variation, all equal at 0; shape (count,)."""
    _require_service(mean_seconds, cv2)
    if cv2 == 0:
        return np.full(count, mean_seconds)
    return random.standard_gamma(1.0 / cv2, count) * (mean_seconds * cv2)


def lognormal_service_seconds(random: np.random.Generator, *, mean_seconds: float, cv2: float, count: int) -> Floats:
    """Return lognormal service times of this mean and squared variation, all equal at 0; shape (count,).

    A lognormal of log mean m and log variance v has mean exp(m + v / 2) and squared variation exp(v) - 1.
    """
    _require_service(mean_seconds, cv2)
    log_variance = math.log1p(cv2)
    log_mean = math.log(mean_seconds) - 0.5 * log_variance
    return random.lognormal(log_mean, math.sqrt(log_variance), count)


def simulate_queue(arrival_seconds: Floats, service_seconds: Floats, *, servers: int) -> Floats:
    """Return how long each request waits before its service, in seconds, shape (n,); its latency is wait plus service.

    `arrival_seconds`: ascending, shape (n,). `service_seconds`: of the same requests, shape (n,). All servers are free
    at first. ValueError for shapes that differ, times out of order, negative or not finite, or no server.

    >>> simulate_queue(np.array([0.0, 1.0, 2.0]), np.array([4.0, 4.0, 1.0]), servers=2).tolist()
    [0.0, 0.0, 2.0]
    """
    arrivals = np.ascontiguousarray(arrival_seconds, dtype=np.float64)
    services = np.ascontiguousarray(service_seconds, dtype=np.float64)
    if arrivals.ndim != 1 or arrivals.shape != services.shape:
        raise ValueError(f"arrivals and services must be of one length, found {arrivals.shape} and {services.shape}")
    if servers < 1:
        raise ValueError(f"servers must be at least 1, found {servers}")
    if not (np.isfinite(arrivals).all() and (np.diff(arrivals) >= 0).all()):
        raise ValueError("arrival_seconds must be finite and ascending")
    if not (np.isfinite(services).all() and (services >= 0).all()):
        raise ValueError("service_seconds must be finite and at least 0")
    waits = np.empty_like(arrivals)
    _wait(arrivals, services, np.full(servers, -np.inf), waits)
    return waits


@compiled
def _wait(arrivals: Floats, services: Floats, free_at: Floats, waits: Floats) -> None:
    """Write into `waits`. `free_at`: when each server gets free, kept as a binary heap, the earliest at its root."""
    servers = free_at.size
    for request in range(arrivals.size):
        start = max(arrivals[request], free_at[0])
        waits[request] = start - arrivals[request]
        done = start + services[request]
        hole, child = 0, 1  # the root's server takes the request: let its new time sink to its place
        while child < servers:
            if child + 1 < servers and free_at[child + 1] < free_at[child]:
                child += 1
            if free_at[child] >= done:
                break
            free_at[hole] = free_at[child]
            hole, child = child, 2 * child + 1
        free_at[hole] = done


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure from a simulation, and the ends of its confidence interval; all in one unit."""

    value: float
    low: float
    high: float


def estimate_mean(values: Floats, *, batches: int = 20, confidence_fraction: float = 0.95) -> Estimate:
    """Return the mean of a stationary run's values with its confidence interval by batch means."""
    return _by_batch_means(values, np.mean, batches=batches, confidence_fraction=confidence_fraction)


def estimate_percentile(
    values: Floats, *, percentile: float, batches: int = 20, confidence_fraction: float = 0.95
) -> Estimate:
    """Return a percentile (as in 95 or 99.5) of a stationary run's values with its interval by batch means."""
    if not 0 < percentile < 100:
        raise ValueError(f"percentile must lie between 0 and 100, found {percentile}")

    def statistic(part: Floats) -> np.floating:
        return np.percentile(part, percentile)

    return _by_batch_means(values, statistic, batches=batches, confidence_fraction=confidence_fraction)


def _by_batch_means(
    values: Floats, statistic: Callable[[Floats], np.floating], *, batches: int, confidence_fraction: float
) -> Estimate:
    """Return the statistic of all values; the interval is Student's around it, from the spread over equal batches.

    Successive requests are not independent, but batches much longer than a queue's memory nearly are. What is left
    over by dividing into equal batches is dropped, from the front (A. M. Law, Simulation Modeling and Analysis, 5th
    ed. 2015, section 9.5.3).
    """
    if not 2 <= batches <= len(values):
        raise ValueError(f"batches must lie between 2 and the {len(values)} values, found {batches}")
    kept = values[len(values) % batches :]
    value = float(statistic(kept))
    of_batches = [float(statistic(part)) for part in kept.reshape(batches, -1)]
    student = float(special.stdtrit(batches - 1, 0.5 + 0.5 * confidence_fraction))
    half_width = student * float(np.std(of_batches, ddof=1)) / batches**0.5
    return Estimate(value=value, low=value - half_width, high=value + half_width)


def _require_above_zero(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0, found {value}")


def _require_service(mean_seconds: float, cv2: float) -> None:
    _require_above_zero("mean_seconds", mean_seconds)
    if not (math.isfinite(cv2) and cv2 >= 0):
        raise ValueError(f"cv2 must be at least 0, found {cv2}")
