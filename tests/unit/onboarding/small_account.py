"""Small accounts for the tests of drafts and findings."""

from typing import Any

from headroom.domain.account import AccountPicture, FoundTarget, LoadBalancerLink, MetricIdentity, Place
from headroom.domain.fleet import Target, TargetKind

PLACE = Place(account="123456789012", region="eu-west-1")
BALANCER = LoadBalancerLink(load_balancer="app/front/1", target_group="targetgroup/chat/2")


def group(name: str = "chat-a10g", **changes: Any) -> FoundTarget:
    defaults: dict[str, Any] = {
        "place": PLACE,
        "target": Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
        "instance_types": ("g5.xlarge",),
        "accelerator": "1 x A10G",
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
