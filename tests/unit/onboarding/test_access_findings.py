from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.onboarding.small_account import NOW, fleet

from headroom.domain.account import Caller, Identity, MachineQuota, SimulatedAction, TriedCall, TriedResult
from headroom.domain.fleet import Mode
from headroom.onboarding.access_findings import (
    caller_finding,
    clock_finding,
    permission_findings,
    push_findings,
    quota_findings,
    unsimulated_finding,
)
from headroom.onboarding.findings import Finding, Level, Topic

ROLE = Identity(account="123456789012", arn="arn:aws:sts::123456789012:assumed-role/read/me", principal_arn="arn")
PUT, DELETE = "autoscaling:BatchPutScheduledUpdateGroupAction", "autoscaling:BatchDeleteScheduledAction"


@pytest.mark.parametrize(
    ("code", "level", "says", "remedy"),
    [
        ("NoCredentialsError", Level.PROBLEM, "there are no AWS credentials", "AWS_PROFILE"),
        ("ProfileNotFound", Level.PROBLEM, "profile is not there", "AWS_PROFILE"),
        ("ExpiredToken", Level.PROBLEM, "have expired", "log in anew"),
        ("InvalidClientTokenId", Level.PROBLEM, "are refused", "which key"),
        ("AccessDenied", Level.PROBLEM, "cannot be entered", "sts:AssumeRole"),
        ("SourceError", Level.PROBLEM, "cannot be entered", "aws.role_arn in sources.yaml"),
        ("EndpointConnectionError", Level.UNKNOWN, "does not answer", "check region in fleets.yaml"),
    ],
)
def test_a_place_that_cannot_be_asked_says_why_and_what_to_do(code: str, level: Level, says: str, remedy: str) -> None:
    found = caller_finding("us-east-1", Caller(cause="the cause", error_code=code))
    assert (found.level, found.topic) == (level, Topic.CREDENTIALS)
    assert says in found.message
    assert found.message.endswith(": the cause")
    assert remedy in found.remedy


def test_a_role_is_in_order_and_the_accounts_root_is_warned_of() -> None:
    assert caller_finding("here", Caller(identity=ROLE)).level is Level.OK
    root = replace(ROLE, arn="arn:aws:iam::123456789012:root", principal_arn=None)
    assert caller_finding("here", Caller(identity=root)).level is Level.WARNING


def clock(ahead_seconds: float, *, is_local_cloud: bool = False, keeps_manual_time: bool = False) -> Finding:
    return clock_finding(
        cloud_utc=NOW,
        here_utc=NOW + timedelta(seconds=ahead_seconds),
        is_local_cloud=is_local_cloud,
        keeps_manual_time=keeps_manual_time,
    )


@pytest.mark.parametrize(
    ("ahead_seconds", "level"),
    [(0, Level.OK), (59, Level.OK), (-60, Level.WARNING), (299, Level.WARNING), (300, Level.PROBLEM)],
)
def test_a_clock_is_warned_of_at_a_minute_and_refused_by_aws_at_five(ahead_seconds: float, level: Level) -> None:
    assert clock(ahead_seconds).level is level


def test_a_clock_says_by_how_much_and_to_which_side_it_is_off() -> None:
    assert "400 s ahead of the cloud's (2026-11-18T06:05:00Z)" in clock(400).message
    assert "400 s behind" in clock(-400).message


def test_a_local_cloud_may_keep_its_own_time_once_no_run_starts_by_the_wall_clock() -> None:
    week = 7 * 86400
    assert clock(week, is_local_cloud=True, keeps_manual_time=True).level is Level.OK
    warned = clock(week, is_local_cloud=True)
    assert warned.level is Level.WARNING
    assert "HEADROOM_CLOCK=manual" in warned.remedy


def tried(action: str, result: TriedResult, *, is_for_tasks: bool = True, cause: str = "") -> TriedCall:
    return TriedCall(action=action, is_for_tasks=is_for_tasks, result=result, cause=cause)


def test_a_denied_call_is_a_problem_where_runs_need_it_and_a_warning_where_discover_does() -> None:
    needed = tried("cloudwatch:GetMetricData", TriedResult.DENIED, cause="AccessDenied: no")
    looked = tried("ecs:ListClusters", TriedResult.DENIED, is_for_tasks=False, cause="AccessDenied: no")
    found = permission_findings("here", [needed, looked, tried("ec2:DescribeInstanceTypes", TriedResult.ANSWERED)])
    assert [(item.level, item.remedy) for item in found] == [
        (Level.PROBLEM, "allow cloudwatch:GetMetricData (docs/iam/read.json)"),
        (Level.WARNING, "allow ecs:ListClusters (docs/iam/read.json)"),
    ]


def test_calls_that_failed_for_one_cause_are_one_line() -> None:
    silent = [tried(f"ecs:{name}", TriedResult.FAILED, cause="timed out") for name in ("ListClusters", "ListServices")]
    (found,) = permission_findings("here", silent)
    assert found.level is Level.UNKNOWN
    assert found.message == "ecs:ListClusters, ecs:ListServices could not be tried: timed out"


def test_where_every_call_is_answered_that_is_said_once() -> None:
    (found,) = permission_findings("here", [tried("a:b", TriedResult.ANSWERED), tried("a:c", TriedResult.ANSWERED)])
    assert (found.level, found.message) == (Level.OK, "all 2 read calls of docs/iam/read.json are permitted")


def simulated(put: str, delete: str = "allowed") -> list[SimulatedAction]:
    return [
        SimulatedAction(action=PUT, resource="arn", decision=put),
        SimulatedAction(action=DELETE, resource="arn", decision=delete),
    ]


def test_a_push_that_would_be_refused_is_a_problem_once_the_mode_writes() -> None:
    (found,) = push_findings(fleet(mode=Mode.AUTO), tag_value="managed", simulated=simulated("implicitDeny"))
    assert found.level is Level.PROBLEM
    assert found.message == f"{PUT} (implicitDeny) would be refused"
    assert found.remedy == "attach docs/iam/push.json"


def test_a_missing_tag_is_named_where_the_policy_refuses() -> None:
    (found,) = push_findings(fleet(mode=Mode.APPROVE), tag_value=None, simulated=simulated("implicitDeny"))
    assert "no tag headroom=managed" in found.message
    assert found.remedy.endswith("tag the target headroom=managed")


def test_a_fleet_that_writes_nothing_may_lack_the_permission() -> None:
    (found,) = push_findings(fleet(mode=Mode.RECOMMEND), tag_value=None, simulated=simulated("implicitDeny"))
    assert found.level is Level.OK
    assert found.remedy.endswith("before its mode may write")


def test_an_allowed_push_is_in_order_without_the_tag_since_a_policy_may_do_without() -> None:
    (found,) = push_findings(fleet(mode=Mode.AUTO), tag_value=None, simulated=simulated("allowed"))
    assert found.level is Level.OK


def test_what_could_not_be_simulated_is_unknown() -> None:
    found = unsimulated_finding(fleet(), "AccessDenied")
    assert (found.level, found.topic) == (Level.UNKNOWN, Topic.PUSH)


def quota(limit_vcpus: float | None) -> Finding:
    machines = MachineQuota(
        name="Running On-Demand G and VT instances",
        limit_vcpus=limit_vcpus,
        needed_vcpus=80,
        fleet_ids=("chat", "vision"),
    )
    (found,) = quota_findings("here", [machines])
    return found


def test_a_quota_below_what_the_fleets_need_at_their_maximum_is_warned_of() -> None:
    found = quota(79)
    assert found.level is Level.WARNING
    assert found.message == "Running On-Demand G and VT instances: 79 vCPUs, chat, vision at max_instances need 80"
    assert quota(80).level is Level.OK
    assert quota(None).level is Level.UNKNOWN
