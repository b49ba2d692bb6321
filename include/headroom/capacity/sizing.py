"""The fewest instances for which a latency objective holds: the inversion of headroom.capacity.queueing."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.capacity.queueing import latency_percentile_seconds, latency_tail, service_tail
from headroom.domain import limits
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts

MOST_SERVERS: Final = 100_000_000
"""Busy servers beyond which no size is given: far more than any fleet, and where the formulas begin to lose digits."""


class ImpossibleObjective(ValueError):  # noqa: N818, the name CONTRACTS-facing callers read
    """No number of instances can meet the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """Instances for a rate, the latency at the objective's percentile with them, and how busy they are."""

    instances: int
    latency_seconds: float
    utilization_fraction: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotQueue:
    """All slots of a fleet as one queue: each request waits for the first free slot and holds it while served.

    One queue in front of all slots is what a balancer that sends work to the instance with a free slot comes close to.
    """

    service_seconds: float
    percentile: float
    latency_seconds: float
    service_cv2: float = 1.0
    arrival_cv2: float = 1.0
    slots: int = 1

    def __post_init__(self) -> None:
        _require_above_zero("service_seconds", self.service_seconds)
        _require_above_zero("latency_seconds", self.latency_seconds)
        for name in ("service_cv2", "arrival_cv2"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be at least 0, found {value}")
        if self.slots < 1:
            raise ValueError(f"slots must be at least 1, found {self.slots}")
        if not 0 < self.percentile < 100:
            raise ValueError(f"percentile must lie between 0 and 100, found {self.percentile}")
        tail = service_tail(
            self.latency_seconds,
            service_seconds=self.service_seconds,
            service_cv2=self.service_cv2,
        )
        if float(tail) > self.allowed_fraction:
            message = (
                f"no number of instances can meet {self.latency_seconds:.9g} s at p{self.percentile:.15g}: service "
                f"alone, {self.service_seconds:.9g} s on average, is longer than that for {100 * float(tail):.3g} % of "
                f"requests"
            )
            raise ImpossibleObjective(message)

    @property
    def allowed_fraction(self) -> float:
        """Share of requests that may take longer than the objective."""
        return 1.0 - self.percentile / 100.0

    @property
    def method(self) -> str:
        """The formula in words."""
        is_exact = self.service_cv2 == 1.0 and self.arrival_cv2 == 1.0
        return (
            "Erlang C (M/M/c)" if is_exact else "Erlang C with Allen-Cunneen wait, corrected for many servers (G/G/c)"
        )

    def is_met(self, instances: npt.ArrayLike, rate_per_second: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether the objective holds, elementwise."""
        tail = latency_tail(
            self.latency_seconds,
            servers=np.asarray(instances, dtype=np.float64) * self.slots,
            rate_per_second=rate_per_second,
            service_seconds=self.service_seconds,
            service_cv2=self.service_cv2,
            arrival_cv2=self.arrival_cv2,
        )
        # A tail equal to what is allowed is met; the last digits of both are rounding.
        is_met: npt.NDArray[np.bool_] = tail <= self.allowed_fraction * (1.0 + 1e-9)
        return is_met

    def instances_for(self, rate_per_second: npt.ArrayLike) -> Counts:
        """Return the fewest instances that keep the objective at each rate, shape as given; 0 where nothing arrives.

        By doubling and bisection over all rates at once: latency falls with instances.
        """
        rate: Floats = np.asarray(rate_per_second, dtype=np.float64)
        if not np.isfinite(rate).all() or (rate < 0).any():
            raise ValueError("rate_per_second must be at least 0 and finite everywhere")
        busy = float(np.max(rate, initial=0.0)) * self.service_seconds
        if busy > MOST_SERVERS:
            raise ImpossibleObjective(
                f"{np.max(rate):.3g} requests a second, each of {self.service_seconds:.3g} s, keep {busy:.3g} slots "
                f"busy; expected at most {MOST_SERVERS:,}"
            )
        low = np.floor(rate * self.service_seconds / self.slots).astype(np.int64)  # never stable: not met
        gap = np.ones_like(low)
        while (is_short := (rate > 0) & ~self.is_met(low + gap, rate)).any():
            gap = np.where(is_short, 2 * gap, gap)
        high = low + gap
        while ((high - low) > 1).any():
            middle = (low + high) // 2
            is_enough = self.is_met(middle, rate) & (middle > low)
            low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
        return np.where(rate > 0, high, 0)

    def rate_of_one_instance(self) -> float:
        """Return the most work per second that one instance alone carries while the objective holds; may be 0."""
        low, high = 0.0, self.slots / self.service_seconds
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if bool(self.is_met(1, middle)) else (low, middle)
        return low

    def latency_at(self, *, instances: int, rate_per_second: float) -> float:
        """Return the latency in seconds at the objective's percentile."""
        latency = latency_percentile_seconds(
            percentile=self.percentile,
            servers=instances * self.slots,
            rate_per_second=rate_per_second,
            service_seconds=self.service_seconds,
            service_cv2=self.service_cv2,
            arrival_cv2=self.arrival_cv2,
        )
        return float(latency)


def size(
    *,
    rate_per_second: float,
    service_seconds: float,
    percentile: float,
    latency_seconds: float,
    service_cv2: float = 1.0,
    arrival_cv2: float = 1.0,
    slots: int = 1,
) -> Sizing:
    """Return the fewest instances of `slots` servers that keep `latency_seconds` at `percentile` (as in 95 or 99.5).

    `service_cv2` and `arrival_cv2` are squared coefficients of variation. ImpossibleObjective when service alone takes
    longer than the objective allows, ValueError for numbers out of range. A rate of 0 needs no instance.
    """
    for name, seconds in (("service_seconds", service_seconds), ("latency_seconds", latency_seconds)):
        limits.require_within(name, seconds, limits.SECONDS)
    for name, cv2 in (("service_cv2", service_cv2), ("arrival_cv2", arrival_cv2)):
        limits.require_within(name, cv2, limits.CV2)
    queue = SlotQueue(
        service_seconds=service_seconds,
        percentile=percentile,
        latency_seconds=latency_seconds,
        service_cv2=service_cv2,
        arrival_cv2=arrival_cv2,
        slots=slots,
    )
    if not (math.isfinite(rate_per_second) and rate_per_second >= 0):
        raise ValueError(f"rate_per_second must be at least 0, found {rate_per_second}")
    instances = int(queue.instances_for(rate_per_second))
    busy = rate_per_second * service_seconds
    return Sizing(
        instances=instances,
        latency_seconds=queue.latency_at(instances=max(1, instances), rate_per_second=rate_per_second),
        utilization_fraction=busy / (instances * slots) if instances else 0.0,
        method=queue.method,
    )


def _require_above_zero(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0, found {value}")
