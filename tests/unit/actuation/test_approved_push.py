"""A push that a person approved: applied as approved, or nothing is written and they are to be asked again."""

from dataclasses import replace

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, MemoryStore, minutes
from tests.unit.actuation.planning import NOW, add_foreign, approved, at, ec2, group, locks, ours_at, plan, request

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.shown import Purpose
from headroom.domain.fleet import Mode
from headroom.domain.scaling import ActionDiff, TargetState, Verdict

PLAN = plan((9, 8), (12, 4), restore_hour=30)


class Desk:
    """A group, its ledger, and a person who is asked."""

    def __init__(self) -> None:
        self.group: FakeTarget = group()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store)
        self.writes_before = 0

    @property
    def write_calls(self) -> list[str]:
        """The calls that wrote to the target since the test began."""
        return self.group.write_calls[self.writes_before :]

    def push(self, asked: PushRequest) -> PushOutcome:
        return push_fleet(
            asked,
            target=ec2(self.group),
            ledger=self.ledger,
            locks=locks(self.store, self.group),
            now_utc=self.group.now,
        )

    def asked(self, asked: PushRequest | None = None) -> PushRequest:
        """Ask; return the request that an approval of what was shown makes of it."""
        waiting = asked or request(PLAN, mode=Mode.APPROVE)
        outcome = self.push(waiting)
        assert outcome.shown is not None
        return replace(waiting, approved_by="ada", answer_note="fine", shown=outcome.shown)

    def states(self, push_id: str) -> list[str]:
        return [state.value for state in self.ledger.states(push_id)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def edit_bounds(desk: Desk) -> None:
    desk.group.sizes["MinSize"] = 3


def add_an_action(desk: Desk) -> None:
    add_foreign(desk.group, at(10), high=25)


def scale_by_hand(desk: Desk) -> None:
    desk.group.sizes["DesiredCapacity"] = 9


@pytest.mark.parametrize(
    ("move", "told"),
    [
        (edit_bounds, "the target's minimum is 3; it was 2"),
        (add_an_action, "owner-181000, a scheduled action of somebody else, has come"),
        (scale_by_hand, "the target is set to 9 instances; it was 2"),
    ],
)
def test_what_moved_after_the_showing_is_not_written_and_the_ledger_says_what_it_was(
    desk: Desk, move: object, told: str
) -> None:
    answered = desk.asked()
    move(desk)  # type: ignore[operator]
    outcome = desk.push(answered)
    assert (outcome.state, outcome.moved) == (PushState.AWAITING_APPROVAL, (told,))
    assert outcome.reasons == (f"it moved since ada approved it: {told}",)
    assert desk.write_calls == []
    assert desk.states(outcome.push_id) == ["planned", "asked_again"]
    assert desk.ledger.events(outcome.push_id)[-1].detail == {
        "approved_by": "ada",
        "note": "fine",
        "shown": answered.shown and answered.shown.digest,
        "plan_id": "plan-1",
        "reasons": [told],
    }


def test_asked_again_about_the_world_as_it_is_now_an_approval_is_written(desk: Desk) -> None:
    answered = desk.asked()
    add_an_action(desk)
    assert desk.push(answered).moved != ()
    assert desk.push(desk.asked()).state is PushState.VERIFIED
    assert desk.write_calls != []


def test_an_answer_without_a_record_of_what_was_shown_writes_nothing(desk: Desk) -> None:
    outcome = desk.push(request(PLAN, mode=Mode.APPROVE, approved_by="ada"))
    assert outcome.moved == ("what was approved is not on record",)
    assert desk.write_calls == []


def test_what_moved_goes_before_a_guardrail_since_the_plan_is_made_anew(desk: Desk) -> None:
    def refuses(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
        return (Verdict(rule="foreign_actions", is_passed=False, reason="theirs is below our floor"),)

    answered = desk.asked()
    add_an_action(desk)
    assert desk.push(replace(answered, guardrails=refuses)).state is PushState.AWAITING_APPROVAL


def test_a_guardrail_still_refuses_what_was_approved(desk: Desk) -> None:
    def stale(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
        return (Verdict(rule="data_fresh", is_passed=False, reason="the newest sample is 3 h old"),)

    assert desk.push(replace(desk.asked(), guardrails=stale)).state is PushState.REFUSED
    assert desk.write_calls == []


def test_a_push_that_died_half_way_is_finished_on_the_same_approval(desk: Desk) -> None:
    answered = desk.asked()
    assert desk.push(answered).state is PushState.VERIFIED
    name = next(iter(desk.group.actions))
    del desk.group.actions[name]  # as if the call that put it had never been made
    assert desk.push(answered).state is PushState.VERIFIED
    assert desk.push(answered).state is PushState.UNCHANGED


def test_another_plan_than_the_approved_one_is_not_written(desk: Desk) -> None:
    answered = desk.asked()
    smaller = replace(answered, wanted=plan((9, 6), (12, 4), restore_hour=30))
    outcome = desk.push(smaller)
    assert any("min 6" in told and "was not shown so" in told for told in outcome.moved)
    fewer = replace(answered, wanted=plan((12, 4), restore_hour=30))
    assert any("would not stand as it was shown" in told for told in desk.push(fewer).moved)
    assert desk.write_calls == []


def test_a_dearer_plan_than_the_approved_one_is_not_written(desk: Desk) -> None:
    answered = desk.asked(request(PLAN, mode=Mode.APPROVE, planned_usd_per_day=100.0))
    outcome = desk.push(replace(answered, planned_usd_per_day=106.0))
    assert outcome.moved == ("the plan's estimated cost is 106.00 USD a day; it was 100.00 USD a day",)
    assert desk.push(replace(answered, planned_usd_per_day=104.0)).state is PushState.VERIFIED


class TestPaused:
    """Our pending actions would overwrite what the owner has set; in mode approve, taking them back wants a yes."""

    @pytest.fixture
    def desk(self) -> Desk:
        desk = Desk()
        desk.push(desk.asked())
        desk.writes_before = len(desk.group.write_calls)
        desk.group.sizes["MinSize"] = 6
        return desk

    def waiting(self) -> PushRequest:
        return request(plan((9, 9), (12, 4), restore_hour=30), mode=Mode.APPROVE)

    def test_an_edit_pauses_without_a_write_call_and_asks_whether_to_take_back(self, desk: Desk) -> None:
        outcome = desk.push(self.waiting())
        assert outcome.state is PushState.PAUSED
        assert outcome.shown is not None
        assert outcome.shown.purpose is Purpose.WITHDRAWAL
        assert [action.name[-6:] for action in outcome.shown.deleted] == ["T0900Z", "T1200Z"]
        assert desk.write_calls == []

    def test_approved_it_takes_back_all_but_the_last_which_gives_the_new_baseline(self, desk: Desk) -> None:
        outcome = desk.push(desk.asked(self.waiting()))
        assert outcome.state is PushState.PAUSED
        assert ours_at(desk.group) == {"T0600": 6}
        assert "approved" in desk.states(outcome.push_id)
        assert desk.push(self.waiting()).shown is None  # nothing is left to be taken back

    def test_an_approval_of_a_plan_does_not_take_back(self, desk: Desk) -> None:
        desk.group.sizes["MinSize"] = 2
        answered = desk.asked(self.waiting())
        desk.group.sizes["MinSize"] = 6
        outcome = desk.push(answered)
        assert outcome.state is PushState.PAUSED
        assert outcome.moved == ("the owner changed the target, and the fleet is paused",)
        assert desk.write_calls == []
        assert desk.states(outcome.push_id) == ["planned", "asked_again", "owner_edit_seen"]

    def test_rejected_it_stays_as_it_is_and_asks_no_more(self, desk: Desk) -> None:
        outcome = desk.push(replace(self.waiting(), rejected_by="ada"))
        assert (outcome.state, outcome.shown) == (PushState.PAUSED, None)
        assert "rejected" in desk.states(outcome.push_id)
        assert desk.write_calls == []

    def test_once_confirmed_an_approval_of_taking_back_is_no_approval_of_a_plan(self, desk: Desk) -> None:
        answered = desk.asked(self.waiting())
        confirm_baseline("chat-large", ledger=desk.ledger, now_utc=desk.group.now, confirmed_by="ada")
        outcome = desk.push(answered)
        assert outcome.moved == ("the pause has ended",)
        assert desk.write_calls == []


def test_a_step_that_came_due_while_a_person_was_asked_does_not_ask_again(desk: Desk) -> None:
    first = request(plan((6.2, 8), (9, 4), restore_hour=30), mode=Mode.APPROVE)
    desk.push(approved(replace(first, approved_by="ada"), desk.group))
    # An action of ours that stands raises the minimum at 06:12, between the showing and the answer at 06:20.
    second = request(plan((6.2, 8), (9, 6), restore_hour=30), mode=Mode.APPROVE)
    answered = desk.asked(second)
    desk.group.advance_to(NOW + minutes(15))
    assert desk.group.sizes["MinSize"] == 8
    due_left_out = replace(answered, wanted=second.wanted[1:])
    assert desk.push(due_left_out).moved == ()
