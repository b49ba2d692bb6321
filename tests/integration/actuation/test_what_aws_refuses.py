"""Every way in which AWS, or the wire to it, says no in the middle of a push, and what the push then does.

The documented table is the test table: what happens, where AWS says so, how the push must end, and what it must say.
After each, our restore stands or nothing of ours does, the owner's actions are as they were, and once the cause is
gone the same push succeeds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.actuation.desks import FLEETS, Desk, desk_of

from headroom.actuation.outcome import PushState
from headroom.domain.fleet import Target, TargetKind
from headroom.domain.window import floor_hour
from headroom.extract.clients import BotoClients, client_config
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

DOCS = "https://docs.aws.amazon.com/autoscaling"
QUOTAS = f"{DOCS}/ec2/userguide/ec2-auto-scaling-quotas.html"
BATCH_PUT = f"{DOCS}/ec2/APIReference/API_BatchPutScheduledUpdateGroupAction.html"
PUT = f"{DOCS}/ec2/APIReference/API_PutScheduledUpdateGroupAction.html"
GUIDE = f"{DOCS}/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html"
ERRORS = f"{DOCS}/ec2/APIReference/CommonErrors.html"
TARGET_LIMITS = f"{DOCS}/application/userguide/application-auto-scaling-limits.html"

GROUP = "chat-large"
BATCH_OPERATION = "BatchPutScheduledUpdateGroupAction"
HANGS_SECONDS = 4.0
"""Twice as long as the push of this test waits for an answer."""
Trouble = Callable[["Case"], Iterator[Callable[[], object] | None]]


@dataclass(frozen=True)
class Case:
    """A fleet's desk, and its owner's hands; `scheduled` are the names of the owner's own actions."""

    desk: Desk
    sandbox: SandboxProcess
    scheduled: set[str] = field(default_factory=set)

    @property
    def owner(self) -> Any:
        return self.sandbox.client("autoscaling")

    def owner_schedules(self, name: str, **action: Any) -> None:
        self.owner.put_scheduled_update_group_action(AutoScalingGroupName=GROUP, ScheduledActionName=name, **action)
        self.scheduled.add(name)

    def owner_removes(self, *names: str) -> None:
        for first in range(0, len(names), 50):
            batch = names[first : first + 50]
            self.owner.batch_delete_scheduled_action(AutoScalingGroupName=GROUP, ScheduledActionNames=batch)
        self.scheduled.difference_update(names)

    def foreign(self) -> set[str]:
        actions = self.desk.target.read(now_utc=self.desk.now).actions
        return {action.name for action in actions if not self.desk.is_ours(action.name)}


@pytest.fixture
def case(sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path) -> Iterator[Case]:  # noqa: ARG001, it sets the environment
    impatient = BotoClients(config=client_config(max_attempts=2, read_timeout_seconds=HANGS_SECONDS / 2))
    made = Case(desk_of(FLEETS[GROUP], sandbox, impatient, tmp_path), sandbox)
    yield made
    sandbox.clear_faults()
    made.owner_removes(*made.foreign())


def the_126th_action(case: Case) -> Iterator[None]:
    first = floor_hour(case.desk.now) + timedelta(hours=1, minutes=30)
    for number in range(123):
        case.owner_schedules(f"owner-{number:03d}", StartTime=first + timedelta(hours=number), MinSize=1)
    yield
    case.owner_removes("owner-000", "owner-001")


def a_start_time_that_the_owner_takes(case: Case) -> Iterator[Callable[[], object]]:
    start = floor_hour(case.desk.now) + timedelta(hours=2)
    yield lambda: case.owner_schedules("owners-own", StartTime=start, MinSize=1)


def a_start_that_passes_before_it_is_put(case: Case) -> Iterator[Callable[[], object]]:
    yield lambda: case.sandbox.advance(timedelta(hours=1))


def fault(**settings: Any) -> Trouble:
    def trouble(case: Case) -> Iterator[None]:
        case.sandbox.add_fault(service="autoscaling", operation=BATCH_OPERATION, **settings)
        yield
        case.sandbox.clear_faults()

    return trouble


FOR_LONG: dict[str, Any] = {"count": None}
TABLE: list[tuple[str, str, Trouble, PushState, str]] = [
    ("the 126th action", QUOTAS, the_126th_action, PushState.VERIFICATION_FAILED, "LimitExceeded"),
    ("a taken start time", GUIDE, a_start_time_that_the_owner_takes, PushState.VERIFIED, ""),
    ("a past time", PUT, a_start_that_passes_before_it_is_put, PushState.VERIFIED, ""),
    ("a part of a batch", BATCH_PUT, fault(failing_items=1), PushState.VERIFIED, ""),
    ("throttling", ERRORS, fault(status=429, error_code="Throttling", **FOR_LONG), PushState.FAILED, "Throttling"),
    (
        "expired credentials",
        ERRORS,
        fault(status=403, error_code="ExpiredToken", **FOR_LONG),
        PushState.FAILED,
        "Expire",
    ),
    ("no right to push", ERRORS, fault(status=403, **FOR_LONG), PushState.FAILED, "AccessDenied"),
    ("an answer 500", ERRORS, fault(status=500, **FOR_LONG), PushState.FAILED, "InternalFailure"),
    (
        "an endpoint that hangs",
        ERRORS,
        fault(is_applied=True, delay_seconds=HANGS_SECONDS, count=2),
        PushState.VERIFIED,
        "",
    ),
    (
        "applied, then cut off",
        ERRORS,
        fault(is_applied=True, is_connection_dropped=True, count=2),
        PushState.VERIFIED,
        "",
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_what_aws_refuses_is_met(case: Case, row: tuple[str, str, Trouble, PushState, str]) -> None:
    _what, source, trouble, state, cause = row
    desk = case.desk
    wanted = desk.plan(40, 45)
    with _in(trouble(case)) as after_first_read:
        outcome = desk.push(wanted, after_first_read=after_first_read)
        assert outcome.state is state, (source, outcome.reasons)
        assert cause in "; ".join(outcome.reasons), source
        assert not desk.standing() or wanted[-1].name in desk.standing(), source
        assert case.foreign() == case.scheduled, source
    again = desk.plan(40, 45)  # the next hour's plan where the clock went on
    assert desk.push(again).state in (PushState.VERIFIED, PushState.UNCHANGED), source
    assert len(desk.standing()) == len(again)
    assert desk.standing()[again[-1].name] == again[-1].setting.min_instances
    assert case.foreign() == case.scheduled


@contextmanager
def _in(trouble: Iterator[Callable[[], object] | None]) -> Iterator[Callable[[], object] | None]:
    """Begin a trouble, give what is to happen after the first read, and end it."""
    yield next(trouble)
    next(trouble, None)


def test_more_than_fifty_actions_go_in_batches_that_aws_takes(case: Case) -> None:
    wanted = case.desk.plan(*[40 + hour % 2 for hour in range(60)])
    case.sandbox.clear_calls()
    assert case.desk.push(wanted).state is PushState.VERIFIED
    assert set(case.desk.standing()) == {action.name for action in wanted}
    # The restore alone, fifty, ten.
    assert len(case.sandbox.calls(operation=BATCH_OPERATION)) == 3
    assert case.desk.push(()).state is PushState.VERIFIED
    assert case.desk.standing() == {}


def test_a_group_deleted_between_read_and_write_fails_alone_and_says_so(
    sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path
) -> None:
    owner = sandbox.client("autoscaling")
    owner.create_launch_configuration(
        LaunchConfigurationName="short-lived", ImageId="ami-12345678", InstanceType="m5.large"
    )
    owner.create_auto_scaling_group(
        AutoScalingGroupName="short-lived",
        LaunchConfigurationName="short-lived",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        AvailabilityZones=["us-east-1a"],
    )
    target = Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="short-lived")
    desk = desk_of(replace(FLEETS[GROUP], target=target), sandbox, clients, tmp_path)
    wanted = desk.plan(1, 2)
    outcome = desk.push(
        wanted,
        after_first_read=lambda: owner.delete_auto_scaling_group(AutoScalingGroupName="short-lived", ForceDelete=True),
    )
    assert outcome.state is PushState.FAILED
    assert any("Auto Scaling group 'short-lived' is not there" in reason for reason in outcome.reasons)
    assert [state.value for state in desk.ledger.states(outcome.push_id)] == [
        "baseline_captured",
        "intended",
        "partially_applied",
        "failed",
    ]


def test_the_two_hundred_and_first_action_of_a_scalable_target_is_refused_and_ours_still_gives_back(
    sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path
) -> None:
    desk = desk_of(FLEETS["rerank"], sandbox, clients, tmp_path)
    owner = sandbox.client("application-autoscaling")
    key = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/rerank-prod/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    names = [f"owner-{number:03d}" for number in range(198)]
    action = {"Schedule": "at(2027-01-01T00:00:00)", "ScalableTargetAction": {"MinCapacity": 2}}
    for name in names:
        owner.put_scheduled_action(**key, ScheduledActionName=name, **action)
    try:
        wanted = desk.plan(7, 9)
        outcome = desk.push(wanted)
        assert outcome.state is PushState.VERIFICATION_FAILED, TARGET_LIMITS
        assert any("LimitExceededException" in reason for reason in outcome.reasons)
        assert wanted[-1].name in desk.standing()
    finally:
        for name in names:
            owner.delete_scheduled_action(**key, ScheduledActionName=name)
    assert desk.push(wanted).state is PushState.VERIFIED
