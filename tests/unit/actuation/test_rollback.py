"""Rolling back: what stood before the push stands again, foreign actions untouched, and twice is once."""

import contextlib

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, Killed, MemoryStore, minutes
from tests.unit.actuation.planning import (
    NOW,
    add_foreign,
    at,
    diff_actions,
    ec2,
    group,
    is_ours,
    name_of,
    ours_at,
    plan,
    request,
)

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push

OLD = plan((9, 8), (12, 4), restore_hour=30)
NEW = plan((7, 15), (9, 9), restore_hour=31)


class Desk:
    def __init__(self, target: FakeTarget | None = None) -> None:
        self.group = target or group()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store)
        self.locks = Locks(store=self.store, clock=lambda: self.group.now)

    def push(self, asked: PushRequest) -> PushOutcome:
        target, now = ec2(self.group), self.group.now
        return push_fleet(asked, target=target, ledger=self.ledger, locks=self.locks, now_utc=now)

    def roll_back(
        self, push_id: str, *, is_dry_run: bool = False, run_id: str = "", is_second_try: bool = False
    ) -> PushOutcome:
        asked = RollbackRequest(
            push_id=push_id,
            diff=diff_actions,
            is_ours=is_ours,
            name_action=name_of,
            requested_by="ada",
            reason="too much",
            run_id=run_id,
        )
        return rollback_push(
            asked,
            target=ec2(self.group),
            ledger=self.ledger,
            locks=self.locks,
            now_utc=self.group.now,
            is_dry_run=is_dry_run,
            is_second_try=is_second_try,
        )

    def states(self, push_id: str) -> list[str]:
        return [state.value for state in self.ledger.states(push_id)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_push_rolled_back_leaves_nothing_of_ours(desk: Desk) -> None:
    foreign = add_foreign(desk.group, at(10), low=3)
    push_id = desk.push(request(OLD)).push_id
    outcome = desk.roll_back(push_id)
    assert outcome.state is PushState.ROLLED_BACK
    assert list(desk.group.actions) == [foreign]
    assert desk.states(outcome.push_id) == ["rollback_intended", "applied", "rolled_back"]
    assert desk.states(push_id)[-1] == "rolled_back"
    assert desk.ledger.events(push_id)[-1].detail == {
        "by": outcome.push_id,
        "requested_by": "ada",
        "reason": "too much",
    }


def test_a_later_push_rolled_back_brings_the_earlier_plan_back(desk: Desk) -> None:
    desk.push(request(OLD, window_end=at(5)))
    push_id = desk.push(request(NEW)).push_id
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert ours_at(desk.group) == {"T0900": 8, "T1200": 4, "T0600": 2}


def test_rolling_back_twice_changes_nothing(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    desk.roll_back(push_id)
    calls, files = len(desk.group.calls), len(desk.store.files)
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert (len(desk.group.calls), len(desk.store.files)) == (calls, files)


def test_a_dry_run_shows_the_diff_only(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    calls, files = len(desk.group.write_calls), len(desk.store.files)
    outcome = desk.roll_back(push_id, is_dry_run=True)
    assert outcome.state is PushState.DRY_RUN
    assert outcome.diff is not None
    assert len(outcome.diff.delete) == 3
    assert (len(desk.group.write_calls), len(desk.store.files)) == (calls, files)


def test_a_raise_already_in_force_is_given_back_at_the_next_possible_minute(desk: Desk) -> None:
    push_id = desk.push(request(NEW)).push_id
    desk.group.advance_to(at(7) + minutes(30))
    assert desk.group.sizes == {"MinSize": 15, "MaxSize": 20, "DesiredCapacity": 15}
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    # 07:30 plus two minutes; the desired capacity is given back with it, since no policy would lower it.
    assert ours_at(desk.group) == {"T0732": 2}
    desk.group.advance_to(at(7) + minutes(33))
    assert desk.group.sizes == {"MinSize": 2, "MaxSize": 20, "DesiredCapacity": 2}
    assert desk.group.actions == {}


def test_the_minute_of_giving_back_avoids_a_start_somebody_holds(desk: Desk) -> None:
    push_id = desk.push(request(NEW)).push_id
    desk.group.advance_to(at(7) + minutes(30))
    add_foreign(desk.group, at(7) + minutes(32), high=20)
    desk.roll_back(push_id)
    assert ours_at(desk.group) == {"T0733": 2}


def test_with_a_reactive_policy_the_desired_capacity_is_the_policys(desk: Desk) -> None:
    desk.group.policies = [{"PolicyType": "TargetTrackingScaling", "Enabled": True}]
    push_id = desk.push(request(NEW)).push_id
    desk.group.advance_to(at(7) + minutes(30))
    desk.roll_back(push_id)
    assert desk.group.actions[name_of(at(7) + minutes(32))]["sizes"]["DesiredCapacity"] is None


def test_actions_of_before_that_are_past_by_now_count_as_run(desk: Desk) -> None:
    desk.push(request(OLD, window_end=at(5)))
    push_id = desk.push(request(plan((8, 15), (13, 9), restore_hour=31))).push_id
    desk.group.advance_to(at(9) + minutes(30))
    assert desk.group.sizes["MinSize"] == 15
    desk.roll_back(push_id)
    # Had the push not been, the old raise of 09:00 would have set 8 by now; 12:00 and the restore are to come.
    assert ours_at(desk.group) == {"T0932": 8, "T1200": 4, "T0600": 2}


def test_an_owners_value_in_force_is_left_alone(desk: Desk) -> None:
    push_id = desk.push(request(NEW)).push_id
    desk.group.advance_to(at(7) + minutes(30))
    desk.group.sizes["MinSize"] = 6
    desk.roll_back(push_id)
    assert desk.group.sizes["MinSize"] == 6
    sizes = [item["sizes"]["MinSize"] for item in desk.group.actions.values()]
    assert sizes in ([], [None])


def test_after_an_owners_edit_a_rollback_gives_back_the_new_baseline(desk: Desk) -> None:
    desk.push(request(OLD, window_end=at(5)))
    push_id = desk.push(request(NEW)).push_id
    desk.group.sizes |= {"MinSize": 6, "DesiredCapacity": 6}
    assert desk.push(request(NEW)).state is PushState.PAUSED
    desk.roll_back(push_id)
    assert ours_at(desk.group) == {"T0600": 6}


def test_the_window_rolled_back_is_not_pushed_again(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    desk.roll_back(push_id)
    outcome = desk.push(request(OLD))
    assert outcome.state is PushState.PLANNED
    assert desk.group.actions == {}
    desk.group.advance_to(at(7) + minutes(5))
    assert desk.push(request(OLD, window_end=at(7))).state is PushState.VERIFIED


def test_a_rollback_can_itself_be_rolled_back(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    rollback_id = desk.roll_back(push_id).push_id
    assert desk.roll_back(rollback_id).state is PushState.ROLLED_BACK
    assert ours_at(desk.group) == {"T0900": 8, "T1200": 4, "T0600": 2}


def test_a_push_that_wrote_nothing_has_nothing_to_roll_back(desk: Desk) -> None:
    planned = desk.push(request(OLD, window_end=at(-20)))
    outcome = desk.roll_back(planned.push_id)
    assert outcome.state is PushState.UNCHANGED
    assert desk.group.calls == []


def test_an_unknown_push_is_named(desk: Desk) -> None:
    with pytest.raises(ActuationError, match="the ledger has no push 'chat-large-20261118T0600Z-00000000'"):
        desk.roll_back("chat-large-20261118T0600Z-00000000")
    with pytest.raises(ActuationError, match="'yesterday' is no push id; expected one such as"):
        desk.roll_back("yesterday")


def test_a_group_that_is_gone_fails_the_rollback_with_its_cause(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    desk.group.is_there = False
    outcome = desk.roll_back(push_id)
    assert outcome.state is PushState.FAILED
    assert "is not there" in outcome.reasons[0]


@pytest.mark.parametrize("number", range(1, 10))
@pytest.mark.parametrize("hook", ["on_call", "after_call"])
def test_a_rollback_that_died_is_finished_by_asking_again(number: int, hook: str) -> None:
    desk = Desk()
    desk.push(request(OLD, window_end=at(5)))
    push_id = desk.push(request(NEW)).push_id
    desk.group.calls.clear()

    def kill(call: int, _operation: str) -> None:
        if call == number:
            raise Killed

    setattr(desk.group, hook, kill)
    with contextlib.suppress(Killed):
        desk.roll_back(push_id)
    setattr(desk.group, hook, lambda _number, _operation: None)
    desk.group.now = NOW + minutes(3)
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert ours_at(desk.group) == {"T0900": 8, "T1200": 4, "T0600": 2}
    assert desk.states(push_id)[-1] == "rolled_back"


def test_a_push_whose_rollback_was_rolled_back_stands_again_and_can_be_rolled_back_again(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    to_undo, ended = push_id, {}
    for number in range(1, 5):
        desk.group.now = NOW + minutes(2 * number)
        outcome = desk.roll_back(to_undo)
        assert outcome.state is PushState.ROLLED_BACK
        ended[number] = ours_at(desk.group)
        # the first rollback is taken back by the second, and then the push is rolled back anew
        to_undo = {1: outcome.push_id, 2: push_id, 3: outcome.push_id, 4: push_id}[number]
    plan_stands = {"T0900": 8, "T1200": 4, "T0600": 2}
    assert ended == {1: {}, 2: plan_stands, 3: {}, 4: plan_stands}


def test_all_that_in_one_minute_ends_alike(desk: Desk) -> None:
    push_id = desk.push(request(OLD)).push_id
    rollback_id = desk.roll_back(push_id).push_id
    desk.roll_back(rollback_id)
    desk.roll_back(push_id)  # under the same id, since the minute is the same
    calls = len(desk.group.write_calls)
    assert desk.group.actions == {}
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert len(desk.group.write_calls) == calls


def test_a_push_rolled_back_long_ago_can_be_rolled_back_again_with_all_that_was_pushed_since(desk: Desk) -> None:
    first = desk.push(request(OLD, window_end=at(5))).push_id
    assert desk.roll_back(first).state is PushState.ROLLED_BACK
    desk.group.now = at(7) + minutes(5)
    assert desk.push(request(plan((9, 9), restore_hour=31), window_end=at(7))).state is PushState.VERIFIED
    desk.group.now = at(7) + minutes(20)

    outcome = desk.roll_back(first)  # "undo everything at a fleet", as the runbook has it

    assert (outcome.state, desk.group.actions) == (PushState.ROLLED_BACK, {})
    assert desk.push(request(plan((9, 9), restore_hour=31), window_end=at(7))).state is PushState.PLANNED
    calls = len(desk.group.calls)
    assert desk.roll_back(first).state is PushState.ROLLED_BACK
    assert len(desk.group.calls) == calls


def test_a_rollbacks_run_that_is_cleared_later_undoes_nothing_that_came_since(desk: Desk) -> None:
    first = desk.push(request(OLD, window_end=at(5))).push_id
    assert desk.roll_back(first, run_id="manual 1").state is PushState.ROLLED_BACK
    desk.group.now = at(7) + minutes(5)
    desk.push(request(plan((9, 9), restore_hour=31), window_end=at(7)))
    for hour in (8, 30):
        desk.group.now = at(hour)
        again = desk.roll_back(first, run_id="manual 1", is_second_try=True)
        assert (again.state, again.write_calls) == (PushState.ROLLED_BACK, 0)
        assert again.reasons == (f"{first} was rolled back by this run already",)
    assert ours_at(desk.group) == {"T0900": 9, "T0700": 2}


@pytest.mark.parametrize("later_window", [6.0, 7.0])  # a plan made anew within the hour has the same moment in its id
def test_of_pushes_rolled_back_one_after_the_other_the_later_asked_again_does_not_bring_the_earlier_back(
    desk: Desk, later_window: float
) -> None:
    first = desk.push(request(OLD)).push_id
    desk.group.now = at(7) + minutes(5)
    second = desk.push(request(plan((9, 9), restore_hour=31), window_end=at(later_window))).push_id
    for number, push_id in enumerate((second, first)):
        desk.group.now = at(7) + minutes(10 + 2 * number)
        assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert desk.group.actions == {}
    desk.group.now = at(7) + minutes(14)

    again = desk.roll_back(second)

    assert (again.state, again.write_calls, desk.group.actions) == (PushState.ROLLED_BACK, 0, {})


def test_rolled_back_the_other_way_round_the_earlier_stands_again_and_can_be_undone(desk: Desk) -> None:
    first = desk.push(request(OLD)).push_id
    desk.group.now = at(7) + minutes(5)
    second = desk.push(request(plan((9, 9), restore_hour=31), window_end=at(7))).push_id
    for number, push_id in enumerate((first, second)):
        desk.group.now = at(7) + minutes(10 + 2 * number)
        desk.roll_back(push_id)
    assert ours_at(desk.group) == {"T0900": 8, "T1200": 4, "T0600": 2}  # what stood before the second
    desk.group.now = at(7) + minutes(14)
    assert (desk.roll_back(first).state, desk.group.actions) == (PushState.ROLLED_BACK, {})


@pytest.mark.parametrize("is_in_both", [False, True])
def test_a_raise_of_before_at_the_minute_of_giving_back_is_not_lost(desk: Desk, *, is_in_both: bool) -> None:
    soon = (7 + 33 / 60, 18)
    desk.push(request(plan(soon, restore_hour=30), window_end=at(5)))
    raises = ((7.0, 15), soon) if is_in_both else ((7.0, 15),)
    push_id = desk.push(request(plan(*raises, restore_hour=31))).push_id
    desk.group.advance_to(at(7) + minutes(30.5))  # two minutes later is 07:32:30, so the next whole one is 07:33
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.group.advance_to(at(8))
    assert desk.group.sizes["MinSize"] == 18
    desk.group.advance_to(at(30))
    assert desk.group.sizes["MinSize"] == 2


@pytest.mark.parametrize("is_in_both", [False, True])
def test_a_raise_of_before_that_is_a_minute_away_still_comes(desk: Desk, *, is_in_both: bool) -> None:
    soon = (7 + 31 / 60, 18)
    desk.push(request(plan(soon, restore_hour=30), window_end=at(5)))
    raises = (soon, (8.0, 15)) if is_in_both else ((8.0, 15),)
    push_id = desk.push(request(plan(*raises, restore_hour=31))).push_id
    desk.group.advance_to(at(7) + minutes(30))
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    # it stands and runs, or there is no time left to put it, and 07:32 makes up for it
    assert ours_at(desk.group) == ({"T0731": 18, "T0600": 2} if is_in_both else {"T0732": 18, "T0600": 2})
    desk.group.advance_to(at(8))
    assert desk.group.sizes["MinSize"] == 18
    desk.group.advance_to(at(30))
    assert desk.group.sizes["MinSize"] == 2


def test_while_the_fleet_is_paused_no_raise_is_made_up_for(desk: Desk) -> None:
    soon = (7 + 31 / 60, 18)
    desk.push(request(plan(soon, restore_hour=30), window_end=at(5)))
    push_id = desk.push(request(plan((8, 15), restore_hour=31))).push_id
    desk.group.sizes["MinSize"] = 6
    desk.group.advance_to(at(7) + minutes(5))
    assert desk.push(request(NEW, window_end=at(7))).state is PushState.PAUSED
    desk.group.advance_to(at(7) + minutes(30))
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert ours_at(desk.group) == {"T0600": 6}


def test_nor_over_an_edit_that_the_next_push_will_find(desk: Desk) -> None:
    desk.push(request(plan((7 + 31 / 60, 18), restore_hour=30), window_end=at(5)))
    push_id = desk.push(request(plan((8, 15), restore_hour=31))).push_id
    desk.group.sizes["MinSize"] = 6
    desk.group.advance_to(at(7) + minutes(30))
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.group.advance_to(at(8))
    assert desk.group.sizes["MinSize"] == 6
