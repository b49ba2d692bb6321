"""Findings about a fleet's metrics: demand there and fresh, GPU metrics published and used, silent ones named."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from headroom.domain.account import MetricIdentity
from headroom.domain.fleet import Fleet, TargetKind
from headroom.onboarding.findings import Finding, Topic, ok, problem, unknown, warning
from headroom.onboarding.metric_choices import HOW_TO_GET

GPU_METRIC: Final = "gpu_utilization_percent"
STALE_AFTER: Final = timedelta(hours=3)
_WITHOUT: Final = {
    "latency_p95_seconds": "whether the objective holds, and what an instance carries, cannot be seen",
    "instances_in_service": "waste, and what an instance carries, cannot be seen",
}
_SWITCH_ON: Final = {
    TargetKind.EC2_AUTO_SCALING_GROUP: (
        "add nvidia_gpu (utilization_gpu) to the CloudWatch agent's metrics_collected and "
        'aggregation_dimensions [["AutoScalingGroupName"]], or publish the DCGM exporter\'s DCGM_FI_DEV_GPU_UTIL'
    ),
    TargetKind.ECS_SERVICE: (
        "run the CloudWatch agent (nvidia_gpu, aggregated by AutoScalingGroupName) on the container instances, or "
        "publish the DCGM exporter's DCGM_FI_DEV_GPU_UTIL by ClusterName and ServiceName"
    ),
}
_BUILT_IN: Final = {
    TargetKind.SAGEMAKER_VARIANT: "/aws/sagemaker/Endpoints",
    TargetKind.SAGEMAKER_INFERENCE_COMPONENT: "/aws/sagemaker/InferenceComponents",
}
_NEURON: Final = ("inf", "trn")


def unread_finding(fleet: Fleet, cause: str) -> Finding:
    """Return that a fleet's metrics could not be read."""
    remedy = "check the namespaces, names and dimensions in fleets.yaml, and cloudwatch:GetMetricData"
    return unknown(Topic.METRICS, fleet.id, f"its metrics could not be read: {cause}", remedy=remedy)


def metric_findings(
    fleet: Fleet, *, newest_utc: Mapping[str, datetime], now_utc: datetime, is_gpu_expected: bool
) -> list[Finding]:
    """Return what is amiss with a fleet's metrics; `newest_utc` is the newest hour with a sample by canonical name.

    Counts may be silent: a load balancer publishes no error count where there are no errors.
    """
    findings = [_demand(fleet, newest_utc.get("demand_count"), now_utc)]
    for name in sorted(fleet.metrics):
        if name in newest_utc or name.endswith("_count") or (name == GPU_METRIC and is_gpu_expected):
            continue
        remedy = f"check its namespace, name, dimensions and statistic in fleets.yaml{_or_get(name)}"
        findings.append(warning(Topic.METRICS, fleet.id, f"{name} had no sample in the last day", remedy=remedy))
    for name, loss in _WITHOUT.items():
        if name not in fleet.metrics:
            text = f"{name} is not in fleets.yaml: {loss}"
            findings.append(warning(Topic.METRICS, fleet.id, text, remedy=HOW_TO_GET[name]))
    return findings


def _or_get(name: str) -> str:
    return f", or {HOW_TO_GET[name]}" if name in HOW_TO_GET else ""


def _demand(fleet: Fleet, newest_utc: datetime | None, now_utc: datetime) -> Finding:
    remedy = "check demand.metric in fleets.yaml; a load balancer publishes nothing while nothing arrives"
    if newest_utc is None:
        text = "demand had no sample in the last day: nothing can be forecast"
        return problem(Topic.METRICS, fleet.id, text, remedy=remedy)
    text = f"demand has samples up to the hour of {newest_utc:%Y-%m-%dT%H:%MZ}"
    if now_utc - newest_utc > STALE_AFTER:
        return problem(Topic.METRICS, fleet.id, f"{text} and none since: pushes are refused", remedy=remedy)
    return ok(Topic.METRICS, fleet.id, text)


def gpu_finding(
    fleet: Fleet, *, gpu_count: int, has_samples: bool, published: AbstractSet[MetricIdentity] | None
) -> Finding:
    """Return whether the utilization of a fleet with `gpu_count` GPUs an instance is known.

    `published` are the place's GPU metrics, None where they could not be read.
    """
    if has_samples and gpu_count > 1 and _is_sum_taken_for_one(fleet):
        text = f"{GPU_METRIC} sums the instance's {gpu_count} GPUs, and is read as one GPU's share"
        remedy = f"add divide_by: {gpu_count} to metrics.{GPU_METRIC} and metrics.gpu_memory_utilization_percent"
        return warning(Topic.GPU_METRICS, fleet.id, text, remedy=remedy)
    if has_samples:
        return ok(Topic.GPU_METRICS, fleet.id, f"{GPU_METRIC} has samples")
    own = sorted(
        (one for one in published or () if _is_of(one, fleet)), key=lambda one: (len(one.dimensions), one.name)
    )
    whole = next((one for one in own if not _names_an_instance(one)), None)
    if whole is not None:
        dimensions = ", ".join(f"{name}: {value}" for name, value in whole.dimensions)
        text = (
            "GPU metrics are published and not used" if GPU_METRIC not in fleet.metrics else f"{GPU_METRIC} is silent"
        )
        place = f"namespace: {whole.namespace}, name: {whole.name}, dimensions: {{{dimensions}}}"
        remedy = f"set metrics.{GPU_METRIC}: {{{place}}}"
        return warning(Topic.GPU_METRICS, fleet.id, text, remedy=remedy)
    if own:
        text = "GPU metrics are published for single instances, not for the whole fleet"
        remedy = 'add aggregation_dimensions [["AutoScalingGroupName"]] to the CloudWatch agent\'s configuration'
        return warning(Topic.GPU_METRICS, fleet.id, text, remedy=remedy)
    text = "no GPU metrics are published: a saturated GPU looks like a quiet one"
    if published is None:
        text = f"{GPU_METRIC} is not known, nor whether any GPU metric is published"
    return warning(Topic.GPU_METRICS, fleet.id, text, remedy=_how_to_switch_on(fleet))


def _how_to_switch_on(fleet: Fleet) -> str:
    if fleet.current_type.name.removeprefix("ml.").startswith(_NEURON):
        return f"publish NeuronCore utilization by neuron-monitor and name it under metrics.{GPU_METRIC}"
    namespace = _BUILT_IN.get(fleet.target.kind)
    if namespace is not None:
        named = f"set metrics.{GPU_METRIC} to GPUUtilization of {namespace}"
        return f"SageMaker publishes it by itself: {named}, divide_by the GPUs of an instance"
    return _SWITCH_ON.get(fleet.target.kind, _SWITCH_ON[TargetKind.EC2_AUTO_SCALING_GROUP])


def _is_sum_taken_for_one(fleet: Fleet) -> bool:
    """Whether SageMaker's sum over an instance's GPUs is read as if it were one GPU's share."""
    reference = fleet.metrics[GPU_METRIC]
    return (
        fleet.target.kind is TargetKind.SAGEMAKER_VARIANT
        and reference.name == "GPUUtilization"
        and reference.divide_by == 1.0
    )


def _names_an_instance(metric: MetricIdentity) -> bool:
    return any(name in ("InstanceId", "host", "index", "gpu", "UUID") for name, _ in metric.dimensions)


def _is_of(metric: MetricIdentity, fleet: Fleet) -> bool:
    """Whether a metric is the fleet's, whatever else its dimensions say."""
    dimensions = dict(metric.dimensions)
    first, _, second = fleet.target.name.partition("/")
    match fleet.target.kind:
        case TargetKind.EC2_AUTO_SCALING_GROUP:
            return dimensions.get("AutoScalingGroupName") == fleet.target.name
        case TargetKind.ECS_SERVICE:
            return (dimensions.get("ClusterName"), dimensions.get("ServiceName")) == (first, second)
        case TargetKind.SAGEMAKER_VARIANT:
            return (dimensions.get("EndpointName"), dimensions.get("VariantName")) == (first, second)
        case TargetKind.SAGEMAKER_INFERENCE_COMPONENT:
            return dimensions.get("InferenceComponentName") == fleet.target.name
        case _:
            return False
