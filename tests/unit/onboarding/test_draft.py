from dataclasses import replace

import pytest
from tests.unit.onboarding.small_account import BALANCER, PLACE, group, metric, picture, queue

from headroom.domain.account import Accelerator, AccountPicture, FoundPolicy, FoundTarget, Place
from headroom.domain.fleet import Target, TargetKind
from headroom.onboarding.draft import FleetDraft, draft_fleets


def only_draft(found: FoundTarget, *published: object) -> FleetDraft:
    drafts, skipped = draft_fleets(picture(found, metrics=set(published)))  # type: ignore[arg-type]
    assert skipped == ()
    return drafts[0]


def test_demand_behind_a_load_balancer_is_its_request_count() -> None:
    demand = only_draft(group(load_balancers=(BALANCER,))).demand
    assert demand is not None
    assert (demand.reference.name, demand.reference.statistic) == ("RequestCount", "Sum")
    assert demand.reference.dimensions == {"LoadBalancer": "app/front/1", "TargetGroup": "targetgroup/chat/2"}


def test_demand_is_the_queue_that_a_policy_of_the_group_tracks() -> None:
    tracked = metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName="orders")
    policy = FoundPolicy(name="backlog", kind="TargetTrackingScaling", metric=tracked)
    demand = only_draft(group(policies=(policy,)), queue("chat-jobs")).demand
    assert demand is not None
    assert (demand.reference.name, demand.reference.dimensions) == ("NumberOfMessagesSent", {"QueueName": "orders"})


def test_a_queue_found_by_name_alone_is_marked_as_a_guess() -> None:
    demand = only_draft(group("asr-workers"), queue("asr-jobs"), queue("billing-jobs")).demand
    assert demand is not None
    assert demand.reference.dimensions == {"QueueName": "asr-jobs"}
    assert "GUESS" in demand.why


@pytest.mark.parametrize("queues", [(), ("orders",), ("asr-jobs", "asr-retries"), ("workers",)])
def test_demand_is_unknown_where_no_queue_or_more_than_one_fits(queues: tuple[str, ...]) -> None:
    assert only_draft(group("asr-workers"), *map(queue, queues)).demand is None


def test_metrics_that_are_not_published_are_named_with_how_to_get_them() -> None:
    draft = only_draft(group(), metric("AWS/EC2", "CPUUtilization", AutoScalingGroupName="chat-a10g"))
    assert list(draft.metrics) == ["cpu_utilization_percent"]
    assert [text.split(":")[0] for text in draft.missing] == [
        "memory_utilization_percent",
        "gpu_utilization_percent",
        "gpu_memory_utilization_percent",
        "instances_in_service",
    ]


def test_a_metric_of_single_instances_is_not_taken_for_the_groups() -> None:
    draft = only_draft(
        group(),
        metric("CWAgent", "nvidia_smi_utilization_gpu", AutoScalingGroupName="chat-a10g", InstanceId="i-1", index="0"),
    )
    assert "gpu_utilization_percent" not in draft.metrics


def test_errors_are_drafted_though_none_was_ever_counted() -> None:
    assert "error_count" in only_draft(group(load_balancers=(BALANCER,))).metrics


def test_a_service_is_the_fleet_and_the_group_under_it_is_not() -> None:
    service = replace(group(), target=Target(kind=TargetKind.ECS_SERVICE, name="ml/embed"), nodes_group="ml-nodes")
    drafts, skipped = draft_fleets(picture(group("ml-nodes"), service))
    assert [draft.fleet_id for draft in drafts] == ["embed"]
    assert [(item.found.target.name, item.reason) for item in skipped] == [
        ("ml-nodes", "carries the ECS service ml/embed, which is the fleet")
    ]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (group(accelerator=None), "no accelerator"),
        (group(instance_types=()), "instance type is unknown"),
        (group(max_instances=0), "maximum is 0"),
        (group(skip_reason="nodes of a cluster"), "nodes of a cluster"),
    ],
)
def test_a_target_that_is_no_fleet_is_left_out_with_its_reason(found: FoundTarget, reason: str) -> None:
    drafts, skipped = draft_fleets(picture(found))
    assert drafts == ()
    assert reason in skipped[0].reason


def test_a_target_without_accelerator_is_drafted_on_request() -> None:
    drafts, _ = draft_fleets(picture(group(accelerator=None)), has_cpu_fleets=True)
    assert len(drafts) == 1


def test_ids_are_short_where_they_can_be_and_unique_always() -> None:
    elsewhere = Place(account="123456789012", region="us-west-2")
    targets = [
        group("Chat_Large"),
        group("Chat_Large", place=elsewhere),
        group("x", target=Target(kind=TargetKind.ECS_SERVICE, name="ml/embed")),
        group("x", target=Target(kind=TargetKind.ECS_SERVICE, name="batch/embed")),
        group("éé"),
    ]
    drafts, _ = draft_fleets(picture(*targets))
    assert [draft.fleet_id for draft in drafts] == sorted(
        ["chat-large-eu-west-1", "chat-large-us-west-2", "ml-embed", "batch-embed", "eu-west-1"]
    )


def test_the_billing_tag_is_one_that_no_other_fleet_shares() -> None:
    shared = {"team": "ml", "service": "chat"}
    drafts, _ = draft_fleets(picture(group("a", tags=shared | {"service": "asr"}), group("b", tags=shared)))
    assert [draft.billing_tag for draft in drafts] == [("service", "asr"), ("service", "chat")]


def test_there_is_no_billing_tag_where_all_are_shared_or_the_clouds_own() -> None:
    assert only_draft(group(tags={"aws:cloudformation:stack-name": "x"})).billing_tag is None


def _variant(*names: str, gpus: int, kind: TargetKind = TargetKind.SAGEMAKER_VARIANT) -> AccountPicture:
    """A SageMaker target on machines of `gpus` GPUs, which publishes the GPU metrics `names`."""
    is_variant = kind is TargetKind.SAGEMAKER_VARIANT
    name = "rank/v1" if is_variant else "rank"
    own = {"EndpointName": "rank", "VariantName": "v1"} if is_variant else {"InferenceComponentName": "rank"}
    namespace = "/aws/sagemaker/Endpoints" if is_variant else "/aws/sagemaker/InferenceComponents"
    found = replace(group(), target=Target(kind=kind, name=name), accelerator=Accelerator(name="A10G", count=gpus))
    return picture(found, metrics={metric(namespace, one, **own) for one in names})


@pytest.mark.parametrize(("gpus", "divide_by"), [(1, 1.0), (4, 4.0)])
def test_sagemakers_sum_over_the_gpus_of_a_machine_is_divided_by_their_number(gpus: int, divide_by: float) -> None:
    (draft,), _ = draft_fleets(_variant("GPUUtilization", gpus=gpus))
    assert draft.metrics["gpu_utilization_percent"].reference.divide_by == divide_by


def test_a_metric_from_0_to_100_is_preferred_to_a_sum_over_gpus() -> None:
    (draft,), _ = draft_fleets(_variant("GPUUtilization", "GPUUtilizationNormalized", gpus=4))
    reference = draft.metrics["gpu_utilization_percent"].reference
    assert (reference.name, reference.divide_by) == ("GPUUtilizationNormalized", 1.0)


def test_how_many_gpus_a_component_sums_is_not_guessed() -> None:
    component = _variant("GPUUtilization", gpus=4, kind=TargetKind.SAGEMAKER_INFERENCE_COMPONENT)
    (draft,), _ = draft_fleets(component)
    chosen = draft.metrics["gpu_utilization_percent"]
    assert chosen.reference.divide_by == 1.0
    assert chosen.why.startswith("UNKNOWN")


def test_sagemaker_counts_its_own_calls() -> None:
    variant = replace(group(), target=Target(kind=TargetKind.SAGEMAKER_VARIANT, name="rank/v1"), accelerator=None)
    drafts, _ = draft_fleets(picture(variant))
    assert drafts[0].demand is not None
    assert drafts[0].demand.reference.dimensions == {"EndpointName": "rank", "VariantName": "v1"}
    assert drafts[0].found.place == PLACE


def test_groups_whose_names_have_no_letter_for_an_id_get_ids_that_no_other_group_has() -> None:
    drafts, _ = draft_fleets(picture(group("聊天"), group("语音"), group("fleet-1")))
    assert sorted(draft.fleet_id for draft in drafts) == ["fleet-1", "fleet-2", "fleet-3"]
    assert next(draft.found.target.name for draft in drafts if draft.fleet_id == "fleet-1") == "fleet-1"
