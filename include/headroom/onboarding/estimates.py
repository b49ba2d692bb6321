"""First guesses of what only the owner knows, from two weeks of the target's own hours; each says what it rests on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.account import FoundTarget, MetricSummary
from headroom.domain.demand import Floats
from headroom.domain.fleet import TargetKind

LATENCY_MARGIN: Final = 1.5
"""A drafted objective over the usual p95: what is promised is above what is usual."""
DEFAULT_LATENCY_SECONDS: Final = 2.0
DEFAULT_SERVICE_SECONDS: Final = 0.5
QUIET_SHARE: Final = 0.1
"""Share of hours, those of least latency, that count as unloaded."""
DEFAULT_LEAD_SECONDS: Final = {
    TargetKind.EC2_AUTO_SCALING_GROUP: 300,
    TargetKind.ECS_SERVICE: 240,
    TargetKind.SAGEMAKER_VARIANT: 480,
    TargetKind.SAGEMAKER_INFERENCE_COMPONENT: 300,
    TargetKind.KUBERNETES_DEPLOYMENT: 240,
}
MODEL_LOAD_SECONDS: Final = 120
"""Added to measured launches where the group states no warm-up: an instance in service has not loaded its model yet."""
COUNTRY_OF_REGION: Final = {
    "ap-northeast-1": "JP",
    "ap-northeast-2": "KR",
    "ap-northeast-3": "JP",
    "ap-south-1": "IN",
    "ap-southeast-1": "SG",
    "ap-southeast-2": "AU",
    "ca-central-1": "CA",
    "eu-central-1": "DE",
    "eu-north-1": "SE",
    "eu-south-1": "IT",
    "eu-west-1": "IE",
    "eu-west-2": "GB",
    "eu-west-3": "FR",
    "sa-east-1": "BR",
}
"""Country that each AWS region lies in (AWS Regions, 2026-11); those that are not listed count as the US."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A value for fleets.yaml and what it rests on."""

    value: float
    why: str
    is_measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Guesses of everything a fleet must say and the account does not; `rate` is None where nothing tells it."""

    latency_seconds: Guess
    service_seconds: Guess
    slots: Guess
    rate: Guess | None
    lead_seconds: Guess
    min_instances: Guess
    max_instances: Guess


def estimate(found: FoundTarget, summary: MetricSummary) -> Estimates:
    """Return guesses for a target from its hours; an empty summary leaves defaults that say they are."""
    demand, p50, p95, instances = (
        np.asarray(values, dtype=np.float64)
        for values in (
            summary.demand_per_second,
            summary.latency_p50_seconds,
            summary.latency_p95_seconds,
            summary.instances,
        )
    )
    latency = _latency(p95)
    service = _service(p50)
    return Estimates(
        latency_seconds=latency,
        service_seconds=service,
        slots=_slots(demand, p50, instances),
        rate=_rate(demand, p95, instances, latency.value),
        lead_seconds=_lead(found),
        min_instances=_bound(found.min_instances, found.desired_instances, found, is_least=True),
        max_instances=_bound(found.max_instances, found.desired_instances, found, is_least=False),
    )


def country_of(region: str) -> str:
    """Return the country of an AWS region, the US where it is not known."""
    return COUNTRY_OF_REGION.get(region, "US")


def round_up(value: float) -> float:
    """Return `value` rounded up to two significant digits.

    >>> round_up(0.3412), round_up(12.1)
    (0.35, 13.0)
    """
    return _rounded(value, math.ceil)


def round_down(value: float) -> float:
    """Return `value` rounded down to two significant digits.

    >>> round_down(0.3412), round_down(12.9)
    (0.34, 12.0)
    """
    return _rounded(value, math.floor)


def _rounded(value: float, whole: Callable[[float], int]) -> float:
    digits = 1 - math.floor(math.log10(value))
    scale = 10.0**digits
    return float(round(whole(round(value * scale, 6)) / scale, max(digits, 0)))


def _latency(p95: Floats) -> Guess:
    usual = float(np.nanmedian(p95)) if np.isfinite(p95).any() else 0.0
    if usual <= 0.0:  # nothing was answered, or too quickly to be measured
        return Guess(
            value=DEFAULT_LATENCY_SECONDS, why="no latency is measured: say what you promise", is_measured=False
        )
    why = f"{LATENCY_MARGIN:g} x the usual hour's p95 of {usual:.3g} s: replace it by what you promise"
    return Guess(value=round_up(usual * LATENCY_MARGIN), why=why, is_measured=True)


def _service(p50: Floats) -> Guess:
    quiet = float(np.nanquantile(p50, QUIET_SHARE)) if np.isfinite(p50).any() else 0.0
    if quiet <= 0.0:
        return Guess(
            value=DEFAULT_SERVICE_SECONDS, why="no latency is measured: measure one request alone", is_measured=False
        )
    # The mean of an exponential time (service_cv2 1) is its median / ln 2.
    why = f"mean service time with a median of {quiet:.3g} s, that of the quietest hours"
    return Guess(value=round_up(quiet / math.log(2)), why=why, is_measured=True)


def _slots(demand: Floats, p50: Floats, instances: Floats) -> Guess:
    """Return the requests an instance was seen working on at a time (Little's law), in its busiest hour."""
    if not len(demand) or not len(p50) or not len(instances):
        return Guess(value=1, why="not measured: how many requests one instance works on at a time", is_measured=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_a_time = demand * p50 / instances
    seen = at_a_time[np.isfinite(at_a_time)]
    if not len(seen):
        return Guess(value=1, why="not measured: how many requests one instance works on at a time", is_measured=False)
    busiest = float(seen.max())
    why = f"{busiest:.2g} requests at a time were seen on an instance in its busiest hour; it may take more"
    return Guess(value=max(1, math.ceil(busiest)), why=why, is_measured=True)


def _rate(demand: Floats, p95: Floats, instances: Floats, latency_seconds: float) -> Guess | None:
    """Return the most that an instance was seen carrying in an hour that kept the drafted objective."""
    if not len(demand) or not len(instances):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        carried = demand / instances
    held = p95 <= latency_seconds if len(p95) else np.ones(len(carried), dtype=bool)
    seen = carried[held & np.isfinite(carried) & (carried > 0)]
    if not len(seen):
        return None
    most = float(seen.max())
    kept = "with the drafted objective kept" if len(p95) else "its latency unknown"
    why = f"the most an instance was seen carrying in an hour, {kept}: a load test will show more"
    return Guess(value=round_down(most), why=why, is_measured=True)


def _lead(found: FoundTarget) -> Guess:
    default = DEFAULT_LEAD_SECONDS[found.target.kind]
    if not found.launch_seconds:
        why = "no launch was seen: launch + model load + warm-up, measure one"
        return Guess(value=max(default, found.warmup_seconds or 0), why=why, is_measured=False)
    usual = float(np.median(found.launch_seconds))
    warmup = found.warmup_seconds or MODEL_LOAD_SECONDS
    said = "the group's default warm-up" if found.warmup_seconds else "assumed for loading the model"
    why = f"{usual:.0f} s from launch to in service (median of {len(found.launch_seconds)}) + {warmup} s {said}"
    return Guess(value=math.ceil((usual + warmup) / 30) * 30, why=why, is_measured=True)


def _bound(bound: int | None, desired: int | None, found: FoundTarget, *, is_least: bool) -> Guess:
    if bound is not None:
        least = max(1, bound) if not is_least else bound
        return Guess(value=least, why="the target's own", is_measured=True)
    count = desired if desired is not None else 1
    why = "it has no bounds: not registered with Application Auto Scaling" if not found.is_registered else "not read"
    return Guess(value=min(1, count) if is_least else max(1, 2 * count), why=why, is_measured=False)
