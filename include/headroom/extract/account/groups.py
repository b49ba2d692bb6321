"""Auto Scaling groups of a place, with their policies, scheduled actions, types and load balancers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from headroom.domain.account import FoundPolicy, FoundTarget, LoadBalancerLink, MetricIdentity, Place
from headroom.domain.fleet import Target, TargetKind
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.machines import read_accelerators, read_template_types, types_of_group

KUBERNETES_TAGS = ("eks:cluster-name", "kubernetes.io/cluster/", "k8s.io/cluster-autoscaler/")
LAUNCHES_READ = 100
"""Activities looked at for how long launches take: the newest page."""


def read_groups(
    attempts: Attempts, place: Place, links: Mapping[str, tuple[LoadBalancerLink, ...]]
) -> list[FoundTarget]:
    """Return every group of the place; `links` are the load balancers by target group ARN."""
    groups = attempts.rows(
        place, "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", lost="every Auto Scaling group"
    )
    if not groups:
        return []
    policies = _by_group(
        attempts.rows(
            place, "autoscaling", "describe_policies", "ScalingPolicies", lost="scaling policies, predictive ones too"
        )
    )
    actions = _by_group(
        attempts.rows(
            place,
            "autoscaling",
            "describe_scheduled_actions",
            "ScheduledUpdateGroupActions",
            lost="scheduled actions that stand already",
        )
    )
    templates = read_template_types(attempts, place, groups)
    types = {group["AutoScalingGroupName"]: types_of_group(group, templates) for group in groups}
    accelerators = read_accelerators(attempts, place, (name for names in types.values() for name in names))
    found = []
    for group in sorted(groups, key=lambda item: str(item["AutoScalingGroupName"])):
        name = group["AutoScalingGroupName"]
        accelerator = next((accelerators[one] for one in types[name] if one in accelerators), None)
        tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", ())}
        found.append(
            FoundTarget(
                place=place,
                target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
                instance_types=types[name],
                accelerator=accelerator,
                min_instances=group["MinSize"],
                max_instances=group["MaxSize"],
                desired_instances=group["DesiredCapacity"],
                tags=tags,
                load_balancers=tuple(link for arn in group.get("TargetGroupARNs", ()) for link in links.get(arn, ())),
                policies=tuple(map(_policy, policies[name])),
                scheduled_actions=tuple(sorted(item["ScheduledActionName"] for item in actions[name])),
                is_scheduled_scaling_suspended=any(
                    process["ProcessName"] == "ScheduledActions" for process in group.get("SuspendedProcesses", ())
                ),
                warmup_seconds=group.get("DefaultInstanceWarmup"),
                launch_seconds=_launch_seconds(attempts, place, name) if accelerator else (),
                skip_reason=_skip_reason(tags),
            )
        )
    return found


def _by_group(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["AutoScalingGroupName"]].append(row)
    return found


def _policy(row: Mapping[str, Any]) -> FoundPolicy:
    kind = str(row.get("PolicyType", "SimpleScaling"))
    mode = row.get("PredictiveScalingConfiguration", {}).get("Mode", "ForecastOnly")
    tracked = row.get("TargetTrackingConfiguration", {}).get("CustomizedMetricSpecification", {})
    return FoundPolicy(
        name=row["PolicyName"],
        kind=kind,
        is_acting=row.get("Enabled", True) and (kind != "PredictiveScaling" or mode == "ForecastAndScale"),
        metric=tracked_metric(tracked),
    )


def tracked_metric(specification: Mapping[str, Any]) -> MetricIdentity | None:
    """Return the metric of a CustomizedMetricSpecification; None where it is none or metric math."""
    if "MetricName" not in specification:
        return None
    dimensions = sorted((item["Name"], item["Value"]) for item in specification.get("Dimensions", ()))
    return MetricIdentity(
        namespace=specification["Namespace"], name=specification["MetricName"], dimensions=tuple(dimensions)
    )


def _launch_seconds(attempts: Attempts, place: Place, name: str) -> tuple[float, ...]:
    def read() -> list[Mapping[str, Any]]:
        client = attempts.client("autoscaling", place)
        answer = client.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=LAUNCHES_READ)
        return list(answer.get("Activities", ()))

    nothing: list[Mapping[str, Any]] = []
    activities = attempts.value(
        place,
        "autoscaling describe_scaling_activities",
        read,
        lost=f"how long launches of {name} take",
        otherwise=nothing,
    )
    return tuple(
        (item["EndTime"] - item["StartTime"]).total_seconds()
        for item in activities
        if item.get("StatusCode") == "Successful"
        and item.get("Description", "").startswith("Launching")
        and "EndTime" in item
    )


def _skip_reason(tags: Mapping[str, str]) -> str | None:
    for key in sorted(tags):
        if key.startswith(KUBERNETES_TAGS):
            cluster = tags[key] if key == "eks:cluster-name" else key.rpartition("/")[2]
            fleets = "its Deployments are the fleets (kind kubernetes_deployment), the nodes follow"
            return f"nodes of the Kubernetes cluster {cluster}: {fleets}"
    return None
