"""A day of hourly pushes while the clock goes on: what stands at the target is the newest plan, hour after hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headroom.cli import main
from headroom.domain.window import HOUR, Window
from headroom.pipelines import scale, utilization
from headroom.pipelines.explain import explain_minimum
from headroom.pipelines.outcomes import check_outcomes
from headroom.pipelines.schedules import plan_path, wanted_actions
from headroom.pipelines.workspace import open_workspace
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

FIRST = Window(datetime(2026, 11, 18, 5, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
HOURS = 24
PREFIX = "headroom-test-chat-large-"
OWNER = {"MinSize": 50, "MaxSize": 60, "DesiredCapacity": 50}


def standing(sandbox: SandboxProcess) -> dict[str, dict[str, Any]]:
    found = sandbox.client("autoscaling").describe_scheduled_actions(AutoScalingGroupName="chat-large")
    return {item["ScheduledActionName"]: item for item in found["ScheduledUpdateGroupActions"]}


def run_hour(window: Window) -> int:
    writes = 0
    for chunk in utilization.list_chunks():
        utilization.extract_hour(window, chunk)
        scale.forecast_chunk(window, chunk)
        scale.schedule_chunk(window, chunk)
        writes += int(scale.push_chunk(window, chunk, approvals={})["write_calls"])
    check_outcomes(dag_id="scale_ahead", window=window)
    return writes


def test_every_hour_leaves_the_newest_plan_at_the_target_and_the_owners_action_alone(
    sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", "prices", "--from", "2026-11-17", "--to", "2026-11-18"]) == 0
    assert main(["extract", "utilization", "--from", "2026-11-04", "--to", "2026-11-18"]) == 0
    capsys.readouterr()
    aws = sandbox.client("autoscaling")
    aws.put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large",
        ScheduledActionName="owner-night",
        StartTime=datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
        MaxSize=60,
    )
    owners = standing(sandbox)["owner-night"]

    writes = []
    stood = {}
    for position in range(HOURS):
        window = Window(FIRST.start_utc + position * HOUR, FIRST.end_utc + position * HOUR)
        writes.append(run_hour(window))
        present = standing(sandbox)
        assert present["owner-night"] == owners
        plan = open_workspace().lake.read_json(plan_path("chat-large", window))
        # two weeks of the sandbox's past tell, or the plan says why they do not
        assert ("measured on" in plan["sizing_method"]) == (plan["rate_not_measured"] is None)
        wanted = {action.name: action.setting for action in wanted_actions(plan)}
        ours = {name: item for name, item in present.items() if name.startswith(PREFIX)}
        # What the plan wants may stand a few minutes on, where an action of before has its minute.
        assert len(ours) == len(wanted)
        last = max(ours.values(), key=lambda item: item["StartTime"])
        assert {name: last.get(name) for name in OWNER} == OWNER
        sandbox.advance(timedelta(minutes=30))
        group = aws.describe_auto_scaling_groups(AutoScalingGroupNames=["chat-large"])["AutoScalingGroups"][0]
        stood[window.end_utc + timedelta(minutes=35)] = group["MinSize"], group["MaxSize"]
        sandbox.advance(timedelta(minutes=30))

    group = aws.describe_auto_scaling_groups(AutoScalingGroupNames=["chat-large"])["AutoScalingGroups"][0]
    assert OWNER["DesiredCapacity"] > group["DesiredCapacity"] >= 2
    # The newest hour moves the forecast a little, so some actions change; most of what stands stays as it is.
    assert max(writes[1:]) < writes[0]
    assert sum(writes[1:]) < len(writes[1:]) * writes[0] / 2

    workspace = open_workspace()
    told = {moment: explain_minimum(workspace, "chat-large", moment) for moment in stood}
    in_force = {moment: explanation.in_force for moment, explanation in told.items()}
    assert {moment: (item.minimum.value, item.maximum.value) for moment, item in in_force.items() if item} == stood
    for explanation in told.values():
        assert (explanation.why.code, explanation.missing) == ("our_action", {})
        assert explanation.push is not None
        assert explanation.forecast is not None
        assert explanation.inputs is not None
        assert explanation.push.inputs_hash == explanation.forecast.inputs_hash == explanation.inputs.inputs_hash
    plans = {moment: explanation.plan for moment, explanation in told.items() if explanation.plan is not None}
    bought = {moment: item.forecast.bought_per_second for moment, item in told.items() if item.forecast is not None}
    assert {moment: plan.demand_per_second for moment, plan in plans.items()} == bought
    # What stands is what the hour needs that needs most of those the action serves.
    assert {moment: plan.required_instances for moment, plan in plans.items()} == {
        moment: low for moment, (low, _high) in stood.items()
    }
