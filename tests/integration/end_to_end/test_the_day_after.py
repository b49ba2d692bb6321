"""What the actions that were pushed do when their time comes; last, since no hour after this one has its history."""

import pytest
from tests.integration.end_to_end.demo_under_test import Demo, starts_at

from headroom.domain.fleet import TargetKind
from headroom.domain.window import DAY

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


def test_the_capacity_follows_the_actions_when_the_clock_advances_a_day(demo: Demo) -> None:
    started = demo.stack.cloud.clock()
    due = {
        fleet.id: [action for action in demo.actions_at(fleet) if starts_at(action) <= started + DAY]
        for fleet in demo.fleets.values()
    }
    demo.stack.cloud.advance(DAY)
    executed = {item["name"] for item in demo.stack.cloud.executed_actions() if item["failure"] is None}
    for fleet in demo.fleets.values():
        assert due[fleet.id], fleet.id
        assert {action["ScheduledActionName"] for action in due[fleet.id]} <= executed
    chat = demo.fleets["chat-large"]
    assert chat.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP
    groups = demo.stack.cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["chat-large"])
    last = max(due["chat-large"], key=starts_at)
    assert groups["AutoScalingGroups"][0]["DesiredCapacity"] == last["DesiredCapacity"] < 50
