"""A small fleet, its forecast and a catalogue of four types, with numbers that can be worked by hand."""

from datetime import UTC, datetime

import numpy as np

from headroom.capacity import MeasuredRate
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import (
    Bounds,
    DemandSource,
    Fleet,
    InstanceOption,
    MetricReference,
    SpotLimits,
    Target,
    TargetKind,
    Workload,
)
from headroom.domain.instance_type import InstanceType
from headroom.domain.serving import ContinuousBatching, Objective, Slots

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)
SLOTS = Slots(service_seconds=0.4, slots=4)
BATCHING = ContinuousBatching(profile="profile.parquet")


def fleet(
    *types: InstanceOption,
    serving: Slots | ContinuousBatching = BATCHING,
    objective: Objective | None = None,
    bounds: Bounds | None = None,
    workload: Workload | None = None,
    kind: TargetKind = TargetKind.EC2_AUTO_SCALING_GROUP,
    spot: SpotLimits | None = None,
    shortage_cost_ratio: float = 9.0,
) -> Fleet:
    return Fleet(
        id="chat",
        target=Target(kind=kind, name="cluster/chat" if kind is not TargetKind.EC2_AUTO_SCALING_GROUP else "chat"),
        demand=DemandSource(metric=MetricReference(namespace="App", name="Requests")),
        objective=objective or Objective(latency_seconds=2.0),
        serving=serving,
        instance_types=types or (InstanceOption(name="g5.xlarge", sustainable_rate_per_second=10.0),),
        lead_time_seconds=300.0,
        bounds=bounds or Bounds(min_instances=0, max_instances=1000),
        workload=workload,
        spot=spot or SpotLimits(),
        shortage_cost_ratio=shortage_cost_ratio,
    )


def forecast(*demand_at_q90: float) -> DemandForecast:
    """Return a forecast with q90 as given, alike in all minutes of an hour; other quantiles on a line through 0."""
    shape = np.array(QUANTILE_LEVELS) / 0.9
    quantiles = np.array(demand_at_q90)[:, None] * shape[None, :]
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(len(demand_at_q90)) * np.timedelta64(1, "h")
    return DemandForecast(
        fleet_id="chat",
        made_at_utc=MADE_AT,
        hours=hours.astype("datetime64[s]"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={"seasonal_naive_daily": 1.0},
    )


def measured(rate_per_second: float, *, instances: float = 1.0) -> MeasuredRate:
    return MeasuredRate(
        rate_per_second=rate_per_second,
        low_per_second=0.95 * rate_per_second,
        high_per_second=1.05 * rate_per_second,
        hours=800,
        censored_hours=3,
        least_load_per_second=0.1 * rate_per_second,
        most_load_per_second=1.2 * rate_per_second,
        instances=instances,
    )


def gpu_type(
    name: str,
    gpu: str,
    *,
    count: int = 1,
    memory_mib_each: int = 24_000,
    architecture: str = "x86_64",
) -> InstanceType:
    return InstanceType(
        name=name,
        region="us-east-1",
        vcpus=4,
        memory_mib=16_384,
        architecture=architecture,
        gpu_name=gpu,
        gpu_count=count,
        gpu_memory_mib=count * memory_mib_each,
    )


def cpu_type(name: str, *, vcpus: int, memory_mib: int, architecture: str = "x86_64") -> InstanceType:
    return InstanceType(name=name, region="us-east-1", vcpus=vcpus, memory_mib=memory_mib, architecture=architecture)
