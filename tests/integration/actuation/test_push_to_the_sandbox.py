"""Pushes to the sandbox cloud with real boto3 over HTTP: each kind of target, faults of the wire, a ledger on disk."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.actuation.desks import FLEETS, Desk, desk_of

from headroom.actuation.lock import EXPIRES_AFTER, LockError
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.domain.scaling import Action
from headroom.domain.window import floor_hour
from headroom.extract.clients import BotoClients
from headroom.lake.lake import Lake
from headroom.lake.storage import open_storage
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

PUSHED = ("chat-large", "embed-search", "rerank")


@pytest.fixture(params=PUSHED)
def desk(request: pytest.FixtureRequest, sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path) -> Desk:
    return desk_of(FLEETS[request.param], sandbox, clients, tmp_path)


@pytest.fixture
def chat(sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path) -> Desk:
    return desk_of(FLEETS["chat-large"], sandbox, clients, tmp_path)


def test_a_push_stands_at_the_target_twice_is_once_and_rolls_back(desk: Desk, sandbox: SandboxProcess) -> None:
    wanted = desk.plan(7, 9, 8)
    first = desk.push(wanted)
    assert first.state is PushState.VERIFIED, first.reasons
    assert desk.standing() == {item.name: item.setting.min_instances for item in wanted}
    sandbox.clear_calls()
    assert desk.push(wanted).state is PushState.UNCHANGED
    assert sandbox.calls(is_write=True) == []
    other = desk.plan(6, 8)
    second = desk.push(other)
    assert second.state is PushState.VERIFIED, second.reasons
    assert desk.roll_back(second.push_id).state is PushState.ROLLED_BACK
    assert desk.standing() == {item.name: item.setting.min_instances for item in wanted}
    assert desk.roll_back(first.push_id).state is PushState.ROLLED_BACK
    assert desk.standing() == {}


def test_the_owners_actions_stay_as_they_are(chat: Desk, sandbox: SandboxProcess) -> None:
    starts_at = floor_hour(chat.now) + timedelta(hours=5, minutes=30)
    owner = sandbox.client("autoscaling")
    owner.put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large",
        ScheduledActionName="owners-own",
        StartTime=starts_at,
        MinSize=49,
    )
    try:
        chat.push(chat.plan(40, 45))
        chat.push(chat.plan(41))
        chat.push(())
        (left,) = chat.target.read(now_utc=chat.now).actions
        assert (left.name, left.starts_at_utc, left.setting.min_instances) == ("owners-own", starts_at, 49)
    finally:
        owner.delete_scheduled_action(AutoScalingGroupName="chat-large", ScheduledActionName="owners-own")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "is_applied": True, "count": 2},
        {"status": 500, "count": 2},
        {"is_connection_dropped": True, "is_applied": True, "count": 2},
        {"status": 429, "count": 1},
        {"failing_items": 1, "count": 1},
    ],
    ids=["error after applying", "error", "connection dropped after applying", "throttled once", "part of a batch"],
)
def test_a_fault_of_the_wire_is_repaired_within_the_push(
    chat: Desk,
    sandbox: SandboxProcess,
    fault: dict[str, int | bool],
) -> None:
    wanted = chat.plan(40, 45)
    sandbox.add_fault(service="autoscaling", operation="BatchPutScheduledUpdateGroupAction", **fault)
    outcome = chat.push(wanted)
    assert outcome.state is PushState.VERIFIED, outcome.reasons
    assert chat.standing() == {item.name: item.setting.min_instances for item in wanted}


def test_a_cloud_that_stays_broken_fails_this_fleet_with_its_cause(chat: Desk, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(service="autoscaling", operation="BatchPutScheduledUpdateGroupAction", status=503, count=None)
    wanted = chat.plan(40)
    outcome = chat.push(wanted)
    assert outcome.state is PushState.FAILED
    assert any("ServiceUnavailable" in reason for reason in outcome.reasons)
    sandbox.clear_faults()
    assert chat.push(wanted).state is PushState.VERIFIED


def test_capacity_follows_and_the_baseline_comes_back(chat: Desk, sandbox: SandboxProcess) -> None:
    before = chat.target.read(now_utc=chat.now).setting
    wanted = chat.plan(55)
    assert chat.push(wanted).state is PushState.VERIFIED
    sandbox.advance(timedelta(hours=1, minutes=5))
    during = observe_target(chat.target, chat.ledger, is_ours=chat.is_ours, now_utc=chat.now)
    assert during.state.setting.min_instances == 55
    assert during.state.current_instances == 55
    assert (during.edit, during.baseline.setting) == (None, before)
    sandbox.advance(timedelta(hours=1))
    after = chat.target.read(now_utc=chat.now)
    assert (after.setting.min_instances, after.setting.max_instances) == (before.min_instances, before.max_instances)
    assert after.actions == ()


in_a_group_and_a_service = pytest.mark.parametrize("desk", ["chat-large", "embed-search"], indirect=True)


@pytest.fixture
def in_s3(desk: Desk, sandbox: SandboxProcess, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk whose lake, and so its locks, are in S3."""
    bucket = f"locks-{abs(hash(request.node.name))}"
    sandbox.client("s3").create_bucket(Bucket=bucket)
    yield replace(desk, lake=Lake(open_storage(f"s3://{bucket}/lake")))
    desk.clear()


@in_a_group_and_a_service
def test_one_of_two_pushes_writes_and_its_plan_stands_whole(in_s3: Desk) -> None:
    plans = [in_s3.plan(7, 9, 8), in_s3.plan(6, 5)]
    both_have_read = threading.Barrier(2, timeout=30)

    def push(wanted: tuple[Action, ...]) -> PushOutcome:
        return in_s3.push(wanted, after_first_read=both_have_read.wait)

    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(push, plans))
    by_state = {outcome.state: (outcome, wanted) for outcome, wanted in zip(outcomes, plans, strict=True)}
    winner, wanted = by_state[PushState.VERIFIED]
    loser, losing = by_state[PushState.REFUSED]
    assert "another push or rollback took the fleet's lock meanwhile" in loser.reasons[0]
    assert in_s3.standing() == {item.name: item.setting.min_instances for item in wanted}
    assert [state.value for state in in_s3.ledger.states(loser.push_id)] == ["refused"]
    applied = next(event for event in in_s3.ledger.events(winner.push_id) if event.state.value == "applied")
    assert len(applied.detail["requests"]) == winner.write_calls
    assert all(request["request_id"] for request in applied.detail["requests"])
    # The lock was let go: the one that was refused has its turn with the next run.
    assert in_s3.push(losing).state is PushState.VERIFIED


@in_a_group_and_a_service
def test_a_dead_ones_lock_ends_by_the_clouds_clock_and_it_writes_nothing_if_it_comes_back(
    in_s3: Desk,
    sandbox: SandboxProcess,
) -> None:
    dead = in_s3.locks.look(in_s3.fleet.id).hold("a-push-that-died")
    held = dead.__enter__()  # and never leaves
    wanted = in_s3.plan(7, 9)
    refused = in_s3.push(wanted)
    assert (refused.state, refused.write_calls) == (PushState.REFUSED, 0)
    assert "a-push-that-died holds the fleet's lock until" in refused.reasons[0]
    sandbox.advance(EXPIRES_AFTER)
    wanted = in_s3.plan(7, 9)
    assert in_s3.push(wanted).state is PushState.VERIFIED
    with pytest.raises(LockError, match="fence 2 of the fleet's lock has taken the place of our 1"):
        held.before_call()
