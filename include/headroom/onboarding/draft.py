"""A found target -> a draft of a fleet: where its demand and its other metrics are, and what that choice rests on.

Every choice is made from what the account itself says: load balancers in front, policies that track a metric, metrics
that were published in the last two weeks, names. A choice that rests on names alone says so.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from headroom.domain.account import AccountPicture, FoundTarget, LoadBalancerLink, MetricIdentity, Place
from headroom.domain.fleet import FLEET_ID_PATTERN, MetricReference, TargetKind

GENERIC_WORDS: Final = frozenset(
    {
        *("asg", "autoscaling", "batch", "cluster", "consumer", "consumers", "dev", "group", "gpu", "job", "jobs"),
        *("ml", "nodes", "pool", "prod", "production", "queue", "queues", "service", "staging", "svc", "test"),
        *("the", "topic", "v1", "v2", "worker", "workers"),
    }
)
"""Words of a name that say nothing of what it serves."""
SAGEMAKER_KINDS: Final = (TargetKind.SAGEMAKER_VARIANT, TargetKind.SAGEMAKER_INFERENCE_COMPONENT)
BILLING_TAGS: Final = ("fleet", "service", "app", "application", "workload", "model", "Name", "component", "project")
"""Tag keys looked for first as the one by which bill lines tell fleets apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMetric:
    """A metric of the draft, and what the choice rests on."""

    reference: MetricReference
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDraft:
    """A target that may become a fleet; without `demand` it cannot be one before somebody names it."""

    fleet_id: str
    found: FoundTarget
    demand: DraftMetric | None
    metrics: Mapping[str, DraftMetric] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Canonical metrics that were looked for and are not published, each with how to get it."""
    billing_tag: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A target that is no fleet, and why."""

    found: FoundTarget
    reason: str


def draft_fleets(
    picture: AccountPicture, *, has_cpu_fleets: bool = False
) -> tuple[tuple[FleetDraft, ...], tuple[Skipped, ...]]:
    """Return a draft for every target that serves with accelerators, and the others with their reasons.

    With `has_cpu_fleets` targets without an accelerator are drafted, too. SageMaker's variants and components always
    are: they serve models.
    """
    nodes = {
        (found.place, found.nodes_group): found.target.name
        for found in picture.targets
        if found.nodes_group is not None
    }
    chosen: list[FoundTarget] = []
    skipped: list[Skipped] = []
    for found in picture.targets:
        reason = found.skip_reason or _no_fleet_reason(found, nodes, has_cpu_fleets=has_cpu_fleets)
        if reason is None:
            chosen.append(found)
        else:
            skipped.append(Skipped(found=found, reason=reason))
    names = _fleet_ids(chosen)
    tag_counts = _tag_counts(chosen)
    drafts = [
        _draft(found, name, picture.metrics.get(found.place, frozenset()), tag_counts)
        for found, name in zip(chosen, names, strict=True)
    ]
    return tuple(sorted(drafts, key=lambda draft: draft.fleet_id)), tuple(skipped)


def _no_fleet_reason(found: FoundTarget, nodes: Mapping[tuple[Place, str], str], *, has_cpu_fleets: bool) -> str | None:
    is_sagemaker = found.target.kind in SAGEMAKER_KINDS
    service = nodes.get((found.place, found.target.name))
    if service is not None and found.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
        return f"carries the ECS service {service}, which is the fleet"
    if not found.instance_types:
        return "its instance type is unknown"
    if found.max_instances == 0:
        return "its maximum is 0"
    if found.accelerator is None and not is_sagemaker and not has_cpu_fleets:
        return "has no accelerator (--include-cpu drafts such targets, too)"
    return None


def _fleet_ids(targets: Sequence[FoundTarget]) -> list[str]:
    """Return an id for each target: the last of its name, longer where two would share one."""
    makers: tuple[Callable[[FoundTarget], str], ...] = (
        _short_name,
        lambda found: found.target.name,
        lambda found: f"{found.target.name}-{found.place.region}",
        lambda found: f"{found.target.name}-{found.place.region}-{found.place.account}",
        lambda found: f"{found.target.kind}-{found.target.name}-{found.place.region}-{found.place.account}",
    )
    ids = [""] * len(targets)
    open_positions = list(range(len(targets)))
    for make in makers:
        wanted = {position: _slug(make(targets[position])) for position in open_positions}
        taken = Counter([*wanted.values(), *(one for one in ids if one)])
        for position in list(open_positions):
            if taken[wanted[position]] == 1 and FLEET_ID_PATTERN.fullmatch(wanted[position]):
                ids[position] = wanted[position]
                open_positions.remove(position)
    for position in open_positions:  # names that differ in letters no id may have
        ids[position] = f"fleet-{position + 1}"
    return ids


def _short_name(found: FoundTarget) -> str:
    first, _, second = found.target.name.partition("/")
    return second if found.target.kind is TargetKind.ECS_SERVICE else first


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _tag_counts(targets: Iterable[FoundTarget]) -> Counter[tuple[str, str]]:
    return Counter((key, value) for found in targets for key, value in found.tags.items())


def _draft(
    found: FoundTarget, fleet_id: str, published: frozenset[MetricIdentity], tag_counts: Counter[tuple[str, str]]
) -> FleetDraft:
    metrics, missing = _metrics(found, published)
    return FleetDraft(
        fleet_id=fleet_id,
        found=found,
        demand=_demand(found, published),
        metrics=metrics,
        missing=missing,
        billing_tag=_billing_tag(found, tag_counts),
    )


def _billing_tag(found: FoundTarget, counts: Counter[tuple[str, str]]) -> tuple[str, str] | None:
    """Return a tag that no other fleet has with this value; None where there is none."""
    own = [(key, value) for key, value in sorted(found.tags.items()) if value and counts[key, value] == 1]
    known = [tag for name in BILLING_TAGS for tag in own if tag[0] == name]
    return next(iter([*known, *(tag for tag in own if not tag[0].startswith(("aws:", "headroom")))]), None)


# --- where demand is -------------------------------------------------------------------------------------------------


def _demand(found: FoundTarget, published: frozenset[MetricIdentity]) -> DraftMetric | None:
    if found.target.kind is TargetKind.SAGEMAKER_VARIANT:
        return _sum_of(
            "AWS/SageMaker", "Invocations", _variant_dimensions(found), "SageMaker counts the variant's calls"
        )
    if found.target.kind is TargetKind.SAGEMAKER_INFERENCE_COMPONENT:
        own = {"InferenceComponentName": found.target.name}
        return _sum_of("AWS/SageMaker", "Invocations", own, "SageMaker counts the component's calls")
    if found.load_balancers:
        link = found.load_balancers[0]
        others = len(found.load_balancers) - 1
        more = f"; {others} more target groups are attached and not counted" if others else ""
        return _sum_of(
            "AWS/ApplicationELB", "RequestCount", _balancer_dimensions(link), f"the load balancer in front of it{more}"
        )
    for policy in found.policies:
        metric = policy.metric
        if metric is not None and metric.namespace == "AWS/SQS":
            sent = {"QueueName": dict(metric.dimensions).get("QueueName", "")}
            return _sum_of("AWS/SQS", "NumberOfMessagesSent", sent, f"its policy {policy.name} tracks this queue")
    return _queue_by_name(found, published)


def _queue_by_name(found: FoundTarget, published: frozenset[MetricIdentity]) -> DraftMetric | None:
    """Return the one queue whose name shares the most telling words with the target's; None where that is not one."""
    queues = sorted(
        dict(metric.dimensions)["QueueName"]
        for metric in published
        if metric.namespace == "AWS/SQS" and metric.name == "NumberOfMessagesSent"
    )
    own = _words(found.target.name)
    shared = {queue: len(own & _words(queue)) for queue in queues}
    most = max(shared.values(), default=0)
    best = [queue for queue, count in shared.items() if count == most and most > 0]
    if len(best) != 1:
        return None
    return _sum_of(
        "AWS/SQS",
        "NumberOfMessagesSent",
        {"QueueName": best[0]},
        "GUESS by its name alone: check that it feeds this fleet",
    )


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", name.lower()) if len(word) > 1} - GENERIC_WORDS


def _sum_of(namespace: str, name: str, dimensions: Mapping[str, str], why: str) -> DraftMetric:
    reference = MetricReference(namespace=namespace, name=name, dimensions=dict(dimensions), statistic="Sum")
    return DraftMetric(reference=reference, why=why)


def _variant_dimensions(found: FoundTarget) -> dict[str, str]:
    endpoint, _, variant = found.target.name.partition("/")
    return {"EndpointName": endpoint, "VariantName": variant}


def _balancer_dimensions(link: LoadBalancerLink) -> dict[str, str]:
    return {"LoadBalancer": link.load_balancer, "TargetGroup": link.target_group}


# --- where the other metrics are -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a canonical metric may be: the first such place that is published is taken."""

    metric: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Average"
    is_silent_at_zero: bool = False
    """CloudWatch has it only once there was something to count: it is drafted though nothing is published yet."""


GPU_REMEDY: Final = "switch on the CloudWatch agent's nvidia_gpu section, aggregated by AutoScalingGroupName"
HOW_TO_GET: Final[Mapping[str, str]] = {
    "gpu_utilization_percent": GPU_REMEDY,
    "gpu_memory_utilization_percent": GPU_REMEDY,
    "memory_utilization_percent": "switch on the CloudWatch agent's mem section",
    "instances_in_service": "switch on the group's metrics collection, or Container Insights for ECS",
    "latency_p95_seconds": "publish request latency from the service itself",
}
_FROM_SAGEMAKER: Final = "SageMaker publishes it by itself; it had nothing to publish in the last two weeks"
HOW_TO_GET_OF_SAGEMAKER: Final[Mapping[str, str]] = dict.fromkeys(HOW_TO_GET, _FROM_SAGEMAKER)


def _metrics(
    found: FoundTarget, published: frozenset[MetricIdentity]
) -> tuple[dict[str, DraftMetric], tuple[str, ...]]:
    metrics: dict[str, DraftMetric] = {}
    for source in _sources(found):
        identity = MetricIdentity(
            namespace=source.namespace, name=source.name, dimensions=tuple(sorted(source.dimensions.items()))
        )
        if source.metric not in metrics and (identity in published or source.is_silent_at_zero):
            why = "published" if identity in published else "published once there is something to count"
            metrics[source.metric] = DraftMetric(reference=identity.reference(source.statistic), why=why)
    looked_for = dict.fromkeys(source.metric for source in _sources(found))
    wanted = [name for name in looked_for if name in HOW_TO_GET or name in metrics]
    if found.accelerator is not None:
        wanted = list(dict.fromkeys([*wanted, "gpu_utilization_percent"]))
    how_to_get = HOW_TO_GET_OF_SAGEMAKER if found.target.kind in SAGEMAKER_KINDS else HOW_TO_GET
    missing = [f"{name}: {how_to_get[name]}" for name in wanted if name not in metrics]
    return metrics, tuple(missing)


def _sources(found: FoundTarget) -> list[_Source]:
    match found.target.kind:
        case TargetKind.EC2_AUTO_SCALING_GROUP:
            group = {"AutoScalingGroupName": found.target.name}
            return [
                *_balancer_sources(found),
                _Source(metric="cpu_utilization_percent", namespace="AWS/EC2", name="CPUUtilization", dimensions=group),
                *_agent_sources(found.target.name),
                _Source(
                    metric="network_bytes", namespace="AWS/EC2", name="NetworkOut", dimensions=group, statistic="Sum"
                ),
                _Source(
                    metric="instances_in_service",
                    namespace="AWS/AutoScaling",
                    name="GroupInServiceInstances",
                    dimensions=group,
                ),
            ]
        case TargetKind.ECS_SERVICE:
            cluster, _, service = found.target.name.partition("/")
            own = {"ClusterName": cluster, "ServiceName": service}
            return [
                *_balancer_sources(found),
                _Source(metric="cpu_utilization_percent", namespace="AWS/ECS", name="CPUUtilization", dimensions=own),
                _Source(
                    metric="memory_utilization_percent", namespace="AWS/ECS", name="MemoryUtilization", dimensions=own
                ),
                *(_agent_sources(found.nodes_group) if found.nodes_group else []),
                _Source(
                    metric="instances_in_service",
                    namespace="ECS/ContainerInsights",
                    name="RunningTaskCount",
                    dimensions=own,
                ),
            ]
        case _:
            return _sagemaker_sources(found)


def _balancer_sources(found: FoundTarget) -> list[_Source]:
    if not found.load_balancers:
        return []
    own = _balancer_dimensions(found.load_balancers[0])
    latency = [
        _Source(
            metric=f"latency_{level}_seconds",
            namespace="AWS/ApplicationELB",
            name="TargetResponseTime",
            dimensions=own,
            statistic=level,
        )
        for level in ("p50", "p95", "p99")
    ]
    errors = _Source(
        metric="error_count",
        namespace="AWS/ApplicationELB",
        name="HTTPCode_Target_5XX_Count",
        dimensions=own,
        statistic="Sum",
        is_silent_at_zero=True,
    )
    return [errors, *latency]


def _agent_sources(group: str) -> list[_Source]:
    own = {"AutoScalingGroupName": group}
    names = {
        "memory_utilization_percent": "mem_used_percent",
        "gpu_utilization_percent": "nvidia_smi_utilization_gpu",
        "gpu_memory_utilization_percent": "nvidia_smi_utilization_memory",
    }
    return [_Source(metric=metric, namespace="CWAgent", name=name, dimensions=own) for metric, name in names.items()]


def _sagemaker_sources(found: FoundTarget) -> list[_Source]:
    is_component = found.target.kind is TargetKind.SAGEMAKER_INFERENCE_COMPONENT
    own = {"InferenceComponentName": found.target.name} if is_component else _variant_dimensions(found)
    machines = "/aws/sagemaker/InferenceComponents" if is_component else "/aws/sagemaker/Endpoints"
    latency = [
        _Source(
            metric=f"latency_{level}_seconds",
            namespace="AWS/SageMaker",
            name="ModelLatency",
            dimensions=own,
            statistic=level,
        )
        for level in ("p50", "p95", "p99")
    ]
    errors = _Source(
        metric="error_count",
        namespace="AWS/SageMaker",
        name="Invocation5XXErrors",
        dimensions=own,
        statistic="Sum",
        is_silent_at_zero=True,
    )
    gauges = {
        "memory_utilization_percent": "MemoryUtilization",
        "gpu_utilization_percent": "GPUUtilization",
        "gpu_memory_utilization_percent": "GPUMemoryUtilization",
    }
    return [
        errors,
        *latency,
        *(_Source(metric=metric, namespace=machines, name=name, dimensions=own) for metric, name in gauges.items()),
    ]
