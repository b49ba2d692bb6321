"""What must never happen in the replay.

- No policy costs less than the bound at the requests it kept; the oracles keep what they are asked to.
- A run costs its instance-hours times their price, and so do its rows of capacity.
- The same scene gives the same figures.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Target, TargetKind
from headroom.domain.serving import Objective, Slots
from headroom.simulation.engine import CapacityPlan, Conditions
from headroom.simulation.fleet_scene import fleet_scene
from headroom.simulation.policy import DemandRecord, Scene
from headroom.simulation.replay import ORACLE, ORACLE_HOURLY, play

START = datetime(2026, 11, 18, tzinfo=UTC)
MINUTES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5)), min_size=1, max_size=150)


@dataclass(frozen=True, kw_only=True)
class Given:
    counts: tuple[int, ...]
    name: str = "given"

    def plan(self, scene: Scene) -> CapacityPlan:
        return CapacityPlan(pools=(scene.pool,), floors=np.array([self.counts], dtype=np.int64))


def scene_of(rates: list[int]) -> Scene:
    fleet = Fleet(
        id="chat",
        target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat"),
        demand=DemandSource(metric=MetricReference(namespace="App", name="Requests")),
        objective=Objective(latency_seconds=1.5, percentile=95.0),
        serving=Slots(service_seconds=0.25, slots=20),
        instance_types=(InstanceOption(name="g5.xlarge", on_demand_usd_per_hour=3.0),),
        lead_time_seconds=180.0,
        bounds=Bounds(min_instances=0, max_instances=5),
    )
    known = DemandRecord(
        start_utc=START - timedelta(hours=1),
        step_seconds=60.0,
        rate_per_second=np.array([50.0] * 60 + [float(rate) for rate in rates]),
    )
    return fleet_scene(fleet, known, start_utc=START, end_utc=known.end_utc)


@settings(deadline=None, max_examples=60)
@given(minutes=MINUTES)
def test_no_policy_beats_the_bound_at_the_requests_it_kept(minutes: list[tuple[int, int]]) -> None:
    rates, counts = [rate for rate, _ in minutes], tuple(count for _, count in minutes)
    replay = play([Given(counts=counts)], scene_of(rates), conditions=Conditions(), is_swept=True)
    given_counts = replay.played["given"]
    assert given_counts.bound_usd is not None
    assert given_counts.run.cost_usd >= given_counts.bound_usd - 1e-6
    for name in (ORACLE, ORACLE_HOURLY):
        oracle = replay.played[name].run
        assert oracle.arriving.sum() - oracle.late.sum() >= replay.target_requests * (1.0 - 1e-6)
    for played in replay.played.values():
        billed_hours = float(played.run.billed.sum()) / 60.0
        assert played.run.cost_usd == pytest.approx(3.0 * billed_hours)
    again = play([Given(counts=counts)], scene_of(rates), conditions=Conditions()).played["given"].run
    assert again.late.tobytes() == given_counts.run.late.tobytes()
