"""What a fleet can be, and what it refuses to be."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.domain.fleet import (
    Bounds,
    DemandSource,
    Fleet,
    InstanceOption,
    MetricReference,
    Mode,
    SpotLimits,
    Target,
    TargetKind,
    Workload,
)
from headroom.domain.serving import ContinuousBatching, Objective, Slots

FLEET = Fleet(
    id="chat-large",
    target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat-large"),
    demand=DemandSource(metric=MetricReference(namespace="App", name="Requests", statistic="Sum")),
    objective=Objective(latency_seconds=2.0),
    serving=Slots(service_seconds=0.4, slots=4),
    instance_types=(InstanceOption(name="g5.12xlarge"), InstanceOption(name="g6.12xlarge")),
    lead_time_seconds=300,
    bounds=Bounds(min_instances=2, max_instances=60),
)


def test_the_mildest_mode_that_helps_is_the_default() -> None:
    assert FLEET.mode is Mode.RECOMMEND


def test_the_first_type_is_todays() -> None:
    assert FLEET.current_type.name == "g5.12xlarge"


def test_a_fleet_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        FLEET.mode = Mode.AUTO  # type: ignore[misc]


@pytest.mark.parametrize(("ratio", "expected"), [(9.0, 0.9), (1.0, 0.5), (99.0, 0.99)])
def test_the_critical_ratio_is_the_newsvendors(ratio: float, expected: float) -> None:
    # c_short / (c_short + c_over) with c_over = 1: 9 / 10, 1 / 2, 99 / 100
    assert replace(FLEET, shortage_cost_ratio=ratio).critical_ratio == pytest.approx(expected)


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_the_critical_ratio_is_a_quantile(ratio: float) -> None:
    assert 0 < replace(FLEET, shortage_cost_ratio=ratio).critical_ratio < 1


@pytest.mark.parametrize("good", ["a", "chat-large", "7b", "a-1-b"])
def test_ids_that_can_stand_in_an_actions_name(good: str) -> None:
    assert replace(FLEET, id=good).id == good


@pytest.mark.parametrize("bad", ["", "Chat", "a_b", "-a", "a-", "a b", "a/b"])
def test_ids_that_cannot(bad: str) -> None:
    with pytest.raises(ValueError, match="id must be lower-case letters, digits and inner hyphens, found"):
        replace(FLEET, id=bad)


KUBERNETES = TargetKind.KUBERNETES_DEPLOYMENT
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: Target(kind=TargetKind.ECS_SERVICE, name="search"), "expected cluster/service or endpoint/variant, found"),
    (lambda: Target(kind=TargetKind.SAGEMAKER_VARIANT, name="a/b/c"), "expected cluster/service or endpoint/variant"),
    (lambda: Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=""), "expected the scaling target's name"),
    (
        lambda: Target(kind=KUBERNETES, name="chat"),
        "expected namespace/deployment, each as Kubernetes names them, found",
    ),
    (lambda: Target(kind=KUBERNETES, name="serving/Chat"), "expected namespace/deployment, each as Kubernetes names"),
    (lambda: Target(kind=KUBERNETES, name=f"serving/{'c' * 64}"), "expected namespace/deployment, each as Kubernetes"),
    (
        lambda: Target(kind=KUBERNETES, name="a/b", manifest="b.yaml"),
        "manifest must be an absolute path or an s3:// URL",
    ),
    (lambda: Target(kind=KUBERNETES, name="a/b", manifest="/b.json"), "that ends in .yaml, found '/b.json'"),
    (
        lambda: Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat", manifest="/chat.yaml"),
        "manifest is for a kubernetes_deployment only, found it at a ec2_auto_scaling_group",
    ),
    (Objective, "expected latency_seconds, or both ttft_seconds and itl_seconds"),
    (lambda: Objective(latency_seconds=1, ttft_seconds=1, itl_seconds=1), "expected latency_seconds, or both"),
    (lambda: Objective(ttft_seconds=1.0), "expected latency_seconds, or both ttft_seconds and itl_seconds"),
    (lambda: Objective(latency_seconds=0), "latency_seconds must be above 0, found 0"),
    (lambda: Objective(latency_seconds=1, percentile=100), "percentile must lie between 0 and 100, found 100"),
    (lambda: Objective(latency_seconds=1, availability_fraction=0), "availability_fraction must lie between 0 and 1"),
    (lambda: Slots(service_seconds=0), "service_seconds must be above 0, found 0"),
    (lambda: Slots(service_seconds=1, slots=0), "slots must be at least 1, found 0"),
    (lambda: Slots(service_seconds=1, service_cv2=-1), "service_cv2 must be at least 0, found -1"),
    (lambda: Bounds(min_instances=-1, max_instances=2), "min_instances must be at least 0, found -1"),
    (lambda: Bounds(min_instances=3, max_instances=2), "max_instances must be at least 1 and at least min_instances"),
    (lambda: Bounds(min_instances=0, max_instances=0), "max_instances must be at least 1 and at least min_instances"),
    (lambda: InstanceOption(name="a", on_demand_usd_per_hour=0), "on_demand_usd_per_hour must be above 0, found 0"),
    (lambda: Workload(model_parameters_billion=0), "model_parameters_billion must be above 0, found 0"),
    (lambda: SpotLimits(max_fraction=1.1), "max_fraction must lie between 0 and 1, found 1.1"),
    (lambda: SpotLimits(risk_budget_fraction=0), "risk_budget_fraction must lie between 0 and 1, found 0"),
    (lambda: replace(FLEET, instance_types=()), "instance_types must name at least one type; the first is today's"),
    (lambda: replace(FLEET, instance_types=(InstanceOption(name="a"),) * 2), "instance_types names a type twice"),
    (lambda: replace(FLEET, lead_time_seconds=-1), "lead_time_seconds must be at least 0, found -1"),
    (lambda: InstanceOption(name="a", lead_time_seconds=-1), "lead_time_seconds must be at least 0, found -1"),
    (lambda: replace(FLEET, shortage_cost_ratio=0), "shortage_cost_ratio must be above 0, found 0"),
]


@pytest.mark.parametrize(("build", "expected"), REFUSED)
def test_what_cannot_be_is_refused_with_the_value_found(build: Callable[[], object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        build()


def test_a_types_own_lead_time_comes_before_the_fleets() -> None:
    quick, same = InstanceOption(name="a", lead_time_seconds=60.0), InstanceOption(name="b")
    fleet = replace(FLEET, instance_types=(quick, same), lead_time_seconds=300.0)
    assert (fleet.lead_seconds_of(quick), fleet.lead_seconds_of(same)) == (60.0, 300.0)
    assert fleet.lead_seconds_of(InstanceOption(name="c", lead_time_seconds=0.0)) == 0.0


def test_tokens_may_be_promised_instead_of_latency() -> None:
    objective = Objective(ttft_seconds=0.5, itl_seconds=0.05)
    fleet = replace(FLEET, objective=objective, serving=ContinuousBatching(profile="profile.parquet"))
    assert fleet.objective.latency_seconds is None


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_bounds_always_leave_room_for_an_instance(least: int, more: int) -> None:
    bounds = Bounds(min_instances=least, max_instances=least + more)
    assert 0 <= bounds.min_instances <= bounds.max_instances
    assert bounds.max_instances >= 1
