"""Pushes to the sandbox cloud with real boto3 over HTTP: each kind of target, faults of the wire, a ledger on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from headroom.actuation.ledger import Ledger
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.registry import target_for
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.actuation.target import ScalingTarget
from headroom.config import load_fleets
from headroom.config.settings import PACKAGE_ROOT
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, CapacitySetting, TargetState
from headroom.domain.window import floor_hour
from headroom.extract.clients import BotoClients
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.sandbox.process import SandboxProcess
from headroom.scheduling.diff import diff_actions
from headroom.scheduling.names import action_name, parse_action_name

pytestmark = pytest.mark.integration

FLEETS = {fleet.id: fleet for fleet in load_fleets(PACKAGE_ROOT / "sandbox" / "config" / "fleets.yaml")}
PUSHED = ("chat-large", "embed-search", "rerank")


@dataclass
class Desk:
    """One fleet of the sandbox, and the ledger of what we do with it."""

    sandbox: SandboxProcess
    fleet: Fleet
    target: ScalingTarget
    ledger: Ledger

    @property
    def now(self) -> datetime:
        return self.sandbox.clock()

    def is_ours(self, name: str) -> bool:
        return parse_action_name(name, deployment="test", fleet_id=self.fleet.id) is not None

    def name_of(self, starts_at: datetime) -> str:
        return action_name(deployment="test", fleet_id=self.fleet.id, starts_at_utc=starts_at)

    def diff(self, wanted: Sequence[Action], state: TargetState) -> ActionDiff:
        return diff_actions(wanted, state, deployment="test", fleet_id=self.fleet.id, now_utc=state.read_at_utc)

    def plan(self, *lows: int) -> tuple[Action, ...]:
        """Return a plan that holds each of `lows` for an hour, from the next hour on, and then gives back."""
        found = observe_target(self.target, self.ledger, is_ours=self.is_ours, now_utc=self.now)
        owned = found.baseline.setting
        start = floor_hour(self.now) + timedelta(hours=1)
        settings = [CapacitySetting(min_instances=low, max_instances=owned.max_instances) for low in lows]
        settings.append(CapacitySetting(min_instances=owned.min_instances, max_instances=owned.max_instances))
        return tuple(
            Action(
                name=self.name_of(start + timedelta(hours=hour)),
                fleet_id=self.fleet.id,
                starts_at_utc=start + timedelta(hours=hour),
                setting=setting,
                purpose=ActionPurpose.RESTORE if hour == len(lows) else ActionPurpose.RAISE,
                need_at_utc=start + timedelta(hours=hour),
            )
            for hour, setting in enumerate(settings)
        )

    def push(self, wanted: tuple[Action, ...]) -> PushOutcome:
        request = PushRequest(
            fleet=replace(self.fleet, mode=Mode.AUTO),
            window_end_utc=floor_hour(self.now),
            wanted=wanted,
            diff=self.diff,
            is_ours=self.is_ours,
            guardrails=lambda _state, _diff: (),
        )
        return push_fleet(request, target=self.target, ledger=self.ledger, now_utc=self.now)

    def roll_back(self, push_id: str) -> PushOutcome:
        request = RollbackRequest(push_id=push_id, diff=self.diff, is_ours=self.is_ours, name_action=self.name_of)
        return rollback_push(request, target=self.target, ledger=self.ledger, now_utc=self.now)

    def standing(self) -> dict[str, int | None]:
        actions = self.target.read(now_utc=self.now).actions
        return {item.name: item.setting.min_instances for item in actions if self.is_ours(item.name)}

    def clear(self) -> None:
        """Take away what a test left, so that the next begins with a target that nobody has adopted."""
        self.target.delete_actions(list(self.standing()))


@pytest.fixture(params=PUSHED)
def desk(request: pytest.FixtureRequest, sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path) -> Desk:
    return _desk(request.param, sandbox, clients, tmp_path)


@pytest.fixture
def chat(sandbox: SandboxProcess, clients: BotoClients, tmp_path: Path) -> Desk:
    return _desk("chat-large", sandbox, clients, tmp_path)


def _desk(fleet_id: str, sandbox: SandboxProcess, clients: BotoClients, folder: Path) -> Desk:
    fleet = FLEETS[fleet_id]
    made = Desk(sandbox, fleet, target_for(fleet, clients), Ledger(Lake(LocalStorage(folder))))
    made.clear()
    return made


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
