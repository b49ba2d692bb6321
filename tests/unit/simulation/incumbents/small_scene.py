"""A fleet whose instances serve ten requests a second each, and its demand hour by hour."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from tests.unit.capacity.small_fleet import fleet

from headroom.capacity import RateSource, SustainableRate
from headroom.domain.demand import Floats
from headroom.domain.fleet import Bounds
from headroom.domain.serving import Objective, Slots
from headroom.simulation.engine import Pool, Run, run
from headroom.simulation.latency_table import RequestQueue
from headroom.simulation.policy import DemandRecord, Policy, Scene

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
LATENCY_SECONDS = 5.0
QUEUE = RequestQueue(
    service_seconds=1.0,
    service_cv2=1.0,
    slots=10,
    latency_seconds=LATENCY_SECONDS,
    percentile=95.0,
    timeout_seconds=50.0,
)


def scene(
    rates: Floats | Sequence[float],
    *,
    history_steps: int = 0,
    step_seconds: float = 60.0,
    lead_time_seconds: float = 180.0,
    initial: int = 4,
    most: int = 100,
    least: int = 1,
) -> Scene:
    """Return the scene of these rates a step; the first `history_steps` lie before the replay's start."""
    return Scene(
        fleet=fleet(
            serving=Slots(service_seconds=1.0, slots=10),
            objective=Objective(latency_seconds=LATENCY_SECONDS),
            bounds=Bounds(min_instances=least, max_instances=most),
        ),
        start_utc=MONDAY + timedelta(seconds=history_steps * step_seconds),
        steps=len(rates) - history_steps,
        known=DemandRecord(
            start_utc=MONDAY, step_seconds=step_seconds, rate_per_second=np.array(rates, dtype=np.float64)
        ),
        queue=QUEUE,
        pool=Pool(
            instance_type="g5.xlarge",
            purchase_option="on_demand",
            usd_per_hour=1.0,
            lead_time_seconds=lead_time_seconds,
        ),
        rate=SustainableRate(
            instance_type="g5.xlarge",
            rate_per_second=8.0,
            source=RateSource.CONFIGURATION,
            method="as the test says",
            service_seconds=1.0,
        ),
        initial_instances=initial,
    )


def hourly_scene(rates: Sequence[float], *, history_hours: int = 0, initial: int = 4, most: int = 100) -> Scene:
    """Return the scene of these rates an hour, in steps of five minutes."""
    return scene(
        np.repeat(np.array(rates, dtype=np.float64), 12),
        history_steps=12 * history_hours,
        step_seconds=300.0,
        initial=initial,
        most=most,
    )


def play(policy: Policy, of: Scene) -> Run:
    """Play a policy over its scene."""
    return run(
        of.known.rate_per_second[len(of.known.rate_per_second) - of.steps :],
        policy.plan(of),
        step_seconds=of.step_seconds,
        queue=of.queue,
        most_instances=of.fleet.bounds.max_instances,
        initial_instances=[of.initial_instances],
    )
