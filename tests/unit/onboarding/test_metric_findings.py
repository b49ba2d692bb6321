from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.onboarding.small_account import NOW, fleet, metric

from headroom.domain.account import MetricIdentity
from headroom.domain.fleet import InstanceOption, MetricReference, Target, TargetKind
from headroom.onboarding.findings import Finding, Level, Topic
from headroom.onboarding.metric_findings import gpu_finding, metric_findings, unread_finding

FRESH = NOW - timedelta(hours=1)
ALL_FRESH = dict.fromkeys(("demand_count", "latency_p95_seconds", "instances_in_service"), FRESH)
GPU = MetricReference(namespace="CWAgent", name="nvidia_smi_utilization_gpu")


def found_of(newest: dict[str, object], **changes: object) -> list[Finding]:
    return metric_findings(fleet(**changes), newest_utc=newest, now_utc=NOW, is_gpu_expected=True)  # type: ignore[arg-type]


def test_fresh_metrics_are_in_order() -> None:
    (found,) = found_of(dict(ALL_FRESH))
    assert found.level is Level.OK


def test_no_demand_in_a_day_is_a_problem() -> None:
    newest = {name: moment for name, moment in ALL_FRESH.items() if name != "demand_count"}
    (found,) = found_of(newest)
    assert (found.level, found.message) == (
        Level.PROBLEM,
        "demand had no sample in the last day: nothing can be forecast",
    )


@pytest.mark.parametrize(("hours", "level"), [(3, Level.OK), (4, Level.PROBLEM)])
def test_demand_that_ended_more_than_three_hours_ago_is_a_problem(hours: int, level: Level) -> None:
    (found,) = found_of(ALL_FRESH | {"demand_count": NOW - timedelta(hours=hours)})
    assert found.level is level


def test_a_metric_that_is_configured_and_silent_is_named_with_how_to_get_it() -> None:
    silent = {name: moment for name, moment in ALL_FRESH.items() if name != "instances_in_service"}
    _, found = found_of(silent)
    assert found.level is Level.WARNING
    assert found.message == "instances_in_service had no sample in the last day"
    assert "Container Insights" in found.remedy


def test_a_count_may_be_silent_since_nothing_is_published_where_nothing_fails() -> None:
    metrics = fleet().metrics | {"error_count": MetricReference(namespace="AWS/ApplicationELB", name="HTTP5XX")}
    assert len(found_of(dict(ALL_FRESH), metrics=metrics)) == 1


def test_metrics_that_are_not_configured_are_named_with_what_is_lost() -> None:
    _, latency, instances = found_of(dict(ALL_FRESH), metrics={})
    assert "latency_p95_seconds is not in fleets.yaml" in latency.message
    assert "waste" in instances.message


def test_metrics_that_could_not_be_read_are_unknown() -> None:
    assert unread_finding(fleet(), "AccessDenied").level is Level.UNKNOWN


def gpu(
    *published: MetricIdentity,
    gpu_count: int = 1,
    has_samples: bool = False,
    is_list_known: bool = True,
    **changes: object,
) -> Finding:
    names = frozenset(published) if is_list_known else None
    return gpu_finding(fleet(**changes), gpu_count=gpu_count, has_samples=has_samples, published=names)


def test_gpu_metrics_with_samples_are_in_order() -> None:
    assert gpu(has_samples=True, gpu_count=4, metrics={"gpu_utilization_percent": GPU}).level is Level.OK


def test_missing_gpu_metrics_say_how_to_switch_them_on() -> None:
    found = gpu(metric("CWAgent", "nvidia_smi_utilization_gpu", AutoScalingGroupName="another"))
    assert (found.level, found.topic) == (Level.WARNING, Topic.GPU_METRICS)
    assert found.message.startswith("no GPU metrics are published")
    for part in ("nvidia_gpu", 'aggregation_dimensions [["AutoScalingGroupName"]]', "DCGM_FI_DEV_GPU_UTIL"):
        assert part in found.remedy


def test_metrics_of_single_instances_want_aggregation() -> None:
    single = metric(
        "CWAgent", "nvidia_smi_utilization_gpu", AutoScalingGroupName="chat-a10g", InstanceId="i-1", index="0"
    )
    found = gpu(single)
    assert "for single instances" in found.message
    assert "aggregation_dimensions" in found.remedy


def test_metrics_that_are_published_and_not_used_are_to_be_named_in_fleets_yaml() -> None:
    found = gpu(metric("GPU", "DCGM_FI_DEV_GPU_UTIL", AutoScalingGroupName="chat-a10g"))
    assert found.message == "GPU metrics are published and not used"
    place = "{namespace: GPU, name: DCGM_FI_DEV_GPU_UTIL, dimensions: {AutoScalingGroupName: chat-a10g}}"
    assert found.remedy == f"set metrics.gpu_utilization_percent: {place}"


def test_a_configured_metric_that_is_silent_beside_one_that_is_not_is_told() -> None:
    found = gpu(
        metric("GPU", "DCGM_FI_DEV_GPU_UTIL", AutoScalingGroupName="chat-a10g"),
        metrics={"gpu_utilization_percent": GPU},
    )
    assert found.message == "gpu_utilization_percent is silent"


@pytest.mark.parametrize(
    ("kind", "name", "dimensions", "namespace"),
    [
        (
            TargetKind.SAGEMAKER_VARIANT,
            "rerank/AllTraffic",
            {"EndpointName": "rerank", "VariantName": "AllTraffic"},
            "/aws/sagemaker/Endpoints",
        ),
        (
            TargetKind.SAGEMAKER_INFERENCE_COMPONENT,
            "rerank",
            {"InferenceComponentName": "rerank"},
            "/aws/sagemaker/InferenceComponents",
        ),
    ],
)
def test_sagemaker_publishes_by_itself(kind: TargetKind, name: str, dimensions: dict[str, str], namespace: str) -> None:
    target = Target(kind=kind, name=name)
    assert namespace in gpu(target=target).remedy
    published = gpu(metric(namespace, "GPUUtilization", **dimensions), target=target)
    assert published.message == "GPU metrics are published and not used"


@pytest.mark.parametrize(("divide_by", "level"), [(1.0, Level.WARNING), (4.0, Level.OK)])
def test_sagemakers_sum_over_gpus_must_be_divided_by_their_number(divide_by: float, level: Level) -> None:
    summed = MetricReference(namespace="/aws/sagemaker/Endpoints", name="GPUUtilization", divide_by=divide_by)
    variant = Target(kind=TargetKind.SAGEMAKER_VARIANT, name="rank/v1")
    found = gpu(gpu_count=4, has_samples=True, target=variant, metrics={"gpu_utilization_percent": summed})
    assert found.level is level
    assert ("divide_by: 4" in found.remedy) is (level is Level.WARNING)


def test_an_ecs_services_own_metric_is_found_by_cluster_and_service() -> None:
    target = Target(kind=TargetKind.ECS_SERVICE, name="search/embed")
    assert "container instances" in gpu(target=target).remedy
    own = metric("GPU", "DCGM_FI_DEV_GPU_UTIL", ClusterName="search", ServiceName="embed")
    assert gpu(own, target=target).message == "GPU metrics are published and not used"


def test_inferentia_has_another_remedy() -> None:
    assert "neuron-monitor" in gpu(instance_types=(InstanceOption(name="ml.inf2.xlarge"),)).remedy


def test_where_metrics_cannot_be_listed_nothing_is_said_to_be_missing() -> None:
    assert "not known" in gpu(is_list_known=False).message


def test_a_kind_without_metrics_of_its_own_is_told_how_to_publish() -> None:
    target = replace(fleet().target, kind=TargetKind.KUBERNETES_DEPLOYMENT, name="serving/chat")
    assert "nvidia_gpu" in gpu(metric("CWAgent", "nvidia_smi_utilization_gpu"), target=target).remedy
