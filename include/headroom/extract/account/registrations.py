"""Scalable targets registered with Application Auto Scaling: bounds, policies, scheduled actions by resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headroom.domain.account import FoundPolicy, Place
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.groups import tracked_metric

CAPACITY_DIMENSIONS = frozenset(
    {
        "ecs:service:DesiredCount",
        "sagemaker:variant:DesiredInstanceCount",
        "sagemaker:inference-component:DesiredCopyCount",
    }
)
"""The dimensions that Headroom schedules; others of a resource are not its capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One scalable target."""

    min_capacity: int
    max_capacity: int
    policies: tuple[FoundPolicy, ...]
    scheduled_actions: tuple[str, ...]
    is_scheduled_scaling_suspended: bool


@dataclass(frozen=True, slots=True)
class Registrations:
    """Every scalable target of a namespace in a place."""

    by_resource: Mapping[str, Registration]

    def of(self, resource_id: str) -> Registration | None:
        """Return the registration of a resource, None where it is not registered."""
        return self.by_resource.get(resource_id)


def read_registrations(attempts: Attempts, place: Place, namespace: str) -> Registrations:
    """Return the scalable targets of `namespace` (ecs, sagemaker)."""

    def rows(operation: str, key: str, lost: str) -> list[Any]:
        found = attempts.rows(place, "application-autoscaling", operation, key, lost=lost, ServiceNamespace=namespace)
        return [row for row in found if row.get("ScalableDimension") in CAPACITY_DIMENSIONS]

    targets = rows("describe_scalable_targets", "ScalableTargets", f"which {namespace} targets can be scaled")
    if not targets:
        return Registrations({})
    policies = rows("describe_scaling_policies", "ScalingPolicies", f"scaling policies of {namespace}")
    actions = rows("describe_scheduled_actions", "ScheduledActions", f"scheduled actions of {namespace}")
    return Registrations(
        {
            target["ResourceId"]: Registration(
                min_capacity=target["MinCapacity"],
                max_capacity=target["MaxCapacity"],
                policies=tuple(_policy(row) for row in policies if row["ResourceId"] == target["ResourceId"]),
                scheduled_actions=tuple(
                    sorted(row["ScheduledActionName"] for row in actions if row["ResourceId"] == target["ResourceId"])
                ),
                is_scheduled_scaling_suspended=target.get("SuspendedState", {}).get("ScheduledScalingSuspended", False),
            )
            for target in targets
        }
    )


def _policy(row: Mapping[str, Any]) -> FoundPolicy:
    mode = row.get("PredictiveScalingPolicyConfiguration", {}).get("Mode", "ForecastOnly")
    tracked = row.get("TargetTrackingScalingPolicyConfiguration", {}).get("CustomizedMetricSpecification", {})
    return FoundPolicy(
        name=row["PolicyName"],
        kind=row["PolicyType"],
        is_acting=row["PolicyType"] != "PredictiveScaling" or mode == "ForecastAndScale",
        metric=tracked_metric(tracked),
    )
