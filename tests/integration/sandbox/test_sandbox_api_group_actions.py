"""Scheduled actions of Auto Scaling groups: every refusal of AWS, batches, paging. Through boto3 over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
PUT = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html"
GUIDE = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html"
QUOTAS = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html"
BATCH = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_BatchPutScheduledUpdateGroupAction.html"

# What is wrong, the parameters over a good action's, error code, words of the message, where AWS says so.
REFUSALS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("an unknown group", {"AutoScalingGroupName": "no-such-group"}, "ValidationError", "not found", PUT),
    ("a start now", {"starts_in": timedelta(0)}, "ValidationError", "start time is in the past", PUT),
    ("a start in the past", {"starts_in": -HOUR}, "ValidationError", "start time is in the past", PUT),
    ("an end before the start", {"ends_in": HOUR / 2}, "ValidationError", "end time", PUT),
    ("a taken start time", {"starts_in": 30 * HOUR}, "AlreadyExists", "already exists", GUIDE),
    ("no size at all", {"MinSize": None}, "ValidationError", "At least one of", PUT),
    ("a negative size", {"MinSize": -1}, "ValidationError", "greater than or equal to zero", PUT),
    ("min above max", {"MinSize": 5, "MaxSize": 4}, "ValidationError", "Max size must be", PUT),
    ("desired below min", {"MinSize": 5, "DesiredCapacity": 4}, "ValidationError", "min size", PUT),
    ("desired above max", {"MinSize": None, "MaxSize": 5, "DesiredCapacity": 6}, "ValidationError", "max size", PUT),
    ("an overlong name", {"ScheduledActionName": "n" * 256}, "ValidationError", "1 to 255", PUT),
    ("neither start nor recurrence", {"starts_in": None}, "ValidationError", "start time or a recurrence", PUT),
    ("four cron fields", {"Recurrence": "0 8 * *"}, "ValidationError", "recurrence", PUT),
    ("an impossible hour", {"Recurrence": "0 24 * * *"}, "ValidationError", "recurrence", PUT),
    ("an unknown time zone", {"Recurrence": "0 8 * * *", "TimeZone": "Mars/Base"}, "ValidationError", "zone", PUT),
]


def put_request(now: Any, **changes: Any) -> dict[str, Any]:
    starts_in, ends_in = changes.pop("starts_in", HOUR), changes.pop("ends_in", None)
    request = {
        "AutoScalingGroupName": "chat-large",
        "ScheduledActionName": "refused",
        "StartTime": None if starts_in is None else now + starts_in,
        "EndTime": None if ends_in is None else now + ends_in,
        "MinSize": 40,
        **changes,
    }
    return {key: value for key, value in request.items() if value is not None}


def clear_group(client: Any, group: str) -> None:
    names = names_of(client, group)
    for first in range(0, len(names), 50):
        client.batch_delete_scheduled_action(AutoScalingGroupName=group, ScheduledActionNames=names[first : first + 50])


@pytest.fixture
def client(sandbox: Any) -> Any:
    client = sandbox.control.client("autoscaling")
    for group in ("chat-large", "vision-batch"):
        clear_group(client, group)
    return client


def names_of(client: Any, group: str, **arguments: Any) -> list[str]:
    pages = client.get_paginator("describe_scheduled_actions").paginate(AutoScalingGroupName=group, **arguments)
    return [item["ScheduledActionName"] for page in pages for item in page["ScheduledUpdateGroupActions"]]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_aws_refuses_is_refused(
    sandbox: Any, client: Any, refusal: tuple[str, dict[str, Any], str, str, str]
) -> None:
    wrong, changes, code, words, source = refusal
    client.put_scheduled_update_group_action(
        **put_request(sandbox.now, ScheduledActionName="there", starts_in=30 * HOUR)
    )

    with pytest.raises(ClientError) as caught:
        client.put_scheduled_update_group_action(**put_request(sandbox.now, **changes))

    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400), (wrong, source)
    assert words in error["Error"]["Message"], (wrong, source)
    assert names_of(client, "chat-large") == ["there"]


def test_two_groups_may_have_an_action_of_one_name_and_time(sandbox: Any, client: Any) -> None:
    for group in ("chat-large", "vision-batch"):
        client.put_scheduled_update_group_action(**put_request(sandbox.now, AutoScalingGroupName=group, MinSize=3))

    found = client.describe_scheduled_actions(ScheduledActionNames=["refused"])["ScheduledUpdateGroupActions"]
    assert [item["AutoScalingGroupName"] for item in found] == ["chat-large", "vision-batch"]


def test_an_action_is_given_back_as_it_was_put(sandbox: Any, client: Any) -> None:
    client.put_scheduled_update_group_action(**put_request(sandbox.now, MinSize=10, MaxSize=60, DesiredCapacity=12))

    (found,) = client.describe_scheduled_actions(AutoScalingGroupName="chat-large")["ScheduledUpdateGroupActions"]
    assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (10, 60, 12)
    assert found["StartTime"] == found["Time"] == sandbox.now + HOUR
    assert found["ScheduledActionARN"].endswith("autoScalingGroupName/chat-large:scheduledActionName/refused")
    assert "EndTime" not in found
    assert "Recurrence" not in found


def test_putting_a_name_again_replaces_it_and_may_keep_its_start_time(sandbox: Any, client: Any) -> None:
    for size in (10, 11):
        client.put_scheduled_update_group_action(**put_request(sandbox.now, MinSize=size))

    (found,) = client.describe_scheduled_actions(AutoScalingGroupName="chat-large")["ScheduledUpdateGroupActions"]
    assert found["MinSize"] == 11


def batch(now: Any, count: int, *, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"ScheduledActionName": f"a{hour:03d}", "StartTime": now + hour * HOUR, "MinSize": 40}
        for hour in range(first, first + count)
    ]


def test_a_batch_keeps_its_good_actions_and_lists_the_refused_ones(sandbox: Any, client: Any) -> None:
    actions = batch(sandbox.now, 3)
    actions[1]["MaxSize"] = 1

    failed = client.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=actions
    )["FailedScheduledUpdateGroupActions"]

    assert [(item["ScheduledActionName"], item["ErrorCode"]) for item in failed] == [("a002", "ValidationError")]
    assert "Max size" in failed[0]["ErrorMessage"]
    assert names_of(client, "chat-large") == ["a001", "a003"]


def test_a_batch_takes_50_and_a_group_125(sandbox: Any, client: Any) -> None:
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
    with pytest.raises(ClientError, match="1 to 50"):
        client.batch_put_scheduled_update_group_action(
            AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, 51)
        )
    for first, count in ((1, 50), (51, 50), (101, 25)):
        answer = client.batch_put_scheduled_update_group_action(
            AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, count, first=first)
        )
        assert answer["FailedScheduledUpdateGroupActions"] == []

    with pytest.raises(ClientError, match="125") as caught:
        client.put_scheduled_update_group_action(**put_request(sandbox.now, starts_in=200 * HOUR))
    assert caught.value.response["Error"]["Code"] == "LimitExceeded", QUOTAS
    failed = client.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, 1, first=126)
    )["FailedScheduledUpdateGroupActions"]
    assert [item["ErrorCode"] for item in failed] == ["LimitExceeded"], BATCH
    client.put_scheduled_update_group_action(**put_request(sandbox.now, ScheduledActionName="a007", starts_in=7 * HOUR))


def test_actions_come_in_pages(sandbox: Any, client: Any) -> None:
    for first in (1, 51):
        client.batch_put_scheduled_update_group_action(
            AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, 50, first=first)
        )

    first_page = client.describe_scheduled_actions(AutoScalingGroupName="chat-large")
    assert len(first_page["ScheduledUpdateGroupActions"]) == 50  # the default page
    assert len(names_of(client, "chat-large", PaginationConfig={"PageSize": 7})) == 100
    for arguments, code in (({"MaxRecords": 101}, "ValidationError"), ({"NextToken": "?"}, "InvalidNextToken")):
        with pytest.raises(ClientError) as caught:
            client.describe_scheduled_actions(AutoScalingGroupName="chat-large", **arguments)
        assert caught.value.response["Error"]["Code"] == code


def test_actions_are_found_by_time_and_by_name(sandbox: Any, client: Any) -> None:
    client.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, 10)
    )

    between = {"StartTime": sandbox.now + 3 * HOUR, "EndTime": sandbox.now + 5 * HOUR}
    assert names_of(client, "chat-large", **between) == ["a003", "a004", "a005"]
    assert names_of(client, "chat-large", ScheduledActionNames=["a002", "zzz"]) == ["a002"]
    with pytest.raises(ClientError, match="not found"):
        names_of(client, "no-such-group")


def test_deleting_removes_one_and_a_batch_lists_what_was_not_there(sandbox: Any, client: Any) -> None:
    client.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large", ScheduledUpdateGroupActions=batch(sandbox.now, 3)
    )

    client.delete_scheduled_action(AutoScalingGroupName="chat-large", ScheduledActionName="a001")
    failed = client.batch_delete_scheduled_action(
        AutoScalingGroupName="chat-large", ScheduledActionNames=["a001", "a002"]
    )["FailedScheduledActions"]

    assert [(item["ScheduledActionName"], item["ErrorCode"]) for item in failed] == [("a001", "ValidationError")]
    assert names_of(client, "chat-large") == ["a003"]
    with pytest.raises(ClientError, match="not found"):
        client.delete_scheduled_action(AutoScalingGroupName="chat-large", ScheduledActionName="a001")


def test_a_recurring_action_shows_its_next_start_in_utc(sandbox: Any, client: Any) -> None:
    # 08:00 in New York is 13:00 UTC in November; the sandbox's now is 06:05 UTC.
    client.put_scheduled_update_group_action(
        **put_request(sandbox.now, starts_in=None, Recurrence="0 8 * * *", TimeZone="America/New_York")
    )

    (found,) = client.describe_scheduled_actions(AutoScalingGroupName="chat-large")["ScheduledUpdateGroupActions"]
    assert found["StartTime"] == sandbox.now.replace(hour=13, minute=0)
    assert (found["Recurrence"], found["TimeZone"]) == ("0 8 * * *", "America/New_York")


def test_policies_are_kept_per_group_and_given_back_whole(client: Any) -> None:
    tracking = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50.0,
    }
    predictive = {
        "MetricSpecifications": [
            {
                "TargetValue": 40.0,
                "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"},
            }
        ],
        "Mode": "ForecastOnly",
    }
    for group in ("chat-large", "vision-batch"):
        answer = client.put_scaling_policy(
            AutoScalingGroupName=group,
            PolicyName="one-name",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=tracking,
        )
        assert answer["PolicyARN"].endswith(f"autoScalingGroupName/{group}:policyName/one-name")
    client.put_scaling_policy(
        AutoScalingGroupName="chat-large",
        PolicyName="ahead",
        PolicyType="PredictiveScaling",
        PredictiveScalingConfiguration=predictive,
    )

    found = client.describe_policies(AutoScalingGroupName="chat-large")["ScalingPolicies"]
    assert [policy["PolicyType"] for policy in found] == ["TargetTrackingScaling", "PredictiveScaling"]
    assert found[0]["TargetTrackingConfiguration"] == tracking
    assert found[1]["PredictiveScalingConfiguration"] == predictive
    client.delete_policy(AutoScalingGroupName="chat-large", PolicyName="one-name")
    client.delete_policy(PolicyName=found[1]["PolicyARN"])
    assert client.describe_policies(AutoScalingGroupName="chat-large")["ScalingPolicies"] == []
    client.delete_policy(AutoScalingGroupName="vision-batch", PolicyName="one-name")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AutoScalingGroupName": "no-such-group"}, "not found"),
        ({"PolicyType": "Guessing"}, "none of"),
        ({"PolicyType": "StepScaling"}, "StepAdjustments must be given"),
    ],
)
def test_a_policy_that_aws_refuses_is_refused(client: Any, changes: dict[str, Any], words: str) -> None:
    request = {
        "AutoScalingGroupName": "chat-large",
        "PolicyName": "refused",
        "PolicyType": "SimpleScaling",
        "AdjustmentType": "ExactCapacity",
        **changes,
    }
    with pytest.raises(ClientError, match=words):
        client.put_scaling_policy(**request)
    with pytest.raises(ClientError, match="No scaling policy found"):
        client.delete_policy(AutoScalingGroupName="chat-large", PolicyName="refused")
