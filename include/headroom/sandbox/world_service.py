"""What a fleet's instances make of its demand: utilization, latency, errors, in 5-minute samples; metrics not.

Minutes are served by the replay's engine (headroom.simulation.given_capacity), with the instances that the fleet's
group had in each: one queue decides what a replay says and what the sandbox's cloud does.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.sandbox.demand_generator import STEPS_PER_DAY
from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats
from headroom.simulation.given_capacity import NOBODY, serve
from headroom.simulation.latency_table import RequestQueue
from headroom.units import PERCENT_PER_FRACTION, SECONDS_PER_MINUTE

QUANTILE_LEVELS: Final = (0.50, 0.90, 0.95, 0.99)

ERROR_FRACTION: Final = 2e-5
DEPLOY_ERROR_FRACTION: Final = 4e-3
_DEPLOYS_PER_DAY: Final = 0.3
_DEPLOY_STEPS: Final = 2

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

    def __init__(self, *, queue: RequestQueue, seed: int, fleet_number: int) -> None:
        self._queue = queue
        self._waiting = NOBODY
        self._steps = 0
        self._key = (seed, fleet_number)
        self._errors = np.random.default_rng([*self._key, _ERRORS])
        self._gauges = np.random.default_rng([*self._key, _GAUGES])

    @property
    def rate_per_instance(self) -> float:
        """Work per second that one instance can do at most."""
        return self._queue.rate_per_second

    def serve(
        self,
        *,
        arrived: Floats,
        is_reported: npt.NDArray[np.bool_],
        in_service: npt.NDArray[np.int64],
        entered: npt.NDArray[np.int64],
    ) -> ServedSteps:
        """Serve the next block of steps; `in_service` and `entered` have a row a step and a column a minute."""
        minutes = in_service.shape[1]
        served = serve(
            np.repeat(np.nan_to_num(arrived) / SAMPLE_SECONDS, minutes),
            in_service.ravel(),
            step_seconds=float(SECONDS_PER_MINUTE),
            queue=self._queue,
            before=self._waiting,
            together=minutes,
        )
        self._waiting = served.after
        instances = in_service.sum(axis=1)
        busy = (in_service * served.utilization.reshape(-1, minutes)).sum(axis=1)
        unknown = np.where(np.isnan(arrived), np.nan, 0.0)
        fraction = np.full(len(arrived), ERROR_FRACTION)
        fraction[self._is_deploying(len(arrived))] = DEPLOY_ERROR_FRACTION
        failed = np.rint(served.failed.reshape(-1, minutes).sum(axis=1))
        errors = self._errors.poisson(np.nan_to_num(arrived) * fraction) + failed
        self._steps += len(arrived)
        quantiles = [served.latency_seconds(PERCENT_PER_FRACTION * level) for level in QUANTILE_LEVELS]
        return ServedSteps(
            arrived=arrived,
            is_reported=is_reported,
            errors=np.minimum(errors, np.nan_to_num(arrived)) + unknown,
            utilization=np.divide(busy, instances, out=np.full(len(arrived), np.nan), where=instances > 0) + unknown,
            latency_seconds=np.stack(quantiles) + unknown,
            latency_mean_seconds=served.mean_latency_seconds + unknown,
            in_service_mean=in_service.mean(axis=1),
            in_service_min=in_service.min(axis=1).astype(np.float64),
            in_service_max=in_service.max(axis=1).astype(np.float64),
            entered_service=entered.sum(axis=1).astype(np.float64),
            gauge_noise=self._gauges.standard_normal(len(arrived)),
        )

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
