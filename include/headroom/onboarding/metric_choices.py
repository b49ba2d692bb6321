"""A found target -> which published metric says its demand, and which say the rest; each with what the choice rests on.

Demand is what arrives: at the load balancer, at the model, in the queue. A choice that rests on names alone says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from headroom.domain.account import FoundTarget, LoadBalancerLink, MetricIdentity
from headroom.domain.fleet import MetricReference, TargetKind

GENERIC_WORDS: Final = frozenset(
    {
        *("asg", "autoscaling", "batch", "cluster", "consumer", "consumers", "dev", "group", "gpu", "job", "jobs"),
        *("ml", "nodes", "pool", "prod", "production", "queue", "queues", "service", "staging", "svc", "test"),
        *("the", "topic", "v1", "v2", "worker", "workers"),
    }
)
"""Words of a name that say nothing of what it serves."""
PUBLISHED: Final = "published"
"""Why most metrics are chosen."""
SAGEMAKER_KINDS: Final = (TargetKind.SAGEMAKER_VARIANT, TargetKind.SAGEMAKER_INFERENCE_COMPONENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMetric:
    """A metric of the draft, and what the choice rests on."""

    reference: MetricReference
    why: str


def demand_of(found: FoundTarget, published: frozenset[MetricIdentity]) -> DraftMetric | None:
    """Return the metric whose Sum is the work offered to the target; None where nothing tells."""
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


# --- the other metrics -----------------------------------------------------------------------------------------------


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
    is_sum_of_gpus: bool = False
    """Of an instance with four GPUs it runs to 400 percent."""


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


def metrics_of(
    found: FoundTarget, published: frozenset[MetricIdentity]
) -> tuple[dict[str, DraftMetric], tuple[str, ...]]:
    """Return the other metrics by canonical name, and those that are not published, each with how to get it."""
    metrics: dict[str, DraftMetric] = {}
    for source in _sources(found):
        identity = MetricIdentity(
            namespace=source.namespace, name=source.name, dimensions=tuple(sorted(source.dimensions.items()))
        )
        if source.metric not in metrics and (identity in published or source.is_silent_at_zero):
            reference = identity.reference(source.statistic)
            why = PUBLISHED if identity in published else "published once there is something to count"
            if source.is_sum_of_gpus:
                reference, why = _of_one_gpu(reference, found)
            metrics[source.metric] = DraftMetric(reference=reference, why=why)
    looked_for = dict.fromkeys(source.metric for source in _sources(found))
    wanted = [name for name in looked_for if name in HOW_TO_GET or name in metrics]
    if found.accelerator is not None:
        wanted = list(dict.fromkeys([*wanted, "gpu_utilization_percent"]))
    how_to_get = HOW_TO_GET_OF_SAGEMAKER if found.target.kind in SAGEMAKER_KINDS else HOW_TO_GET
    missing = [f"{name}: {how_to_get[name]}" for name in wanted if name not in metrics]
    return metrics, tuple(missing)


def _of_one_gpu(reference: MetricReference, found: FoundTarget) -> tuple[MetricReference, str]:
    """Return the metric divided by the number of GPUs that it sums, and why; as it is where that is not known."""
    if found.accelerator is None or found.target.kind is TargetKind.SAGEMAKER_INFERENCE_COMPONENT:
        return reference, "UNKNOWN: it sums GPUs; where there are several, name their number as divide_by"
    count = found.accelerator.count
    if count == 1:
        return reference, PUBLISHED
    return replace(reference, divide_by=count), f"it sums the instance's {count} GPUs"


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
    return _errors_and_latency(
        "AWS/ApplicationELB", own, errors="HTTPCode_Target_5XX_Count", latency="TargetResponseTime"
    )


def _errors_and_latency(namespace: str, own: Mapping[str, str], *, errors: str, latency: str) -> list[_Source]:
    """Return what is measured where requests come in."""
    count = _Source(
        metric="error_count",
        namespace=namespace,
        name=errors,
        dimensions=own,
        statistic="Sum",
        is_silent_at_zero=True,
    )
    quantiles = [
        _Source(metric=f"latency_{level}_seconds", namespace=namespace, name=latency, dimensions=own, statistic=level)
        for level in ("p50", "p95", "p99")
    ]
    return [count, *quantiles]


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
    # Endpoints with inference components publish GPUs from 0 to 100 percent, too: these come first.
    gauges = (
        ("memory_utilization_percent", "MemoryUtilization", False),
        ("gpu_utilization_percent", "GPUUtilizationNormalized", False),
        ("gpu_utilization_percent", "GPUUtilization", True),
        ("gpu_memory_utilization_percent", "GPUMemoryUtilizationNormalized", False),
        ("gpu_memory_utilization_percent", "GPUMemoryUtilization", True),
    )
    return [
        *_errors_and_latency("AWS/SageMaker", own, errors="Invocation5XXErrors", latency="ModelLatency"),
        *(
            _Source(metric=metric, namespace=machines, name=name, dimensions=own, is_sum_of_gpus=is_sum)
            for metric, name, is_sum in gauges
        ),
    ]
