"""From a fleet and its recorded demand to the scene that policies are played in; pure."""

from datetime import datetime
from typing import Final

from headroom.capacity import BatchingProfile, SustainableRate, instances_for_demand, sustainable_rate
from headroom.capacity.rates import slot_queue
from headroom.domain.fleet import Fleet
from headroom.domain.serving import ContinuousBatching, Objective, Slots
from headroom.simulation.batching_queue import BatchingQueue
from headroom.simulation.demand_path import DemandError, step_at
from headroom.simulation.engine import Pool
from headroom.simulation.latency_table import RequestQueue, ServingQueue
from headroom.simulation.policy import DemandRecord, ForecastProvider, Scene

TIMEOUT_OVER_OBJECTIVE: Final = 10.0
"""A request that waits ten times its objective has failed, where fleets.yaml says nothing else (CONTRACTS)."""


class SceneError(ValueError):
    """A fleet cannot be played; the message names the key and what was expected."""


def require_playable(fleet: Fleet) -> None:
    """Raise SceneError for a fleet of which the replay has no model, whatever an instance of it carries."""
    if fleet.demand.unit != "requests":
        raise SceneError(f"demand.unit: the replay plays requests, found {fleet.demand.unit}")
    if isinstance(fleet.serving, Slots):
        _latency_seconds(fleet.objective)
    else:
        _ttft_seconds(fleet.objective)


def serving_queue(fleet: Fleet, rate: SustainableRate, profile: BatchingProfile | None = None) -> ServingQueue:
    """Return how an instance of the fleet's type today, which carries `rate`, serves requests.

    `profile`: the one that `serving` names. SceneError for a fleet that the replay cannot play, ImpossibleObjective for
    one whose objective nothing keeps.
    """
    if isinstance(fleet.serving, Slots):
        return request_queue(fleet, service_seconds=rate.service_seconds)
    require_playable(fleet)
    return _batching_queue(fleet, fleet.serving, rate, profile)


def request_queue(fleet: Fleet, *, service_seconds: float | None = None) -> RequestQueue:
    """Return how an instance of the fleet's type today, which has slots, serves requests.

    `service_seconds`: as measured; None means as fleets.yaml tells. SceneError for a fleet that has no slots, or that
    the replay cannot play, ImpossibleObjective for one whose objective nothing keeps.
    """
    require_playable(fleet)
    serving, latency_seconds = fleet.serving, _latency_seconds(fleet.objective)
    if not isinstance(serving, Slots):
        raise SceneError(f"serving.model: expected slots, found {serving.model}")
    service_seconds = service_seconds or serving.service_seconds
    slot_queue(fleet, service_seconds)  # raises where no number of instances keeps the objective
    timeout = serving.timeout_seconds
    try:
        return RequestQueue(
            service_seconds=service_seconds,
            service_cv2=serving.service_cv2,
            slots=serving.slots,
            latency_seconds=latency_seconds,
            percentile=fleet.objective.percentile,
            timeout_seconds=TIMEOUT_OVER_OBJECTIVE * latency_seconds if timeout is None else timeout,
        )
    except ValueError as error:
        raise SceneError(f"serving: {error}") from error


def _latency_seconds(objective: Objective) -> float:
    if objective.latency_seconds is None:
        raise SceneError("objective.latency_seconds: is missing; the replay judges requests by their latency")
    return objective.latency_seconds


def _ttft_seconds(objective: Objective) -> float:
    if objective.ttft_seconds is None or objective.itl_seconds is None:
        raise SceneError(
            "objective: expected ttft_seconds and itl_seconds, which a profile answers, found latency_seconds; the "
            "replay has no model of it for serving.model continuous_batching"
        )
    return objective.ttft_seconds


def _batching_queue(
    fleet: Fleet, serving: ContinuousBatching, rate: SustainableRate, profile: BatchingProfile | None
) -> BatchingQueue:
    today, promised = fleet.current_type.name, _ttft_seconds(fleet.objective)
    instance = None if profile is None else profile.instance(today)
    if instance is None:
        raise SceneError(
            f"serving.profile: {serving.profile} has no row of {today}, and the replay plays what it tells"
        )
    timeout = serving.timeout_seconds
    try:
        return BatchingQueue(
            instance=instance,
            objective=fleet.objective,
            timeout_seconds=TIMEOUT_OVER_OBJECTIVE * promised if timeout is None else timeout,
            sustainable_per_second=rate.rate_per_second,
        )
    except ValueError as error:
        raise SceneError(f"serving: {error}") from error


def fleet_scene(
    fleet: Fleet,
    demand: DemandRecord,
    *,
    start_utc: datetime,
    end_utc: datetime,
    rate: SustainableRate | None = None,
    profile: BatchingProfile | None = None,
    forecasts: ForecastProvider | None = None,
    seed: int = 0,
) -> Scene:
    """Return the scene of [start_utc, end_utc); it starts with what the last known hour's peak needs.

    `rate`: what an instance of today's type carries as production knew at the start; None means as fleets.yaml and
    `profile`, the one that `serving` names, tell it.

    SceneError where the price of the fleet's type today is unknown, DemandError for a span that the demand does not
    have, or without a whole hour before it; UnknownRate; and what serving_queue raises.
    """
    today = fleet.current_type
    rate = rate or sustainable_rate(fleet, today.name, profile=profile)
    queue = serving_queue(fleet, rate, profile)
    if today.on_demand_usd_per_hour is None:
        raise SceneError(f"instance_types: {today.name} has no on_demand_usd_per_hour")
    start, end = step_at(demand, start_utc, name="--from"), step_at(demand, end_utc, name="--to")
    if start >= end:
        raise DemandError(
            f"--from, --to: expected a start before the end, found {start_utc:%FT%TZ} to {end_utc:%FT%TZ}"
        )
    known = DemandRecord(
        start_utc=demand.start_utc, step_seconds=demand.step_seconds, rate_per_second=demand.rate_per_second[:end]
    )
    hours = known.hourly(fleet.id, start_utc)
    if len(hours.hours) == 0:
        raise DemandError(
            f"--from: expected at least one whole hour of demand before it, for policies to learn from; demand begins "
            f"at {demand.start_utc:%FT%TZ}"
        )
    needed = int(instances_for_demand(fleet, rate, hours.peak_per_second[-1:])[0])
    return Scene(
        fleet=fleet,
        start_utc=start_utc,
        steps=end - start,
        known=known,
        queue=queue,
        pool=Pool(
            instance_type=today.name,
            purchase_option="on_demand",
            usd_per_hour=today.on_demand_usd_per_hour,
            lead_time_seconds=fleet.lead_seconds_of(today),
        ),
        rate=rate,
        initial_instances=min(max(needed, fleet.bounds.min_instances), fleet.bounds.max_instances),
        forecasts=forecasts,
        seed=seed,
    )
