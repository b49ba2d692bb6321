"""What a fleet's instances make of its demand, step by step: utilization, queue, latency, errors; metrics not."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.fleet import Slots
from headroom.sandbox.demand_generator import STEPS_PER_DAY
from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats
from headroom.sandbox.world_queueing import LARGEST_UTILIZATION, QUANTILE_LEVELS, latency

ERROR_FRACTION: Final = 2e-5
DEPLOY_ERROR_FRACTION: Final = 4e-3
_DEPLOYS_PER_DAY: Final = 0.3
_DEPLOY_STEPS: Final = 2
TIMEOUT_MULTIPLE: Final = 10.0
"""A request is given up after this many times the latency objective, unless the serving model names a timeout."""

# Streams of random numbers, apart from those of the demand.
_ERRORS, _GAUGES, _DEPLOYS = range(100, 103)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedSteps:
    """What happened in each 5-minute step; shape (n,) but for `latency_seconds`, (levels, n). NaN where unknown."""

    arrived: Floats
    is_reported: npt.NDArray[np.bool_]
    errors: Floats
    utilization: Floats
    """Share of slots that were busy, at most 1; NaN without an instance or without known demand."""
    latency_seconds: Floats
    latency_mean_seconds: Floats
    in_service_mean: Floats
    in_service_min: Floats
    in_service_max: Floats
    entered_service: Floats
    gauge_noise: Floats

    def __len__(self) -> int:
        return len(self.arrived)

    def then(self, later: "ServedSteps") -> "ServedSteps":
        """Return these steps followed by `later`."""
        return ServedSteps(
            **{
                field.name: np.concatenate([getattr(self, field.name), getattr(later, field.name)], axis=-1)
                for field in fields(self)
            },
        )


class Service:
    """Serves one fleet's demand; the queue that is left at the end of a block waits for the next one."""

    def __init__(self, *, serving: Slots, timeout_seconds: float, seed: int, fleet_number: int) -> None:
        self._serving = serving
        self._timeout_seconds = timeout_seconds
        self._queue = 0.0
        self._steps = 0
        self._key = (seed, fleet_number)
        self._errors = np.random.default_rng([*self._key, _ERRORS])
        self._gauges = np.random.default_rng([*self._key, _GAUGES])

    @property
    def rate_per_instance(self) -> float:
        """Work per second that one instance can do at most."""
        return self._serving.slots / self._serving.service_seconds

    def serve(
        self,
        *,
        arrived: Floats,
        is_reported: npt.NDArray[np.bool_],
        in_service: npt.NDArray[np.int64],
        entered: npt.NDArray[np.int64],
    ) -> ServedSteps:
        """Serve the next block of steps; `in_service` and `entered` have a row a step and a column a minute."""
        instances = in_service.mean(axis=1)
        capacity = instances * self.rate_per_instance * SAMPLE_SECONDS
        queue, dropped = self._queue_up(np.nan_to_num(arrived), capacity)
        with np.errstate(divide="ignore", invalid="ignore"):
            load = np.where(capacity > 0.0, arrived / capacity, np.nan)
            wait = np.where(capacity > 0.0, (queue[:-1] + queue[1:]) / 2.0 / capacity * SAMPLE_SECONDS, np.nan)
        is_queueing = queue[1:] > 0.0
        utilization = np.where(is_queueing & ~np.isnan(load), 1.0, np.minimum(load, 1.0))
        quantiles, mean = latency(
            np.rint(instances * self._serving.slots).astype(np.int64),
            np.where(arrived > 0.0, np.minimum(load, LARGEST_UTILIZATION), np.nan),
            service_seconds=self._serving.service_seconds,
            service_cv2=self._serving.service_cv2,
        )
        fraction = np.full(len(arrived), ERROR_FRACTION)
        fraction[self._is_deploying(len(arrived))] = DEPLOY_ERROR_FRACTION
        errors = self._errors.poisson(np.nan_to_num(arrived) * fraction) + dropped
        self._steps += len(arrived)
        return ServedSteps(
            arrived=arrived,
            is_reported=is_reported,
            errors=np.where(np.isnan(arrived), np.nan, np.minimum(errors, np.nan_to_num(arrived))),
            utilization=utilization,
            latency_seconds=quantiles + wait,
            latency_mean_seconds=mean + wait,
            in_service_mean=instances,
            in_service_min=in_service.min(axis=1).astype(np.float64),
            in_service_max=in_service.max(axis=1).astype(np.float64),
            entered_service=entered.sum(axis=1).astype(np.float64),
            gauge_noise=self._gauges.standard_normal(len(arrived)),
        )

    def _queue_up(self, arrived: Floats, capacity: Floats) -> tuple[Floats, Floats]:
        """Return the queue before each step and after the last, shape (n + 1,), and what was given up, shape (n,)."""
        queue, dropped = np.zeros(len(arrived) + 1), np.zeros(len(arrived))
        queue[0] = waiting = self._queue
        if waiting == 0.0 and (arrived <= capacity).all():
            return queue, dropped
        longest = capacity / SAMPLE_SECONDS * self._timeout_seconds
        for step in range(len(arrived)):
            waiting = max(0.0, waiting + arrived[step] - capacity[step])
            dropped[step] = max(0.0, waiting - longest[step])
            waiting -= dropped[step]
            queue[step + 1] = waiting
        self._queue = float(waiting)
        return queue, dropped

    def _is_deploying(self, count: int) -> npt.NDArray[np.bool_]:
        """Return where the owner was rolling out a version: ten minutes of some errors, about twice a week."""
        first, last = self._steps // STEPS_PER_DAY, (self._steps + count) // STEPS_PER_DAY
        steps = np.arange(self._steps, self._steps + count)
        is_deploying = np.zeros(count, dtype=np.bool_)
        for day in range(first, last + 1):
            random = np.random.default_rng([*self._key, _DEPLOYS, day])
            if random.random() < _DEPLOYS_PER_DAY:
                begin = day * STEPS_PER_DAY + int(random.uniform(14.0, 20.0) / 24.0 * STEPS_PER_DAY)
                is_deploying |= (steps >= begin) & (steps < begin + _DEPLOY_STEPS)
        return is_deploying


def empty_steps() -> ServedSteps:
    """Return no steps at all."""
    nothing = np.empty(0)
    return ServedSteps(
        arrived=nothing,
        is_reported=np.empty(0, dtype=np.bool_),
        errors=nothing,
        utilization=nothing,
        latency_seconds=np.empty((len(QUANTILE_LEVELS), 0)),
        latency_mean_seconds=nothing,
        in_service_mean=nothing,
        in_service_min=nothing,
        in_service_max=nothing,
        entered_service=nothing,
        gauge_noise=nothing,
    )
