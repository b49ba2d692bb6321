"""The process dies before or after any single AWS call of a push or a rollback, on either API.

Whatever happened, nobody writes while the dead one's lock lasts but the second try of its own task, and that or the
next run after that puts it right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, Killed, MemoryStore, allowed, minutes
from tests.unit.actuation.planning import (
    action,
    add_foreign,
    at,
    diff_actions,
    ec2,
    ecs,
    group,
    is_ours,
    locks,
    name_of,
    ours_at,
    plan,
    request,
)

from headroom.actuation.apply import apply_diff
from headroom.actuation.ec2_auto_scaling import Ec2AutoScalingGroup
from headroom.actuation.ledger import Ledger, is_unfinished
from headroom.actuation.lock import EXPIRES_AFTER
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.actuation.target import ScalingTarget
from headroom.actuation.whole_change import has_begun_to_write
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import ActionDiff, ActionPurpose, TargetState, Verdict

OLD = plan((9, 8), (12, 4), (26, 7), restore_hour=30)
NEW = plan((9, 9), (13, 5), (30.5, 6), restore_hour=31)
OLD_MINIMA = {"T0900": 8, "T1200": 4, "T0200": 7, "T0600": 2}
NEW_MINIMA = {"T0900": 9, "T1300": 5, "T0630": 6, "T0700": 2}
LATER = plan((9, 7), restore_hour=32)
# While no reactive policy scaled the group the restore had to set the desired instances; now it must leave them alone.
WITH_DESIRED = (*NEW[:-1], action(at(31), 2, purpose=ActionPurpose.RESTORE, desired=2))
ALL_WITH_DESIRED = tuple(
    replace(step, setting=replace(step.setting, desired_instances=step.setting.min_instances)) for step in WITH_DESIRED
)


@dataclass
class World:
    """A target with an old plan standing, a foreign action beside it, and the ledger of that."""

    target_of: Callable[[FakeTarget], ScalingTarget]
    cloud: FakeTarget = field(default_factory=group)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        add_foreign(self.cloud, at(10), low=3)
        assert self.push(request(OLD, window_end=at(5))).state is PushState.VERIFIED

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store)

    def push(self, asked: PushRequest, *, is_second_try: bool = False) -> PushOutcome:
        target, now = self.target_of(self.cloud), self.cloud.now
        return push_fleet(
            asked,
            target=target,
            ledger=self.ledger,
            locks=locks(self.store, self.cloud),
            now_utc=now,
            is_second_try=is_second_try,
        )

    def roll_back(self, push_id: str, *, run_id: str = "", is_second_try: bool = False) -> PushOutcome:
        target, now = self.target_of(self.cloud), self.cloud.now
        asked = RollbackRequest(push_id=push_id, diff=diff_actions, is_ours=is_ours, name_action=name_of, run_id=run_id)
        return rollback_push(
            asked,
            target=target,
            ledger=self.ledger,
            locks=locks(self.store, self.cloud),
            now_utc=now,
            is_second_try=is_second_try,
        )

    def die_at(self, number: int, hook: str) -> None:
        def die(call: int, _operation: str) -> None:
            if call == number:
                self.store.is_dead = True
                raise Killed

        self.cloud.calls.clear()
        setattr(self.cloud, hook, die)

    def revive(self) -> None:
        self.store.is_dead = False
        self.cloud.on_call = self.cloud.after_call = lambda _number, _operation: None

    @property
    def is_giving_the_baseline_back(self) -> bool:
        ours = [item for name, item in self.cloud.actions.items() if is_ours(name)]
        return not ours or max(ours, key=lambda item: item["start"])["sizes"]["MinSize"] == 2


@dataclass(frozen=True)
class Work:
    """What is killed: how it is prepared and run, and what stands once it has been run whole."""

    prepare: Callable[[World], object]
    run: Callable[[World], PushOutcome]
    ends: PushState
    minima: dict[str, int]

    def begin(self, target_of: Callable[[FakeTarget], ScalingTarget]) -> World:
        world = World(target_of)
        self.prepare(world)
        world.cloud.calls.clear()
        return world

    def count_calls(self, target_of: Callable[[FakeTarget], ScalingTarget]) -> int:
        world = self.begin(target_of)
        assert self.run(world).state is self.ends
        return len(world.cloud.calls)


NEW_PUSH = request(NEW)
WORKS = {
    "push": Work(lambda _world: None, lambda world: world.push(NEW_PUSH), PushState.VERIFIED, NEW_MINIMA),
    "rollback": Work(
        lambda world: world.push(NEW_PUSH),
        lambda world: world.roll_back(NEW_PUSH.push_id),
        PushState.ROLLED_BACK,
        OLD_MINIMA,
    ),
    "narrowed": Work(
        lambda world: world.push(request(WITH_DESIRED, window_end=at(5.5))),
        lambda world: world.push(NEW_PUSH),
        PushState.VERIFIED,
        NEW_MINIMA,
    ),
    "all narrowed": Work(
        lambda world: world.push(request(ALL_WITH_DESIRED, window_end=at(5.5))),
        lambda world: world.push(NEW_PUSH),
        PushState.VERIFIED,
        NEW_MINIMA,
    ),
}
TARGETS = {"ec2": ec2, "application": ecs}
CALLS = {
    (work, api): WORKS[work].count_calls(TARGETS[api])
    for work in WORKS
    for api in TARGETS
    if "narrowed" not in work or api == "ec2"  # there is no desired setting there
}
DEATHS = [
    pytest.param(work, api, number, hook, id=f"{work}-{api}-{number}-{hook}")
    for (work, api), calls in CALLS.items()
    for hook, numbers in {"on_call": range(1, calls + 1), "after_call": range(4, calls - 2)}.items()
    for number in numbers
]
"""Reading has no effect to die after: 3 calls at the beginning and 3 at the end."""


def dead(work: str, api: str, number: int, hook: str) -> World:
    world = WORKS[work].begin(TARGETS[api])
    world.die_at(number, hook)
    with pytest.raises(Killed):
        WORKS[work].run(world)
    world.revive()
    return world


def test_there_are_calls_enough_to_die_at() -> None:
    # Reading takes 3 calls; an Auto Scaling group then takes the restore, the others and the deletes in a batch each;
    # a scalable target takes its 4 puts and 3 deletes one by one; 3 to read back. A restore that is to set less takes
    # four: the one that stands in for it, its deletion, it anew, the other's deletion. Where all are, two more.
    assert CALLS == {
        ("push", "ec2"): 9,
        ("push", "application"): 13,
        ("rollback", "ec2"): 9,
        ("rollback", "application"): 13,
        ("narrowed", "ec2"): 10,
        ("all narrowed", "ec2"): 12,
    }


def test_a_restore_that_is_to_set_less_is_replaced_while_another_stands_in_for_it() -> None:
    world = WORKS["narrowed"].begin(ec2)
    restore = name_of(at(31))
    assert world.cloud.actions[restore]["sizes"]["DesiredCapacity"] == 2
    seen: list[set[str]] = []
    world.cloud.after_call = lambda _number, _operation: seen.append({name[-6:-1] for name in world.cloud.actions})
    assert WORKS["narrowed"].run(world).state is PushState.VERIFIED
    assert world.cloud.actions[restore]["sizes"].get("DesiredCapacity") is None
    assert all({"T0700", "T0701"} & names for names in seen)
    assert "T0701" not in seen[-1]


def standing_for(world: World, hour: float) -> list[int]:
    """Return the minima that actions of ours set at `hour` or within the ten minutes after it."""
    return [
        item["sizes"]["MinSize"]
        for name, item in world.cloud.actions.items()
        if is_ours(name) and at(hour) <= item["start"] <= at(hour) + minutes(10)
    ]


def test_no_action_of_the_next_day_and_no_restore_that_is_to_set_less_is_missing_for_a_moment() -> None:
    world = WORKS["all narrowed"].begin(ec2)
    steps = {9: 9, 13: 5, 31: 2}  # 30:30 starts in more than a day
    seen: list[bool] = []
    world.cloud.after_call = lambda _number, _operation: seen.append(
        all(low in standing_for(world, hour) for hour, low in steps.items())
    )
    assert WORKS["all narrowed"].run(world).state is PushState.VERIFIED
    assert all(seen)
    assert len(world.cloud.write_calls) == 6
    ours = [item for name, item in world.cloud.actions.items() if is_ours(name)]
    assert len(ours) == len(steps) + 1
    assert {item["sizes"].get("DesiredCapacity") for item in ours} == {None}


@pytest.mark.parametrize("room", [0, 1, 2, 4])
def test_where_the_quota_has_not_room_for_all_the_restore_is_stood_in_for_first(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = WORKS["all narrowed"].begin(ec2)
    world.cloud.max_actions = len(world.cloud.actions) + room
    monkeypatch.setattr(Ec2AutoScalingGroup, "max_actions", world.cloud.max_actions)
    target = ec2(world.cloud)
    state = target.read(now_utc=world.cloud.now)
    most: list[int] = []
    missing: set[float] = set()

    def look(_number: int, _operation: str) -> None:
        most.append(len(world.cloud.actions))
        missing.update(hour for hour in (9, 13, 30.5, 31) if not standing_for(world, hour))

    world.cloud.after_call = look
    result = apply_diff(target, diff_actions(NEW, state), state, before_call=allowed)
    assert not result.failures
    assert max(most) <= world.cloud.max_actions
    assert missing == {0: {9, 13, 30.5, 31}, 1: {9, 13, 30.5}, 2: {13, 30.5}, 4: {30.5}}[room]


@pytest.mark.parametrize(("work", "api", "number", "hook"), DEATHS)
def test_nobody_writes_while_the_dead_ones_lock_lasts_and_the_next_run_finishes(
    work: str,
    api: str,
    number: int,
    hook: str,
) -> None:
    world = dead(work, api, number, hook)
    assert world.is_giving_the_baseline_back
    assert world.cloud.actions["owner-181000"]["sizes"]["MinSize"] == 3

    has_lock = bool(world.cloud.write_calls)
    if has_lock:
        calls = len(world.cloud.write_calls)
        world.cloud.advance_to(world.cloud.now + EXPIRES_AFTER - minutes(1))
        for attempt in (WORKS[work].run(world), world.push(request(LATER, window_end=at(6.25)))):
            assert (attempt.state, attempt.write_calls) == (PushState.REFUSED, 0)
            assert "holds the fleet's lock until 2026-11-18 06:20:00Z" in attempt.reasons[0]
            assert world.ledger.states(attempt.push_id)[-1].value == "refused"
        assert len(world.cloud.write_calls) == calls
        world.cloud.advance_to(world.cloud.now + minutes(1))

    assert WORKS[work].run(world).state in (WORKS[work].ends, PushState.UNCHANGED)
    assert ours_at(world.cloud) == WORKS[work].minima
    assert world.cloud.actions["owner-181000"]["sizes"]["MinSize"] == 3
    states = [state.value for state in world.ledger.states(NEW_PUSH.push_id)]
    assert states[0] == "intended"
    assert states[-1] == ("rolled_back" if work == "rollback" else "verified")


@pytest.mark.parametrize(
    ("work", "api", "number", "hook"), [death for death in DEATHS if death.values[0] != "rollback"]
)
def test_the_second_try_of_the_dead_ones_task_finishes_at_once(work: str, api: str, number: int, hook: str) -> None:
    world = dead(work, api, number, hook)
    ended = world.push(NEW_PUSH, is_second_try=True)
    assert ended.state in (WORKS[work].ends, PushState.UNCHANGED)
    assert ours_at(world.cloud) == WORKS[work].minima
    assert world.ledger.states(NEW_PUSH.push_id)[-1].value == "verified"
    # both tries together changed what one alone would have; before the first intent there was only one
    alone = WORKS[work].begin(TARGETS[api]).push(NEW_PUSH)
    assert alone.diff is not None
    assert alone.whole is None
    if world.ledger.states(NEW_PUSH.push_id).count(LedgerState.INTENDED) > 1 or not ended.write_calls:
        assert ended.whole == {
            "create": sorted(action.name for action in alone.diff.create),
            "replace": sorted(action.name for action in alone.diff.replace),
            "delete": sorted(action.name for action in alone.diff.delete),
        }
    else:
        assert ended.whole is None
    assert world.push(NEW_PUSH).state is PushState.UNCHANGED


@pytest.mark.parametrize(
    ("work", "api", "number", "hook"), [death for death in DEATHS if death.values[0] != "rollback"]
)
def test_a_second_try_that_may_not_write_says_what_the_first_may_have_written(
    work: str, api: str, number: int, hook: str
) -> None:
    world = dead(work, api, number, hook)
    has_begun = has_begun_to_write(world.ledger.states(NEW_PUSH.push_id))
    alone = WORKS[work].begin(TARGETS[api]).push(NEW_PUSH).diff
    assert alone is not None
    ended = world.push(replace(NEW_PUSH, guardrails=no_writing), is_second_try=True)
    if ended.state is PushState.UNCHANGED:  # all of it stood
        return
    assert (ended.state, ended.reasons[0], ended.write_calls) == (PushState.REFUSED, "kill_switch: it is set", 0)
    counts = {"create": len(alone.create), "replace": len(alone.replace), "delete": len(alone.delete)}
    told = ", ".join(f"{count} to {change}" for change, count in counts.items() if count)
    cut_off = f"an earlier try of it was cut off while it wrote; of {told} any may be done"
    assert ended.reasons[1:] == ((cut_off,) if has_begun else ())


def no_writing(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
    return (Verdict(rule="kill_switch", is_passed=False, reason="it is set"),)


@pytest.mark.parametrize(
    ("api", "number", "hook"), [death.values[1:] for death in DEATHS if death.values[0] == "rollback"]
)
def test_the_second_try_of_a_dead_rollbacks_run_goes_on_under_its_own_id_and_lock(
    api: str, number: int, hook: str
) -> None:
    world = WORKS["rollback"].begin(TARGETS[api])
    world.die_at(number, hook)
    with pytest.raises(Killed):
        world.roll_back(NEW_PUSH.push_id, run_id="manual 1")
    world.revive()
    has_lock = bool(world.cloud.write_calls)
    world.cloud.advance_to(world.cloud.now + minutes(6))  # another minute: ids that told it alone were others
    if has_lock:  # neither another run's second try nor this run again by hand takes it over
        for attempt in (
            world.roll_back(NEW_PUSH.push_id, run_id="manual 2", is_second_try=True),
            world.roll_back(NEW_PUSH.push_id, run_id="manual 1"),
        ):
            assert (attempt.state, attempt.write_calls) == (PushState.REFUSED, 0)

    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)

    assert ended.state is PushState.ROLLED_BACK
    assert ours_at(world.cloud) == WORKS["rollback"].minima
    intents = {
        event.push_id: event
        for push_id in world.ledger.pushes("chat-large")
        for event in world.ledger.events(push_id)
        if event.state is LedgerState.ROLLBACK_INTENDED
    }
    assert list(intents) == [ended.push_id]
    assert world.ledger.states(ended.push_id)[-1] is LedgerState.ROLLED_BACK
    assert world.ledger.intents("chat-large", now_utc=world.cloud.now).half_done == ()
    marks = [event for event in world.ledger.events(NEW_PUSH.push_id) if event.state is LedgerState.ROLLED_BACK]
    assert [event.detail["by"] for event in marks] == [ended.push_id]
    assert bool(ended.write_calls or ended.whole)  # so that what was done is told


@pytest.mark.parametrize(
    ("number", "hook"),
    [*((number, "on_call") for number in range(1, 9)), *((number, "after_call") for number in (4, 5))],
)
@pytest.mark.parametrize("is_second_try", [True, False])
def test_a_withdrawal_for_an_owners_edit_that_died_is_ended_though_the_fleet_stays_paused(
    number: int, hook: str, *, is_second_try: bool
) -> None:
    world = WORKS["rollback"].begin(ec2)
    world.cloud.advance_to(at(7) + minutes(5))
    world.cloud.sizes["MinSize"] = 5
    hour, later = request(LATER, window_end=at(7)), request(LATER, window_end=at(8))
    world.die_at(number, hook)
    with pytest.raises(Killed):
        world.push(hour)
    world.revive()
    if not is_second_try:  # the next hour's run ends it
        world.cloud.advance_to(at(8) + minutes(5))
        hour = later

    assert world.push(hour, is_second_try=is_second_try).state is PushState.PAUSED

    assert world.ledger.intents("chat-large", now_utc=world.cloud.now).half_done == ()
    assert world.cloud.sizes["MinSize"] == 5
    ours = [item for name, item in world.cloud.actions.items() if is_ours(name)]
    assert [item["sizes"]["MinSize"] for item in ours] == [5]  # nothing but the restore, to what the owner wants now
    assert world.push(hour).state is PushState.PAUSED
    files = set(world.store.files)
    assert world.push(hour).state is PushState.PAUSED
    assert set(world.store.files) == files


@pytest.mark.parametrize("target_of", [ec2, ecs])
def test_a_rollback_leaves_what_the_owner_has_edited_for_the_next_push_to_find(
    target_of: Callable[[FakeTarget], ScalingTarget],
) -> None:
    world = WORKS["rollback"].begin(target_of)
    world.cloud.advance_to(at(6) + minutes(10))
    world.cloud.sizes["MinSize"] = 5
    assert world.roll_back(NEW_PUSH.push_id).state is PushState.ROLLED_BACK
    world.cloud.advance_to(at(7) + minutes(5))
    assert world.push(request(LATER, window_end=at(7))).state is PushState.PAUSED
    memory = world.ledger.memory("chat-large", now_utc=world.cloud.now)
    assert memory is not None
    assert (memory.baseline.setting.min_instances, memory.baseline.setting.max_instances) == (5, 20)


def test_so_does_the_second_try_that_finds_the_first_had_written_all() -> None:
    world = WORKS["rollback"].begin(ec2)
    world.die_at(CALLS["rollback", "ec2"], "on_call")  # the last read
    with pytest.raises(Killed):
        world.roll_back(NEW_PUSH.push_id, run_id="manual 1")
    world.revive()
    world.cloud.sizes["MinSize"] = 5
    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)
    assert (ended.state, ended.write_calls) == (PushState.ROLLED_BACK, 0)
    world.cloud.advance_to(at(7) + minutes(5))
    assert world.push(request(LATER, window_end=at(7))).state is PushState.PAUSED


def test_a_refused_rollback_that_is_tried_again_counts_from_when_it_wrote() -> None:
    world = WORKS["rollback"].begin(ec2)
    world.cloud.advance_to(at(6) + minutes(58))
    with locks(world.store, world.cloud).look("chat-large").hold("somebody"):
        assert world.roll_back(NEW_PUSH.push_id, run_id="manual 1").state is PushState.REFUSED
    world.cloud.advance_to(at(7) + minutes(3))
    hour = request(LATER, window_end=at(7))
    assert world.push(hour).state is PushState.VERIFIED
    world.cloud.advance_to(at(7) + minutes(10))

    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)

    assert (ended.state, ours_at(world.cloud)) == (PushState.ROLLED_BACK, OLD_MINIMA)
    assert world.push(hour).state is PushState.PLANNED  # the hour run again does not undo what a person asked for since
    assert ours_at(world.cloud) == OLD_MINIMA


@pytest.mark.parametrize(("work", "api", "number", "hook"), DEATHS)
def test_a_later_window_with_another_plan_finishes_it_too(work: str, api: str, number: int, hook: str) -> None:
    world = dead(work, api, number, hook)
    world.cloud.advance_to(at(7) + minutes(5))
    assert world.push(request(LATER, window_end=at(7))).state is PushState.VERIFIED
    assert ours_at(world.cloud) == {"T0900": 7, "T0800": 2}
    pushes = world.ledger.pushes("chat-large")
    assert [push_id for push_id in pushes if is_unfinished(world.ledger.states(push_id))] == []
    files = set(world.store.files)
    assert world.push(request(LATER, window_end=at(7))).state is PushState.UNCHANGED
    assert set(world.store.files) == files


@pytest.mark.parametrize(("work", "api", "number", "hook"), DEATHS)
def test_if_no_run_ever_follows_the_fleet_still_returns_to_its_baseline(
    work: str,
    api: str,
    number: int,
    hook: str,
) -> None:
    world = dead(work, api, number, hook)
    world.cloud.advance_to(at(48))
    # The foreign action raised the minimum to 3 at 10:00; our restore at 30 or 31 o'clock came later.
    assert world.cloud.sizes["MinSize"] == 2
