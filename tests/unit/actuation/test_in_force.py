"""A day of hourly pushes, with all that goes wrong in one; what the ledger tells of each hour is what stood there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, Killed, MemoryStore, minutes
from tests.unit.actuation.planning import (
    NOW,
    action,
    add_foreign,
    at,
    diff_actions,
    ec2,
    group,
    is_ours,
    name_of,
    request,
)

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.errors import ActuationError
from headroom.actuation.in_force import InForce, Source, in_force_at
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.push import push_fleet
from headroom.actuation.rollback import RollbackRequest, rollback_push
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

    def push(self, *lows: int, guardrails: object = None) -> PushOutcome:
        """Push a plan that sets each minimum at five to the hour, an hour each, and then gives the baseline back."""
        hour = self.target.now.replace(minute=0)
        memory = self.ledger.memory("chat-large", now_utc=self.target.now)
        owned = memory.baseline.setting if memory else None
        low, high = (owned.min_instances, owned.max_instances) if owned else (2, 20)
        starts = [hour + minutes(55) + timedelta(hours=later) for later in range(len(lows) + 1)]
        wanted = tuple(action(start, size, None) for start, size in zip(starts, lows, strict=False))
        restore = action(starts[-1], low, high, purpose=ActionPurpose.RESTORE)
        asked = request((*wanted, restore), window_end=hour, **({"guardrails": guardrails} if guardrails else {}))
        return push_fleet(asked, target=ec2(self.target), ledger=self.ledger, now_utc=self.target.now)

    def roll_back(self, push_id: str) -> PushOutcome:
        asked = RollbackRequest(
            push_id=push_id, diff=diff_actions, is_ours=is_ours, name_action=name_of, requested_by="ada"
        )
        return rollback_push(asked, target=ec2(self.target), ledger=self.ledger, now_utc=self.target.now)

    def die_at(self, call: int) -> None:
        first = len(self.target.calls)

        def kill(number: int, _operation: str) -> None:
            if number == first + call:
                raise Killed

        self.target.on_call = kill


def refused(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
    return (Verdict(rule="kill_switch", is_passed=False, reason="the kill switch is thrown: incident 4711"),)


DEATHS = range(1, 10)


@cache
def play(dies_at: int) -> Day:
    """Play 06:05 to 06:05: hours are of the clock; the push of 11:05 dies at its `dies_at`-th call."""
    day = Day()

    def hour(number: int) -> Iterator[None]:
        day.go_to(at(number) + minutes(5))
        yield

    day.push(8, 9, 10, 11)  # 06:05
    next(hour(7))
    day.push(9, 12, 12, 11)
    next(hour(8))
    day.push(12, 12, 11)  # what stands already
    next(hour(9))
    day.push(14, 15, guardrails=refused)
    next(hour(10))
    day.push(11, 10, 9, 9)
    next(hour(11))
    day.die_at(dies_at)
    with pytest.raises(Killed):
        day.push(13, 7, 9, 8)
    day.target.on_call = lambda _number, _operation: None
    next(hour(12))
    day.push(7, 9, 8, 8)
    day.go_to(at(13) + minutes(58))
    day.target.sizes["MinSize"] = 3  # the owner, after our 13:55
    next(hour(14))
    day.push(9, 9, 9)  # sees it, and pauses
    next(hour(15))
    confirm_baseline("chat-large", ledger=day.ledger, now_utc=day.target.now, confirmed_by="ada")
    day.push(10, 11, 12)
    next(hour(16))
    add_foreign(day.target, at(16) + minutes(20), low=5, high=18)
    last = day.push(13, 14, 12)
    day.go_to(at(17) + minutes(10))
    day.roll_back(last.push_id)
    next(hour(18))
    day.push(8, 8)  # and then nobody pushes: the scheduler is down
    next(hour(24))
    day.push(9, 9)
    day.go_to(at(30) + minutes(5))
    return day


@pytest.mark.parametrize("dies_at", DEATHS)
def test_every_hour_of_a_day_is_told_as_it_was(dies_at: int) -> None:
    day = play(dies_at)
    told = {moment: day.asked(moment) for moment in (at(hour) + minutes(30) for hour in range(6, 30))}
    assert len(told) == 24
    assert {moment: (found.minimum.value, found.maximum.value) for moment, found in told.items()} == {
        moment: day.stood[moment] for moment in told
    }


@pytest.mark.parametrize("dies_at", DEATHS)
def test_at_every_hour_it_tells_what_stands_or_names_it_among_what_a_death_left_open(dies_at: int) -> None:
    day = play(dies_at)
    for hour in range(6, 30):
        moment = at(hour) + minutes(30)
        found = day.asked(moment, known_at=moment)
        assert day.stood[moment][0] in (found.minimum.value, *found.also_possible)
        assert found.also_possible == () or hour == 11, "open only until the next push has looked"
    # 11:55 was 10 by the plan that stood, and 13 by the one whose push died at 11:05; nobody has looked since.
    found = day.asked(at(12), known_at=at(12))
    assert day.stood[at(12)][0] in (found.minimum.value, *found.also_possible)


def test_what_set_the_minimum_is_told_for_every_hour() -> None:
    day = play(7)
    found = {hour: day.asked(at(hour) + minutes(30)) for hour in range(6, 30)}
    sources = {hour: item.minimum.source for hour, item in found.items()}
    assert {hour for hour, source in sources.items() if source is Source.ADOPTED} == {6}
    assert {hour for hour, source in sources.items() if source is Source.OWNER_EDIT} == {14, 15}
    assert {hour for hour, source in sources.items() if source is Source.OTHERS} == {16}
    assert {hour for hour, source in sources.items() if source is Source.OURS} == {*range(7, 14), *range(17, 30)}

    def pushed_at(hour: int) -> tuple[int, int]:
        """The hours at which the action in force was written, and last wanted as it is."""
        asked = found[hour].minimum.asked
        assert asked is not None
        assert asked.planned_by is not None
        return asked.put_by.at_utc.hour, asked.planned_by.at_utc.hour

    assert pushed_at(7) == (6, 6)  # 06:55 was put at 06:05; the plan of 07:05 begins after it
    assert pushed_at(8) == (6, 7)  # the plan of 07:05 asks for the same
    assert pushed_at(9) == (7, 7)  # the push of 08:05 changed nothing and wrote nothing
    assert pushed_at(10) == (7, 7)  # that of 09:05 was refused
    assert pushed_at(12) == (11, 11)  # put by the push that died; it had run when the next one looked
    assert [purpose_at(found[hour]) for hour in (20, 21, 25, 29)] == ["raise", "restore", "raise", "restore"]


def purpose_at(found: InForce) -> str:
    assert found.minimum.asked is not None
    return found.minimum.asked.purpose.value


def test_what_was_known_then_is_told_beside_it() -> None:
    day = play(7)
    refusal = day.asked(at(9) + minutes(30)).latest
    assert (refusal.state.value, refusal.detail["reasons"]) == (
        "refused",
        ["kill_switch: the kill switch is thrown: incident 4711"],
    )
    paused = day.asked(at(14) + minutes(30)).memory
    assert paused.paused_reason is not None
    assert paused.baseline.setting.min_instances == 3
    assert day.asked(at(17) + minutes(30)).latest.state.value == "rolled_back"


def test_an_edit_that_was_seen_later_is_possible_in_the_minutes_before() -> None:
    day = play(7)
    before = day.asked(at(14))
    assert (before.minimum.value, before.also_possible) == (9, (3,))
    assert day.stood[at(14)][0] == 3


def test_what_is_scheduled_is_told_ahead_of_its_time() -> None:
    day = Day()
    day.push(8, 9)
    ahead = day.asked(at(8))
    assert (ahead.minimum.value, ahead.memory.at_utc) == (9, NOW)
    assert [name.name[-6:] for name in ahead.to_come] == ["T0855Z"]
    assert day.asked(at(40)).minimum.value == 2


def test_before_the_fleet_was_adopted_nothing_is_told() -> None:
    day = play(7)
    assert in_force_at(day.events(), at(6), is_ours=is_ours) is None
    assert in_force_at([], at(6), is_ours=is_ours) is None


def test_events_that_begin_midway_say_that_they_do() -> None:
    day = play(7)
    late = [event for event in day.events() if event.at_utc >= at(12)]
    found = in_force_at(late, at(12) + minutes(30), is_ours=is_ours)
    assert found is not None
    assert (found.minimum.value, found.minimum.source, found.minimum.is_first_seen) == (13, Source.OURS, True)
    found = in_force_at(late, at(13) + minutes(30), is_ours=is_ours)
    assert found is not None
    assert (found.minimum.value, found.minimum.is_first_seen) == (7, False)


def test_an_action_that_did_not_run_is_told_by_the_next_look() -> None:
    day = Day()
    day.push(8, 9)
    day.target.suspended.add("ScheduledActions")
    day.go_to(at(7) + minutes(4))
    day.push(9, 9)
    late = day.asked(at(7) + minutes(5))
    assert (late.minimum.value, late.also_possible) == (2, (8,)), "06:55 may still run: AWS may be minutes late"
    day.go_to(at(8) + minutes(30))
    day.push(10)
    missed = day.asked(at(8) + minutes(30))
    assert (missed.minimum.value, missed.also_possible, missed.minimum.source) == (2, (), Source.UNKNOWN)
    assert missed.minimum.not_before_utc == at(7) + minutes(4)


def test_an_action_that_ran_late_is_the_one_that_set_it() -> None:
    day = Day()
    day.push(8, 9)
    day.target.suspended.add("ScheduledActions")
    day.go_to(at(7))
    day.push(10)
    day.target.sizes["MinSize"] = 8  # 06:55, six minutes late
    day.target.suspended.clear()
    day.go_to(at(7) + minutes(40))
    day.push(11)
    found = day.asked(at(7) + minutes(30))
    assert (found.minimum.value, found.minimum.source, found.also_possible) == (8, Source.OURS, ())
    assert found.minimum.action is not None
    assert found.minimum.action.name == name_of(at(6) + minutes(55))


def test_an_event_that_is_none_is_named() -> None:
    day = Day()
    push_id = day.push(8, 9).push_id
    events = day.events()
    del events[1].detail["memory"]["setting"]
    with pytest.raises(ActuationError, match=f"push={push_id}/0002-intended.json: expected an event of the ledger"):
        in_force_at(events, at(8), is_ours=is_ours)
