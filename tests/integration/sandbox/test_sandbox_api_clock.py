"""The clock: scheduled actions run when it passes them; capacity, metrics and bills follow. In the order of time."""

import io
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from headroom.sandbox.control_client import SandboxControlError

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
EMBED = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/search/embed",
    "ScalableDimension": "ecs:service:DesiredCount",
}


def group_of(sandbox: Any, name: str) -> dict[str, Any]:
    found = sandbox.control.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    group: dict[str, Any] = found["AutoScalingGroups"][0]
    return group


def put_action(sandbox: Any, name: str, at: datetime, *, group: str = "chat-large", **sizes: int) -> None:
    sandbox.control.client("autoscaling").put_scheduled_update_group_action(
        AutoScalingGroupName=group, ScheduledActionName=name, StartTime=at, **sizes
    )


def action_names(sandbox: Any) -> list[str]:
    answer = sandbox.control.client("autoscaling").describe_scheduled_actions()
    return [item["ScheduledActionName"] for item in answer["ScheduledUpdateGroupActions"]]


def test_the_owners_groups_stand_as_they_left_them(sandbox: Any) -> None:
    group = group_of(sandbox, "chat-large")

    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (50, 60, 50)
    assert [item["LifecycleState"] for item in group["Instances"]] == ["InService"] * 50
    assert {item["InstanceType"] for item in group["Instances"]} == {"g5.12xlarge"}
    assert {tag["Key"]: tag["Value"] for tag in group["Tags"]} == {"fleet": "chat-large"}


def test_every_answer_carries_the_sandbox_clock(sandbox: Any) -> None:
    for service, call in (
        ("sts", lambda client: client.get_caller_identity()),
        ("s3", lambda client: client.list_buckets()),
        ("autoscaling", lambda client: client.describe_scheduled_actions()),
    ):
        answer = call(sandbox.control.client(service))
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        assert parsedate_to_datetime(date) == sandbox.control.clock() == sandbox.now


def test_an_action_runs_when_the_clock_passes_it_and_is_listed_no_more(sandbox: Any) -> None:
    start = sandbox.now
    put_action(sandbox, "lower", start + 2 * HOUR, MinSize=20, DesiredCapacity=20)
    put_action(sandbox, "restore", start + 30 * HOUR, MinSize=50, DesiredCapacity=50)

    assert sandbox.control.advance(HOUR)["executed"] == []
    assert group_of(sandbox, "chat-large")["DesiredCapacity"] == 50
    assert action_names(sandbox) == ["lower", "restore"]
    (executed,) = sandbox.control.set_clock(start + 2 * HOUR)["executed"]

    assert (executed["name"], executed["fleet_id"], executed["failure"]) == ("lower", "chat-large", None)
    group = group_of(sandbox, "chat-large")
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (20, 60, 20)
    assert action_names(sandbox) == ["restore"]
    assert sandbox.control.executed_actions()[-1] == executed


def test_the_metrics_follow_from_what_was_scheduled(sandbox: Any) -> None:
    sandbox.control.advance(HOUR)  # an hour on 20 instead of 50 instances

    reference = {"Namespace": "AWS/AutoScaling", "MetricName": "GroupInServiceInstances"}
    dimensions = [{"Name": "AutoScalingGroupName", "Value": "chat-large"}]
    (result,) = sandbox.control.client("cloudwatch").get_metric_data(
        StartTime=sandbox.now - 4 * HOUR,
        EndTime=sandbox.now,
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {
                "Id": "q",
                "MetricStat": {"Metric": {**reference, "Dimensions": dimensions}, "Period": 300, "Stat": "Average"},
            }
        ],
    )["MetricDataResults"]
    assert result["Values"][0] == 50
    assert result["Values"][-1] == 20


def test_the_bills_follow_once_the_day_is_over(sandbox: Any) -> None:
    before = chat_large_cost_by_day(sandbox)
    sandbox.control.set_clock(datetime(2026, 11, 19, 0, 30, tzinfo=UTC))
    after = chat_large_cost_by_day(sandbox)

    # On 20 of 50 instances from 08:05 on, 18 November costs about (8.1 x 50 + 15.9 x 20) / (24 x 50) = 0.60 of a day.
    assert "2026-11-18" not in before
    assert after["2026-11-18"] / after["2026-11-17"] == pytest.approx(0.60, abs=0.03)


def chat_large_cost_by_day(sandbox: Any) -> dict[str, float]:
    client = sandbox.control.client("s3")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="headroom-billing")["Contents"]]
    (key,) = [key for key in keys if "focus" in key and "2026-11" in key and key.endswith(".parquet")]
    body = client.get_object(Bucket="headroom-billing", Key=key)["Body"].read()
    table = pq.read_table(io.BytesIO(body), columns=["ChargePeriodStart", "EffectiveCost", "Tags"])
    costs: dict[str, float] = {}
    for row in table.to_pylist():
        if ("fleet", "chat-large") in row["Tags"]:
            day = f"{row['ChargePeriodStart']:%Y-%m-%d}"
            costs[day] = costs.get(day, 0.0) + float(row["EffectiveCost"])
    return costs


def test_an_exports_manifest_is_written_with_it(sandbox: Any) -> None:
    keys = [item["Key"] for item in sandbox.control.client("s3").list_objects_v2(Bucket="headroom-billing")["Contents"]]
    assert sum(key.endswith("-Manifest.json") for key in keys) == 4  # two formats, October and November


def test_the_last_action_gives_the_group_back(sandbox: Any) -> None:
    sandbox.control.set_clock(datetime(2026, 11, 19, 12, 6, tzinfo=UTC))  # restore was 30 h after 18 November 06:05

    group = group_of(sandbox, "chat-large")
    assert (group["MinSize"], group["DesiredCapacity"]) == (50, 50)
    assert {item["LifecycleState"] for item in group["Instances"]} == {"InService", "Pending"}  # not yet ready
    sandbox.control.advance(HOUR)
    assert {item["LifecycleState"] for item in group_of(sandbox, "chat-large")["Instances"]} == {"InService"}


def test_scheduled_actions_of_targets_run_too(sandbox: Any) -> None:
    client = sandbox.control.client("application-autoscaling")
    at = sandbox.now + HOUR
    client.put_scheduled_action(
        **EMBED,
        ScheduledActionName="raise",
        Schedule=f"at({at:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 17, "MaxCapacity": 24},
    )
    sandbox.control.advance(HOUR)

    (target,) = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    (service,) = sandbox.control.client("ecs").describe_services(cluster="search", services=["embed"])["services"]
    assert (target["MinCapacity"], service["desiredCount"]) == (17, 17)
    assert service["runningCount"] + service["pendingCount"] == 17
    assert client.describe_scheduled_actions(**EMBED)["ScheduledActions"] == []
    sandbox.control.advance(HOUR)
    (service,) = sandbox.control.client("ecs").describe_services(cluster="search", services=["embed"])["services"]
    assert (service["runningCount"], service["pendingCount"]) == (17, 0)


def test_what_falls_due_while_suspended_is_missed_and_not_made_up_for(sandbox: Any) -> None:
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
    scaling = sandbox.control.client("autoscaling")
    targets = sandbox.control.client("application-autoscaling")
    put_action(sandbox, "missed", sandbox.now + HOUR, MinSize=55)
    scaling.suspend_processes(AutoScalingGroupName="chat-large", ScalingProcesses=["ScheduledActions"])
    targets.register_scalable_target(**EMBED, SuspendedState={"ScheduledScalingSuspended": True})
    targets.put_scheduled_action(
        **EMBED,
        ScheduledActionName="missed-too",
        Schedule=f"at({sandbox.now + HOUR:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 20},
    )
    passed = sandbox.control.advance(2 * HOUR)["executed"]
    scaling.resume_processes(AutoScalingGroupName="chat-large", ScalingProcesses=["ScheduledActions"])
    targets.register_scalable_target(**EMBED, SuspendedState={"ScheduledScalingSuspended": False})
    sandbox.control.advance(HOUR)

    assert [(item["name"], item["failure"].split(":")[0]) for item in passed] == [
        ("missed", "missed"),
        ("missed-too", "missed"),
    ]
    assert group_of(sandbox, "chat-large")["MinSize"] == 50
    assert sandbox.world.capacity("embed-search").min_instances == 17
    assert action_names(sandbox) == []


def test_an_action_that_does_not_fit_at_its_time_fails_and_says_so(sandbox: Any) -> None:
    put_action(sandbox, "too-much", sandbox.now + HOUR, DesiredCapacity=99)  # the group's maximum is 60

    (passed,) = sandbox.control.advance(HOUR)["executed"]
    assert passed["failure"]
    assert group_of(sandbox, "chat-large")["DesiredCapacity"] == 50


def test_a_recurring_action_runs_every_day_and_stays(sandbox: Any) -> None:
    sandbox.control.client("autoscaling").put_scheduled_update_group_action(
        AutoScalingGroupName="vision-batch", ScheduledActionName="daily", Recurrence="0 20 * * *", MinSize=3
    )
    executed = sandbox.control.advance(timedelta(days=3))["executed"]

    assert [item["at_utc"][11:16] for item in executed if item["name"] == "daily"] == ["20:00"] * 3
    assert action_names(sandbox) == ["daily"]


def test_an_action_on_a_group_of_motos_own_resizes_it(sandbox: Any) -> None:
    scaling = sandbox.control.client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="by-hand",
        LaunchTemplate={"LaunchTemplateName": "chat-large", "Version": "$Latest"},
        MinSize=1,
        MaxSize=3,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
    )
    put_action(sandbox, "grow", sandbox.now + HOUR, group="by-hand", MinSize=2, MaxSize=4)
    sandbox.control.advance(HOUR)

    group = group_of(sandbox, "by-hand")
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"], len(group["Instances"])) == (2, 4, 2, 2)
    scaling.set_desired_capacity(AutoScalingGroupName="by-hand", DesiredCapacity=3)
    scaling.update_auto_scaling_group(AutoScalingGroupName="by-hand", MaxSize=5)
    assert group_of(sandbox, "by-hand")["DesiredCapacity"] == 3
    put_action(sandbox, "later", sandbox.now + HOUR, group="by-hand", MinSize=2)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="by-hand", ForceDelete=True)
    assert action_names(sandbox) == ["daily"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"now_utc": "2026-11-01T00:00:00Z"}, "does not go back"),
        ({"advance_seconds": -1}, "does not go back"),
        ({"now_utc": "2027-01-01T00:00:00"}, "without zone"),
        ({"now_utc": "soon"}, "no time"),
        ({"advance_seconds": "long"}, "no time"),
        ({}, "expected either"),
    ],
)
def test_a_clock_that_cannot_be_set_says_why(sandbox: Any, body: dict[str, Any], words: str) -> None:
    before = sandbox.now
    with pytest.raises(SandboxControlError, match=words):
        sandbox.control._request("POST", "clock", body)  # noqa: SLF001, what no method of it would send
    assert sandbox.now == before
