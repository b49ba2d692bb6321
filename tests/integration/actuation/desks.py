"""A fleet of the sandbox, its target, and the ledger of what we do with it; what happens between two of our calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.push import push_fleet
from headroom.actuation.registry import target_for
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.actuation.target import ApplyResult, BeforeCall, ScalingTarget
from headroom.config import load_fleets
from headroom.config.settings import PACKAGE_ROOT
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, CapacitySetting, ScalingApi, TargetState
from headroom.domain.window import floor_hour
from headroom.extract.clients import BotoClients
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.sandbox.process import SandboxProcess
from headroom.scheduling.diff import diff_actions
from headroom.scheduling.names import action_name, parse_action_name

FLEETS = {fleet.id: fleet for fleet in load_fleets(PACKAGE_ROOT / "sandbox" / "config" / "fleets.yaml")}


@dataclass
class Desk:
    """One fleet of the sandbox, and the ledger of what we do with it."""

    sandbox: SandboxProcess
    fleet: Fleet
    target: ScalingTarget
    lake: Lake

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.lake)

    @property
    def locks(self) -> Locks:
        return Locks(store=self.lake, clock=lambda: self.now)

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
        return self.plan_from(floor_hour(self.now) + timedelta(hours=1), *lows)

    def plan_from(self, start: datetime, *lows: int) -> tuple[Action, ...]:
        """Return a plan that holds each of `lows` for an hour, from `start` on, and then gives back."""
        found = observe_target(self.target, self.ledger, is_ours=self.is_ours, now_utc=self.now)
        owned = found.baseline.setting
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

    def push(self, wanted: tuple[Action, ...], *, after_first_read: Callable[[], object] | None = None) -> PushOutcome:
        """Push with guardrails that let everything pass; `after_first_read` happens before our first write."""
        request = PushRequest(
            fleet=replace(self.fleet, mode=Mode.AUTO),
            window_end_utc=floor_hour(self.now),
            wanted=wanted,
            diff=self.diff,
            is_ours=self.is_ours,
            guardrails=lambda _state, _diff: (),
        )
        target = self.target if after_first_read is None else Interrupted(self.target, after_first_read)
        return push_fleet(request, target=target, ledger=self.ledger, locks=self.locks, now_utc=self.now)

    def roll_back(self, push_id: str) -> PushOutcome:
        request = RollbackRequest(push_id=push_id, diff=self.diff, is_ours=self.is_ours, name_action=self.name_of)
        return rollback_push(request, target=self.target, ledger=self.ledger, locks=self.locks, now_utc=self.now)

    def standing(self) -> dict[str, int | None]:
        actions = self.target.read(now_utc=self.now).actions
        return {item.name: item.setting.min_instances for item in actions if self.is_ours(item.name)}

    def clear(self) -> None:
        """Take away what a test left, so that the next begins with a target that nobody has adopted."""
        self.target.delete_actions(list(self.standing()), before_call=lambda: None)


class Interrupted:
    """A target at which something happens once, after it was first read."""

    def __init__(self, target: ScalingTarget, happen: Callable[[], object]) -> None:
        self._target = target
        self._happen: Callable[[], object] | None = happen

    @property
    def fleet_id(self) -> str:
        return self._target.fleet_id

    @property
    def api(self) -> ScalingApi:
        return self._target.api

    @property
    def max_actions(self) -> int:
        return self._target.max_actions

    def read(self, *, now_utc: datetime) -> TargetState:
        state = self._target.read(now_utc=now_utc)
        happen, self._happen = self._happen, None
        if happen is not None:
            happen()
        return state

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:
        return self._target.put_actions(actions, before_call=before_call)

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:
        return self._target.delete_actions(names, before_call=before_call)


def desk_of(fleet: Fleet, sandbox: SandboxProcess, clients: BotoClients, folder: Path) -> Desk:
    """Return the desk of a fleet with a ledger of its own, nothing of ours standing at its target."""
    made = Desk(sandbox, fleet, target_for(fleet, clients), Lake(LocalStorage(folder)))
    made.clear()
    return made
