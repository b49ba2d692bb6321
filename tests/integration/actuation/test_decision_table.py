"""Every row of docs/reference/actions.md in the sandbox's time: up before the peak, down after it, and given back.

The owner sets a group (or a service) up with the row's policies, our plan is pushed with real boto3, and the sandbox's
clock passes it. The peak begins at 16:00 and ends at 18:00; the plan ends at 20:00 and the floor is lowest from 18:00.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.integration.actuation.desks import FLEETS, Desk, desk_of

from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushState
from headroom.domain.scaling import CapacitySchedule, CapacitySetting, CapacityStep, ScalingApi, TargetState
from headroom.domain.window import DAY, floor_day
from headroom.extract.clients import BotoClients
from headroom.sandbox.process import SandboxProcess
from headroom.scheduling import actions_for

pytestmark = pytest.mark.integration

EC2, APPLICATION = ScalingApi.EC2_AUTO_SCALING, ScalingApi.APPLICATION_AUTO_SCALING
ROWS = list(product((EC2, APPLICATION), (False, True), (False, True)))
CLUSTER, _, SERVICE_NAME = FLEETS["embed-search"].target.name.partition("/")
SERVICE = {
    "ServiceNamespace": "ecs",
    "ResourceId": f"service/{CLUSTER}/{SERVICE_NAME}",
    "ScalableDimension": "ecs:service:DesiredCount",
}


@dataclass(frozen=True, kw_only=True)
class Owners:
    """How the owner has set the target up, and what the plan asks for; all of it inside the fleet's bounds.

    The owner runs more instances than a forecast asks for, so that their own count is theirs to be given back.
    Between 15:00 and 20:00 demand needs between `least_for_demand` and `most_for_demand` instances at the policies'
    target, 60 % of an instance's slots busy, on each of the days played.
    """

    fleet_id: str
    baseline: CapacitySetting
    instances: int
    peak: int
    low: int
    least_for_demand: int
    most_for_demand: int


OWNERS = {
    EC2: Owners(
        fleet_id="chat-large",
        baseline=CapacitySetting(min_instances=5, max_instances=58),
        instances=48,
        peak=55,
        low=10,
        least_for_demand=15,
        most_for_demand=45,
    ),
    APPLICATION: Owners(
        fleet_id="embed-search",
        baseline=CapacitySetting(min_instances=2, max_instances=24),
        instances=15,
        peak=20,
        low=3,
        least_for_demand=5,
        most_for_demand=13,
    ),
}


class Group:
    """What the owner of an Auto Scaling group does."""

    policies = ("reacts", "foresees")

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.client = sandbox.client("autoscaling")
        self.name = {"AutoScalingGroupName": "chat-large"}

    def resize(self, owners: Owners) -> None:
        low, high = owners.baseline.min_instances, owners.baseline.max_instances
        self.client.update_auto_scaling_group(**self.name, MinSize=low, MaxSize=high, DesiredCapacity=owners.instances)

    def clear(self) -> None:
        for policy in self.client.describe_policies(**self.name)["ScalingPolicies"]:
            self.client.delete_policy(**self.name, PolicyName=policy["PolicyName"])

    def react(self) -> None:
        # 24 % of CPU is what an instance shows with 60 % of its slots busy: 3 % idle, 38 % with all of them.
        self._put(
            "TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                "TargetValue": 24.0,
            },
        )

    def foresee(self) -> None:
        pair = {"PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"}}
        self._put(
            "PredictiveScaling",
            PredictiveScalingConfiguration={
                "Mode": "ForecastAndScale",
                "MetricSpecifications": [{"TargetValue": 24.0, **pair}],
            },
        )

    def _put(self, kind: str, **configuration: Any) -> None:
        self.client.put_scaling_policy(**self.name, PolicyName=kind, PolicyType=kind, **configuration)


class Service:
    """What the owner of an ECS service does."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.client = sandbox.client("application-autoscaling")
        self.ecs = sandbox.client("ecs")

    def resize(self, owners: Owners) -> None:
        low, high = owners.baseline.min_instances, owners.baseline.max_instances
        self.client.register_scalable_target(**SERVICE, MinCapacity=low, MaxCapacity=high)
        self.ecs.update_service(cluster=CLUSTER, service=SERVICE_NAME, desiredCount=owners.instances)

    def clear(self) -> None:
        for policy in self.client.describe_scaling_policies(**SERVICE)["ScalingPolicies"]:
            self.client.delete_scaling_policy(**SERVICE, PolicyName=policy["PolicyName"])

    def react(self) -> None:
        # 59.2 % of CPU is 60 % of the slots: 4 % idle, 96 % with all of them busy.
        self._put(
            "TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
                "TargetValue": 59.2,
            },
        )

    def foresee(self) -> None:
        pair = {"PredefinedMetricPairSpecification": {"PredefinedMetricType": "ECSServiceCPUUtilization"}}
        self._put(
            "PredictiveScaling",
            PredictiveScalingPolicyConfiguration={
                "Mode": "ForecastAndScale",
                "MetricSpecifications": [{"TargetValue": 59.2, **pair}],
            },
        )

    def _put(self, kind: str, **configuration: Any) -> None:
        self.client.put_scaling_policy(**SERVICE, PolicyName=kind, PolicyType=kind, **configuration)


@dataclass(frozen=True)
class Played:
    """A row of the table, pushed: what was read before it, and the hours of the day it is played on."""

    desk: Desk
    owners: Owners
    before: TargetState
    midnight: datetime

    def at(self, hour: int, minute: int = 0) -> dict[str, int]:
        """Let the sandbox's time pass until then; return the capacity by its name."""
        self.desk.sandbox.set_clock(self.midnight + timedelta(hours=hour, minutes=minute))
        fleets = {fleet["id"]: fleet for fleet in self.desk.sandbox.fleets()}
        capacity: dict[str, int] = fleets[self.owners.fleet_id]["capacity"]
        return capacity


@pytest.fixture(params=ROWS, ids=lambda row: f"{row[0]}-{'reactive' * row[1]}-{'predictive' * row[2]}")
def row(request: pytest.FixtureRequest) -> tuple[ScalingApi, bool, bool]:
    found: tuple[ScalingApi, bool, bool] = request.param
    return found


@pytest.fixture
def played(
    row: tuple[ScalingApi, bool, bool], sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path
) -> Iterator[Played]:
    """Set the row's target up at 13:00, see its owner's policies at work until 15:05, and push the plan."""
    api, is_reactive, is_predictive = row
    owners = OWNERS[api]
    midnight = floor_day(sandbox.clock()) + DAY
    sandbox.set_clock(midnight + timedelta(hours=13))
    hand = Group(sandbox) if api is EC2 else Service(sandbox)
    hand.clear()
    hand.resize(owners)
    if is_reactive:
        hand.react()
    if is_predictive:
        hand.foresee()
    sandbox.set_clock(midnight + timedelta(hours=15, minutes=5))
    desk = desk_of(FLEETS[owners.fleet_id], sandbox, clients, tmp_path)
    found = observe_target(desk.target, desk.ledger, is_ours=desk.is_ours, now_utc=desk.now)
    schedule = CapacitySchedule(
        fleet_id=owners.fleet_id,
        steps=(
            # Ten minutes ahead: five of lead time, two that an action may be late, the rest is the schedule's grid.
            CapacityStep(
                starts_at_utc=midnight + timedelta(hours=15, minutes=50),
                need_at_utc=midnight + timedelta(hours=16),
                instances=owners.peak,
            ),
            CapacityStep(
                starts_at_utc=midnight + timedelta(hours=18),
                need_at_utc=midnight + timedelta(hours=18),
                instances=owners.low,
            ),
        ),
        ends_at_utc=midnight + timedelta(hours=20),
    )
    wanted = actions_for(
        owners.fleet_id,
        schedule,
        deployment="test",
        api=found.state.api,
        has_reactive_policy=found.state.has_reactive_policy,
        has_predictive_policy=found.state.has_predictive_policy,
        baseline=found.baseline,
        bounds=desk.fleet.bounds,
        current_instances=found.state.instances_without_us,
    )
    outcome = desk.push(wanted)
    assert outcome.state is PushState.VERIFIED, outcome.reasons
    yield Played(desk, owners, found.state, midnight)
    hand.clear()


def test_every_row_is_played() -> None:
    assert len(ROWS) == 8


def test_capacity_goes_up_before_the_peak_and_down_after_it_and_is_given_back(
    played: Played, row: tuple[ScalingApi, bool, bool]
) -> None:
    _, is_reactive, is_predictive = row
    owners, before = played.owners, played.before
    assert (before.api, before.has_reactive_policy, before.has_predictive_policy) == row
    # Until now it is the owner's: their own count, or what their target tracking has made of the demand.
    if is_reactive:
        assert owners.least_for_demand <= before.current_instances <= owners.most_for_demand
    else:
        assert before.current_instances == owners.instances

    assert played.at(15, 45)["in_service_instances"] < owners.peak
    assert played.at(16)["in_service_instances"] == owners.peak
    assert played.at(17, 59)["in_service_instances"] == owners.peak

    # A quarter of an hour after the peak where we scale in, an hour at most where target tracking does.
    shortly, later = played.at(18, 10), played.at(19, 10)
    if not is_reactive:
        assert shortly["in_service_instances"] == owners.low
    assert later["min_instances"] == owners.low
    if is_reactive or is_predictive:
        # What their policies want for the demand stands, above our floor, and far below the peak.
        assert owners.least_for_demand <= later["in_service_instances"] <= owners.most_for_demand
    else:
        assert later["in_service_instances"] == owners.low

    end = played.at(20, 20)
    assert (end["min_instances"], end["max_instances"]) == (
        owners.baseline.min_instances,
        owners.baseline.max_instances,
    )
    if is_reactive:
        assert owners.least_for_demand <= end["desired_instances"] <= owners.most_for_demand
    else:
        assert end["desired_instances"] == owners.instances
    assert played.desk.standing() == {}
