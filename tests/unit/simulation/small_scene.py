"""A fleet whose replay can be followed by hand, and policies of our own making."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Target, TargetKind
from headroom.domain.serving import Objective, Slots
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.fleet_scene import fleet_scene
from headroom.simulation.policy import DemandRecord, Policy, Scene

START = datetime(2026, 11, 18, 12, tzinfo=UTC)


def small_fleet(*, least: int = 1, most: int = 6, serving: Slots | None = None) -> Fleet:
    """A hundred slots of a second each: an instance serves 100 requests a second; six dollars an hour."""
    return Fleet(
        id="chat",
        target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat"),
        demand=DemandSource(metric=MetricReference(namespace="App", name="Requests")),
        objective=Objective(latency_seconds=5.0, percentile=95.0),
        serving=serving or Slots(service_seconds=1.0, service_cv2=0.0, slots=100),
        instance_types=(
            InstanceOption(name="g5.xlarge", sustainable_rate_per_second=90.0, on_demand_usd_per_hour=6.0),
        ),
        lead_time_seconds=120.0,
        bounds=Bounds(min_instances=least, max_instances=most),
    )


def small_scene(*rates: float, history: float = 80.0, fleet: Fleet | None = None) -> Scene:
    """An hour of `history`, then a minute of each rate."""
    path = np.concatenate([np.full(60, history), np.array(rates)])
    known = DemandRecord(start_utc=START - timedelta(hours=1), step_seconds=60.0, rate_per_second=path)
    return fleet_scene(fleet or small_fleet(), known, start_utc=START, end_utc=known.end_utc)


@dataclass(frozen=True, kw_only=True)
class Holds:
    """Holds a count, and knows of one more and one less."""

    name: str = "holds"
    instances: int = 1

    def plan(self, scene: Scene) -> CapacityPlan:
        floors = np.full((1, scene.steps), self.instances, dtype=np.int64)
        return CapacityPlan(pools=(scene.pool,), floors=floors)

    def swept(self) -> Mapping[str, Policy]:
        return {f"{count} instances": Holds(name=self.name, instances=count) for count in (1, 2, 3)}


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Asks for the given counts, minute by minute."""

    counts: tuple[int, ...]
    name: str = "steps"

    def plan(self, scene: Scene) -> CapacityPlan:
        return CapacityPlan(pools=(scene.pool,), floors=np.array([self.counts], dtype=np.int64))
