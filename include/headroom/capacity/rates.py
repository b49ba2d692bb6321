"""How much work one instance of a type carries while the objective holds, and how that is known.

In this order: measured from latency against load (passed in by the caller), the owner's own profile (where the
objective is on tokens: it follows the objective, a number does not), the owner's benchmark in fleets.yaml, the serving
model's queue on one instance (today's type only), or scaled from today's type by specification. Each rate says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from headroom.capacity.batching_profile import BatchingProfile
from headroom.capacity.measured_rate import MeasuredRate
from headroom.capacity.sizing import ImpossibleObjective, SlotQueue
from headroom.capacity.throughput import bandwidth_gb_per_second
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import InstanceType
from headroom.domain.serving import Objective, Slots

_SAGEMAKER_PREFIX: Final = "ml."
_NO_TYPES: Final[Mapping[str, InstanceType]] = MappingProxyType({})
NO_MEASURED_RATES: Final[Mapping[str, MeasuredRate]] = MappingProxyType({})


class UnknownRate(ValueError):  # noqa: N818, the name its callers read
    """Nothing tells what a type carries; the message says what would."""


class RateSource(StrEnum):
    """Where a sustainable rate comes from, best first."""

    HISTORY = "history"
    CONFIGURATION = "configuration"
    SPECIFICATION = "specification"


@dataclass(frozen=True, slots=True, kw_only=True)
class SustainableRate:
    """What one instance of `instance_type` carries, in the fleet's demand unit per second.

    `service_seconds` is the mean service time on this type; None for serving models without one. Today's is that of
    fleets.yaml or, where the rate was measured, the one with which the queue carries what was measured; another type's
    is today's, scaled by the ratio of the rates. `method` says in words how the rate was found.
    """

    instance_type: str
    rate_per_second: float
    source: RateSource
    method: str
    service_seconds: float | None = None


def slot_queue(fleet: Fleet, service_seconds: float) -> SlotQueue | None:
    """Return the queue of a fleet whose instances serve requests in slots; None for any other serving model.

    Tokens per second do not queue for slots one by one, so a fleet whose demand is in tokens has none either.
    ImpossibleObjective when service of this length cannot keep the objective on any number of instances.
    """
    if not isinstance(fleet.serving, Slots) or not _queues_for_slots(fleet):
        return None
    return _queue_of(fleet.serving, fleet.objective, service_seconds)


def most_rate_per_second(fleet: Fleet, rate: SustainableRate) -> float:
    """Return the most work that one instance can carry in any pool, objective or not.

    Where requests are served in slots that is all slots busy all the time; a larger pool comes ever nearer to it. Of
    any other serving model the sustainable rate is the most that is known.
    """
    queue = None if rate.service_seconds is None else slot_queue(fleet, rate.service_seconds)
    return rate.rate_per_second if queue is None else queue.slots / queue.service_seconds


def _queues_for_slots(fleet: Fleet) -> bool:
    is_promised = fleet.objective.latency_seconds is not None
    return isinstance(fleet.serving, Slots) and is_promised and fleet.demand.unit == "requests"


def sustainable_rate(
    fleet: Fleet,
    instance_type: str,
    *,
    types: Mapping[str, InstanceType] = _NO_TYPES,
    measured_rates: Mapping[str, MeasuredRate] = NO_MEASURED_RATES,
    profile: BatchingProfile | None = None,
) -> SustainableRate:
    """Return what one instance of a type carries for this fleet (order of sources: module docstring).

    `types` is the catalogue, by name, with or without SageMaker's "ml."; it is only needed for scaling by
    specification. `measured_rates` are by type, `profile` is the one that `serving` names. UnknownRate when nothing
    tells the rate, ImpossibleObjective when by the profile no rate keeps the objective.
    """
    today = fleet.current_type.name
    reference = _known_rate(fleet, today, measured_rates, profile) or _queue_rate(fleet)
    service_seconds = _service_today(fleet, measured_rates.get(today))
    if instance_type == today:
        if reference is None:
            raise UnknownRate(f"{today}: its rate is unknown; set sustainable_rate_per_second in instance_types")
        return replace(reference, service_seconds=service_seconds)
    known = _known_rate(fleet, instance_type, measured_rates, profile)
    if reference is None:
        if known is None:
            message = (
                f"{instance_type}: neither its rate nor that of today's {today} is known; set one in instance_types"
            )
            raise UnknownRate(message)
        return known
    if known is None:
        known = _scaled_rate(reference, instance_type, types)
    elif known.source is RateSource.CONFIGURATION:
        # a benchmark of one instance compares with today's benchmark, not with what a pool was measured to carry
        reference = _known_rate(fleet, today, NO_MEASURED_RATES, profile) or _queue_rate(fleet) or reference
    if service_seconds is None:
        return known
    return replace(known, service_seconds=service_seconds * reference.rate_per_second / known.rate_per_second)


def find_type(name: str, types: Mapping[str, InstanceType]) -> InstanceType | None:
    """Return a type of the catalogue, which may or may not carry SageMaker's "ml." before its names."""
    return types.get(name) or types.get(name.removeprefix(_SAGEMAKER_PREFIX))


def _known_rate(
    fleet: Fleet,
    name: str,
    measured: Mapping[str, MeasuredRate],
    profile: BatchingProfile | None,
) -> SustainableRate | None:
    if name in measured:
        return SustainableRate(
            instance_type=name,
            rate_per_second=measured[name].rate_per_second,
            source=RateSource.HISTORY,
            method=measured[name].method,
        )
    profiled = None if profile is None else _profiled_rate(fleet, name, profile)
    if profiled is not None:
        return profiled
    for option in fleet.instance_types:
        if option.name == name and option.sustainable_rate_per_second is not None:
            return SustainableRate(
                instance_type=name,
                rate_per_second=option.sustainable_rate_per_second,
                source=RateSource.CONFIGURATION,
                method="sustainable_rate_per_second in fleets.yaml",
            )
    return None


def _profiled_rate(fleet: Fleet, name: str, profile: BatchingProfile) -> SustainableRate | None:
    """Return the rate of a measured type in the fleet's demand unit; None for objectives that are not on tokens."""
    objective, instance = fleet.objective, profile.instance(name)
    if instance is None or objective.ttft_seconds is None or objective.itl_seconds is None:
        return None
    requests_per_second = instance.sustainable_rate(objective)
    work_of_a_request = {
        "requests": 1.0,
        "input_tokens": instance.input_tokens,
        "output_tokens": instance.output_tokens,
    }[fleet.demand.unit]
    return SustainableRate(
        instance_type=name,
        rate_per_second=requests_per_second * work_of_a_request,
        source=RateSource.CONFIGURATION,
        method=(
            f"profile: {instance.batch_at(requests_per_second) or 0.0:.3g} requests running of at most "
            f"{instance.limit}, p{objective.percentile:g} <= {objective.ttft_seconds:g} s to the first token "
            f"and <= {objective.itl_seconds:g} s between tokens"
        ),
    )


def _queue_rate(fleet: Fleet) -> SustainableRate | None:
    """Return what one instance of today's type carries alone by its serving model, where it has request slots."""
    if not isinstance(fleet.serving, Slots):
        return None
    queue = slot_queue(fleet, fleet.serving.service_seconds)
    rate = 0.0 if queue is None else queue.rate_of_one_instance()
    if rate <= 0:
        return None
    return SustainableRate(
        instance_type=fleet.current_type.name,
        rate_per_second=rate,
        source=RateSource.CONFIGURATION,
        method="queueing on one instance by serving in fleets.yaml",
    )


def _scaled_rate(
    reference: SustainableRate,
    name: str,
    types: Mapping[str, InstanceType],
) -> SustainableRate:
    today, other = find_type(reference.instance_type, types), find_type(name, types)
    if today is None or other is None:
        missing = reference.instance_type if today is None else name
        raise UnknownRate(f"{name}: {missing} is not in the catalogue, so its rate cannot be scaled by specification")
    if today.architecture != other.architecture:
        message = (
            f"{name} is {other.architecture} and today's {today.name} {today.architecture}: the workload needs another "
            "build; set its sustainable_rate_per_second once that is measured"
        )
        raise UnknownRate(message)
    factor, basis = _throughput_ratio(today, other)
    return SustainableRate(
        instance_type=name,
        rate_per_second=reference.rate_per_second * factor,
        source=RateSource.SPECIFICATION,
        method=f"{factor:.2f} x the {reference.rate_per_second:.3g}/s of {reference.instance_type} by {basis}",
    )


def _throughput_ratio(today: InstanceType, other: InstanceType) -> tuple[float, str]:
    if not today.gpu_name and not other.gpu_name:
        return other.vcpus / today.vcpus, "vCPUs"
    before, after = bandwidth_gb_per_second(today), bandwidth_gb_per_second(other)
    if before is None or after is None:
        unknown = today if before is None else other
        what = f"GPU {unknown.gpu_name} is not in the table" if unknown.gpu_name else "has no GPU"
        raise UnknownRate(f"{other.name}: {unknown.name} {what}, so no specification compares the two; set its rate")
    return after / before, "GPU memory bandwidth"


def _service_today(fleet: Fleet, measured: MeasuredRate | None) -> float | None:
    """Return the mean service time on today's type; None for serving models without one."""
    if not isinstance(fleet.serving, Slots):
        return None
    if measured is None or not _queues_for_slots(fleet):
        return fleet.serving.service_seconds
    instances = max(1, round(measured.instances))
    return _service_that_holds(fleet.serving, fleet.objective, instances, measured.rate_per_second)


@lru_cache(maxsize=4096)
def _service_that_holds(serving: Slots, objective: Objective, instances: int, rate_per_second: float) -> float:
    """Return the longest service time with which `instances` carry this rate each while the objective holds."""
    low, high = 0.0, serving.slots / rate_per_second
    for _ in range(50):
        middle = 0.5 * (low + high)
        try:
            is_met = bool(_queue_of(serving, objective, middle).is_met(instances, rate_per_second * instances))
        except ImpossibleObjective:
            is_met = False
        low, high = (middle, high) if is_met else (low, middle)
    return low


def _queue_of(serving: Slots, objective: Objective, service_seconds: float) -> SlotQueue:
    return SlotQueue(
        service_seconds=service_seconds,
        service_cv2=serving.service_cv2,
        slots=serving.slots,
        percentile=objective.percentile,
        latency_seconds=objective.latency_seconds or 0.0,
    )
