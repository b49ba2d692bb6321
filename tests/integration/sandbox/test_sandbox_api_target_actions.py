"""Scheduled actions of Application Auto Scaling's targets: refusals, updates, paging. Through boto3 over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.integration

PUT = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html"
LIMITS = "https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html"
EMBED = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/search/embed",
    "ScalableDimension": "ecs:service:DesiredCount",
}
RERANK = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/rerank-prod/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
GOOD = {"Schedule": "at(2026-12-01T00:00:00)", "ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 20}}

VALIDATION, MISSING = "ValidationException", "ObjectNotFoundException"
REFUSALS: list[tuple[str, dict[str, Any], str, str]] = [
    ("an unknown target", {"ResourceId": "service/search/nothing"}, MISSING, PUT),
    ("a colon in the name", {"ScheduledActionName": "a:b"}, VALIDATION, PUT),
    ("a slash in the name", {"ScheduledActionName": "a/b"}, VALIDATION, PUT),
    ("a bar in the name", {"ScheduledActionName": "a|b"}, VALIDATION, PUT),
    ("a past schedule", {"Schedule": "at(2026-11-18T06:05:00)"}, VALIDATION, PUT),
    ("a schedule that is none", {"Schedule": "tomorrow"}, VALIDATION, PUT),
    ("a cron of five fields", {"Schedule": "cron(0 8 * * ?)"}, VALIDATION, PUT),
    ("a rate of nothing", {"Schedule": "rate(0 hours)"}, VALIDATION, PUT),
    ("a malformed time", {"Schedule": "at(2026-11-19 08:00)"}, VALIDATION, PUT),
    ("no schedule", {"Schedule": None}, VALIDATION, PUT),
    ("an unknown time zone", {"Timezone": "Mars/Base"}, VALIDATION, PUT),
    ("no capacity", {"ScalableTargetAction": {}}, VALIDATION, PUT),
    ("a negative capacity", {"ScalableTargetAction": {"MinCapacity": -1}}, VALIDATION, PUT),
    ("min above max", {"ScalableTargetAction": {"MinCapacity": 5, "MaxCapacity": 4}}, VALIDATION, PUT),
]


@pytest.fixture
def client(sandbox: Any) -> Any:
    client = sandbox.control.client("application-autoscaling")
    for target in (EMBED, RERANK):
        for name in names_of(client, target):
            client.delete_scheduled_action(**target, ScheduledActionName=name)
    return client


def names_of(client: Any, target: dict[str, str], **arguments: Any) -> list[str]:
    pages = client.get_paginator("describe_scheduled_actions").paginate(**{**target, **arguments})
    return [item["ScheduledActionName"] for page in pages for item in page["ScheduledActions"]]


def put(client: Any, **changes: Any) -> None:
    request = {**EMBED, "ScheduledActionName": "one", **GOOD, **changes}
    client.put_scheduled_action(**{key: value for key, value in request.items() if value is not None})


@pytest.mark.parametrize(("wrong", "changes", "code", "source"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_aws_refuses_is_refused(client: Any, wrong: str, changes: dict[str, Any], code: str, source: str) -> None:
    with pytest.raises(ClientError) as caught:
        put(client, **changes)

    assert caught.value.response["Error"]["Code"] == code, (wrong, source)
    assert names_of(client, EMBED) == []


def test_start_and_end_must_lie_ahead_and_in_order(sandbox: Any, client: Any) -> None:
    hour = timedelta(hours=1)
    for times in (
        {"StartTime": sandbox.now - hour},
        {"EndTime": sandbox.now - hour},
        {"StartTime": sandbox.now + 2 * hour, "EndTime": sandbox.now + hour},
    ):
        with pytest.raises(ClientError, match=r"in the past|after start"):
            put(client, Schedule="rate(1 hour)", **times)


def test_a_target_takes_200_actions(client: Any) -> None:
    for number in range(200):
        put(client, ScheduledActionName=f"a{number:03d}")

    with pytest.raises(ClientError) as caught:
        put(client, ScheduledActionName="one-more")
    assert caught.value.response["Error"]["Code"] == "LimitExceededException", LIMITS
    put(client, ScheduledActionName="a000")  # an update is no addition
    assert len(names_of(client, EMBED)) == 200
    assert len(client.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]) == 50
    with pytest.raises(ClientError) as caught:
        client.describe_scheduled_actions(ServiceNamespace="ecs", NextToken="?")
    assert caught.value.response["Error"]["Code"] == "InvalidNextTokenException"
    with pytest.raises(ClientError, match="page size"):
        client.describe_scheduled_actions(ServiceNamespace="ecs", MaxResults=51)


def test_an_update_that_leaves_out_start_and_end_deletes_them_and_keeps_the_rest(sandbox: Any, client: Any) -> None:
    times = {"StartTime": sandbox.now + timedelta(hours=1), "EndTime": sandbox.now + timedelta(days=9)}
    put(client, Schedule="cron(0 8 ? * MON-FRI *)", Timezone="Europe/Berlin", **times)
    client.put_scheduled_action(**EMBED, ScheduledActionName="one", ScalableTargetAction={"MinCapacity": 4})

    (found,) = client.describe_scheduled_actions(**EMBED)["ScheduledActions"]
    assert "StartTime" not in found
    assert "EndTime" not in found
    assert (found["Schedule"], found["Timezone"]) == ("cron(0 8 ? * MON-FRI *)", "Europe/Berlin")
    assert found["ScalableTargetAction"] == {"MinCapacity": 4}
    assert found["CreationTime"] == sandbox.now
    client.put_scheduled_action(**EMBED, ScheduledActionName="one", Schedule="rate(2 days)")
    (found,) = client.describe_scheduled_actions(**EMBED)["ScheduledActions"]
    assert (found["Schedule"], found["ScalableTargetAction"]) == ("rate(2 days)", {"MinCapacity": 4})


def test_targets_keep_their_actions_apart(client: Any) -> None:
    put(client)
    put(client, **RERANK)

    assert names_of(client, EMBED) == names_of(client, RERANK) == ["one"]
    client.delete_scheduled_action(**EMBED, ScheduledActionName="one")
    assert (names_of(client, EMBED), names_of(client, RERANK)) == ([], ["one"])
    assert names_of(client, RERANK, ScheduledActionNames=["other"]) == []
    with pytest.raises(ClientError) as caught:
        client.delete_scheduled_action(**EMBED, ScheduledActionName="one")
    assert caught.value.response["Error"]["Code"] == MISSING


def test_registering_again_moves_the_bounds_and_the_world_follows(sandbox: Any, client: Any) -> None:
    client.register_scalable_target(**RERANK, MinCapacity=6, MaxCapacity=9)

    (found,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (6, 9)
    assert found["SuspendedState"]["ScheduledScalingSuspended"] is False
    capacity = sandbox.world.capacity("rerank")
    assert (capacity.min_instances, capacity.max_instances, capacity.desired_instances) == (6, 9, 6)
    endpoint = sandbox.control.client("sagemaker").describe_endpoint(EndpointName="rerank-prod")
    assert endpoint["ProductionVariants"][0]["DesiredInstanceCount"] == 6
    for bounds in ({"MinCapacity": 10, "MaxCapacity": 9}, {"MinCapacity": 10}):
        with pytest.raises(ClientError) as caught:
            client.register_scalable_target(**RERANK, **bounds)
        assert caught.value.response["Error"]["Code"] == VALIDATION


def test_deregistering_a_target_drops_its_actions(client: Any) -> None:
    put(client, **RERANK)
    client.deregister_scalable_target(**RERANK)
    with pytest.raises(ClientError):
        client.deregister_scalable_target(**RERANK)
    client.register_scalable_target(**RERANK, MinCapacity=2, MaxCapacity=16)

    assert names_of(client, RERANK) == []


def test_the_owners_target_tracking_policies_are_there(client: Any) -> None:
    (policy,) = client.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=EMBED["ResourceId"])[
        "ScalingPolicies"
    ]
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
