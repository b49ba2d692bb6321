"""Small accounts for the tests of drafts and findings."""

from datetime import UTC, datetime
from typing import Any

from headroom.domain.account import Accelerator, AccountPicture, FoundTarget, LoadBalancerLink, MetricIdentity, Place
from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Target, TargetKind
from headroom.domain.scaling import CapacitySetting, PresentAction, ScalingApi, TargetState
from headroom.domain.serving import Objective, Slots

PLACE = Place(account="123456789012", region="eu-west-1")
NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
NOTHING_SET = CapacitySetting(min_instances=None, max_instances=None)
BALANCER = LoadBalancerLink(load_balancer="app/front/1", target_group="targetgroup/chat/2")


def group(name: str = "chat-a10g", **changes: Any) -> FoundTarget:
    defaults: dict[str, Any] = {
        "place": PLACE,
        "target": Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
        "instance_types": ("g5.xlarge",),
        "accelerator": Accelerator(name="A10G"),
        "min_instances": 2,
        "max_instances": 20,
        "desired_instances": 8,
    }
    return FoundTarget(**(defaults | changes))


def metric(namespace: str, name: str, **dimensions: str) -> MetricIdentity:
    return MetricIdentity(namespace=namespace, name=name, dimensions=tuple(sorted(dimensions.items())))


def queue(name: str) -> MetricIdentity:
    return metric("AWS/SQS", "NumberOfMessagesSent", QueueName=name)


def picture(*targets: FoundTarget, metrics: set[MetricIdentity] | None = None, **changes: Any) -> AccountPicture:
    return AccountPicture(targets=targets, metrics={PLACE: frozenset(metrics or set())}, **changes)


def fleet(**changes: Any) -> Fleet:
    defaults: dict[str, Any] = {
        "id": "chat",
        "region": "eu-west-1",
        "target": Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat-a10g"),
        "demand": DemandSource(metric=MetricReference(namespace="AWS/ApplicationELB", name="RequestCount")),
        "objective": Objective(latency_seconds=2.0),
        "serving": Slots(service_seconds=0.4),
        "instance_types": (InstanceOption(name="g5.xlarge"),),
        "lead_time_seconds": 300.0,
        "bounds": Bounds(min_instances=2, max_instances=20),
        "metrics": {
            "latency_p95_seconds": MetricReference(namespace="AWS/ApplicationELB", name="TargetResponseTime"),
            "instances_in_service": MetricReference(namespace="AWS/AutoScaling", name="GroupInServiceInstances"),
        },
    }
    return Fleet(**(defaults | changes))


def state(*actions: str, **changes: Any) -> TargetState:
    """A group of 2 to 20 instances that has the scheduled actions named."""
    defaults: dict[str, Any] = {
        "fleet_id": "chat",
        "api": ScalingApi.EC2_AUTO_SCALING,
        "read_at_utc": NOW,
        "setting": CapacitySetting(min_instances=2, max_instances=20, desired_instances=8),
        "current_instances": 8,
        "actions": tuple(PresentAction(name=name, starts_at_utc=None, setting=NOTHING_SET) for name in actions),
        "has_reactive_policy": True,
        "has_predictive_policy": False,
        "is_scheduled_scaling_suspended": False,
    }
    return TargetState(**(defaults | changes))
