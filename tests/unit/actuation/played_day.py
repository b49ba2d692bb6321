"""A day of hourly pushes at a fake group, with all that goes wrong in one, and what really stood there meanwhile."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, Killed, MemoryStore, minutes
from tests.unit.actuation.planning import (
    BASELINE,
    action,
    add_foreign,
    approved,
    at,
    diff_actions,
    ec2,
    group,
    is_ours,
    locks,
    name_of,
    request,
)

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.in_force import InForce, in_force_at
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.push import push_fleet
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.domain.fleet import Mode
from headroom.domain.ledger import LedgerEvent
from headroom.domain.scaling import ActionDiff, ActionPurpose, TargetState, Verdict


@dataclass
class Day:
    """A group, its ledger, and what really stood there, minute by minute."""

    target: FakeTarget = field(default_factory=group)
    store: MemoryStore = field(default_factory=MemoryStore)
    stood: dict[datetime, tuple[int, int]] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store)

    def events(self) -> list[LedgerEvent]:
        return [event for push_id in self.ledger.pushes("chat-large") for event in self.ledger.events(push_id)]

    def asked(self, moment: datetime, *, known_at: datetime | None = None) -> InForce:
        events = [event for event in self.events() if known_at is None or event.at_utc <= known_at]
        found = in_force_at(events, moment, is_ours=is_ours)
        assert found is not None
        return found

    def go_to(self, moment: datetime) -> None:
        while self.target.now < moment:
            self.target.advance_to(self.target.now + minutes(1))
            self.stood[self.target.now] = (self.target.sizes["MinSize"], self.target.sizes["MaxSize"])

    def push(self, *lows: int, **about: Any) -> PushOutcome:
        """Push a plan that sets each minimum at five to the hour, an hour each, and then gives the baseline back.

        `about` goes into the request; with an approval the fleet's mode asks for one.
        """
        hour = self.target.now.replace(minute=0)
        memory = self.ledger.memory("chat-large", now_utc=self.target.now)
        owned = memory.baseline.setting if memory else BASELINE
        starts = [hour + minutes(55) + timedelta(hours=later) for later in range(len(lows) + 1)]
        wanted = tuple(action(start, size, None) for start, size in zip(starts, lows, strict=False))
        restore = action(starts[-1], owned.min_instances, owned.max_instances, purpose=ActionPurpose.RESTORE)
        mode = Mode.APPROVE if "approved_by" in about else Mode.AUTO
        asked = request((*wanted, restore), window_end=hour, **{"mode": mode, **about})
        return push_fleet(
            approved(asked, self.target) if mode is Mode.APPROVE else asked,
            target=ec2(self.target),
            ledger=self.ledger,
            locks=locks(self.store, self.target),
            now_utc=self.target.now,
        )

    def push_at(self, hour: int, *lows: int, **about: Any) -> PushOutcome:
        """Let the clock go on to five past `hour`, and push."""
        self.go_to(at(hour) + minutes(5))
        return self.push(*lows, **about)

    def roll_back(self, push_id: str) -> PushOutcome:
        asked = RollbackRequest(
            push_id=push_id, diff=diff_actions, is_ours=is_ours, name_action=name_of, requested_by="ada"
        )
        return rollback_push(
            asked,
            target=ec2(self.target),
            ledger=self.ledger,
            locks=locks(self.store, self.target),
            now_utc=self.target.now,
        )

    def die_at(self, call: int) -> None:
        first = len(self.target.calls)

        def kill(number: int, _operation: str) -> None:
            if number == first + call:
                raise Killed

        self.target.on_call = kill


def refused(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
    return (Verdict(rule="kill_switch", is_passed=False, reason="the kill switch is thrown: incident 4711"),)


DEATHS = range(1, 12)


@cache
def play(dies_at: int) -> Day:
    """Play 06:05 to 06:05: hours are of the clock; the push of 11:05 dies at its `dies_at`-th call."""
    day = Day()
    day.push(8, 9, 10, 11)  # 06:05
    day.push_at(7, 9, 12, 12, 11)
    day.push_at(8, 12, 12, 11)  # what stands already
    day.push_at(9, 14, 15, guardrails=refused)
    day.push_at(10, 11, 10, 9, 9)
    day.go_to(at(11) + minutes(5))
    day.die_at(dies_at)
    with pytest.raises(Killed):
        day.push(13, 7, 9, 8)
    day.target.on_call = lambda _number, _operation: None
    day.push_at(12, 7, 9, 8, 8, approved_by="grace", answer_note="before the launch")
    day.go_to(at(13) + minutes(58))
    day.target.sizes["MinSize"] = 3  # the owner, after our 13:55
    day.push_at(14, 9, 9, 9)  # sees it, and pauses
    day.go_to(at(15) + minutes(5))
    confirm_baseline("chat-large", ledger=day.ledger, now_utc=day.target.now, confirmed_by="ada")
    day.push(10, 11, 12)
    day.go_to(at(16) + minutes(5))
    add_foreign(day.target, at(16) + minutes(20), low=5, high=18)
    last = day.push(13, 14, 12)
    day.go_to(at(17) + minutes(10))
    day.roll_back(last.push_id)
    day.push_at(18, 8, 8)  # and then nobody pushes: the scheduler is down
    day.push_at(24, 9, 9)
    day.go_to(at(30) + minutes(5))
    return day
