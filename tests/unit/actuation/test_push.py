"""One fleet's push from end to end over a fake Auto Scaling group that refuses what AWS refuses."""

from dataclasses import replace

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, MemoryStore, client_error, minutes
from tests.unit.actuation.planning import (
    BASELINE,
    NOW,
    WINDOW_END,
    action,
    add_foreign,
    approved,
    at,
    ec2,
    group,
    is_ours,
    name_of,
    ours_at,
    plan,
    request,
)

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import EXPIRES_AFTER, Locks
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.domain.fleet import Mode
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import ActionDiff, ActionPurpose, CapacitySetting, TargetState, Verdict

PLAN = plan((9, 8), (12, 4), restore_hour=30)


class Desk:
    """A group, a ledger, and pushes to the one recorded in the other."""

    def __init__(self, target: FakeTarget | None = None) -> None:
        self.group = target or group()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store)

    def push(self, asked: PushRequest, *, is_dry_run: bool = False) -> PushOutcome:
        return push_fleet(
            asked,
            target=ec2(self.group),
            ledger=self.ledger,
            locks=Locks(store=self.store, clock=lambda: self.group.now),
            now_utc=self.group.now,
            is_dry_run=is_dry_run,
        )

    def states(self, push_id: str) -> list[str]:
        return [state.value for state in self.ledger.states(push_id)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_first_push_captures_the_baseline_then_writes_the_intent_before_the_first_write_call(desk: Desk) -> None:
    seen: list[list[str]] = []

    def on_call(_number: int, operation: str) -> None:
        if operation.startswith("batch_put"):
            seen.append(desk.states(request(PLAN).push_id))

    desk.group.on_call = on_call
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.VERIFIED
    assert seen[0] == ["baseline_captured", "intended"]
    assert desk.states(outcome.push_id) == ["baseline_captured", "intended", "applied", "verified"]
    assert ours_at(desk.group) == {"T0900": 8, "T1200": 4, "T0600": 2}
    baseline = desk.ledger.baseline("chat-large", now_utc=NOW)
    assert baseline is not None
    assert baseline.setting == BASELINE
    # Two puts: the restore by itself first, then the two others.
    assert outcome.write_calls == 2
    assert len(desk.group.write_calls) == 2


def test_the_same_push_again_makes_no_write_call_and_no_ledger_entry(desk: Desk) -> None:
    desk.push(request(PLAN))
    calls, files = len(desk.group.write_calls), len(desk.store.files)
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.UNCHANGED
    assert outcome.write_calls == 0
    assert (len(desk.group.write_calls), len(desk.store.files)) == (calls, files)


def test_an_unchanged_plan_of_the_next_hour_is_quiet_too(desk: Desk) -> None:
    desk.push(request(PLAN))
    files = len(desk.store.files)
    desk.group.advance_to(NOW + minutes(60))
    outcome = desk.push(request(PLAN, window_end=at(7)))
    assert (outcome.state, outcome.write_calls) == (PushState.UNCHANGED, 0)
    assert len(desk.store.files) == files


def test_the_next_plan_replaces_ours_and_touches_nothing_foreign(desk: Desk) -> None:
    foreign = add_foreign(desk.group, at(10), low=3)
    desk.push(request(PLAN))
    outcome = desk.push(request(plan((9, 9), (13, 5), restore_hour=31)))
    assert outcome.state is PushState.VERIFIED
    # 09:00 replaced by 9, 13:00 and the restore at 31 = 07:00 of the next day created; 12:00 and the old restore gone.
    assert ours_at(desk.group) == {"T0900": 9, "T1300": 5, "T0700": 2}
    assert desk.group.actions[foreign] == {"start": at(10), "sizes": {"MinSize": 3, "MaxSize": None}}


def test_where_the_old_restore_stood_a_step_of_the_next_plan_leaves_the_maximum_out_again(desk: Desk) -> None:
    desk.push(request(PLAN))
    assert desk.group.actions[name_of(at(30))]["sizes"]["MaxSize"] == 20
    *_, restore = plan(restore_hour=54)
    longer = (action(at(9), 8, None), action(at(30), 4, None), restore)  # as scheduling plans steps for EC2
    outcome = desk.push(request(longer))
    assert outcome.state is PushState.VERIFIED
    assert desk.group.actions[name_of(at(30))]["sizes"]["MaxSize"] is None


def test_a_push_id_is_the_same_for_the_same_window_and_plan_only() -> None:
    assert request(PLAN).push_id == request(PLAN).push_id
    assert request(PLAN).push_id.startswith("chat-large-20261118T0600Z-")
    assert request(PLAN).push_id != request(plan((9, 9), restore_hour=30)).push_id
    assert request(PLAN).push_id != request(PLAN, window_end=at(7)).push_id


@pytest.mark.parametrize(
    ("mode", "state", "ledger_states"),
    [
        (Mode.OBSERVE, PushState.OBSERVED, []),
        (Mode.RECOMMEND, PushState.RECOMMENDED, ["recommended"]),
        (Mode.APPROVE, PushState.AWAITING_APPROVAL, ["planned"]),
    ],
)
def test_only_auto_writes_unasked(desk: Desk, mode: Mode, state: PushState, ledger_states: list[str]) -> None:
    for _ in range(2):
        outcome = desk.push(request(PLAN, mode=mode))
        assert outcome.state is state
        assert outcome.is_refused
        assert desk.states(outcome.push_id) == ledger_states
    assert desk.group.write_calls == []


def test_an_approved_plan_is_written_and_the_ledger_says_who_approved_and_why(desk: Desk) -> None:
    shown = desk.push(request(PLAN, mode=Mode.APPROVE)).shown
    assert shown is not None
    answered = request(PLAN, mode=Mode.APPROVE, approved_by="ada", answer_note="agreed with search", shown=shown)
    outcome = desk.push(answered)
    assert outcome.state is PushState.VERIFIED
    events = [event for event in desk.ledger.events(outcome.push_id) if event.state is LedgerState.APPROVED]
    answer = {"approved_by": "ada", "note": "agreed with search", "shown": shown.digest}
    assert [event.detail for event in events] == [answer]


@pytest.mark.parametrize(
    ("by", "note", "reason"),
    [
        ("ada", "", "ada rejected the plan"),
        ("ada", "a load test runs", "ada rejected the plan: a load test runs"),
        ("", "", "nobody approved the plan in time"),
    ],
)
def test_a_rejection_and_no_answer_write_nothing_and_stand_in_the_ledger_once(
    desk: Desk, by: str, note: str, reason: str
) -> None:
    asked = request(PLAN, mode=Mode.APPROVE, rejected_by=by, answer_note=note)
    for _ in range(2):
        outcome = desk.push(asked)
        assert (outcome.state, outcome.reasons) == (PushState.REJECTED, (reason,))
        assert outcome.is_refused
    (event,) = desk.ledger.events(outcome.push_id)
    assert event.state is LedgerState.REJECTED
    assert event.detail == {"rejected_by": by or None, "note": note, "plan_id": "plan-1"}
    assert desk.group.write_calls == []


def test_only_a_fleet_that_is_asked_about_can_be_rejected(desk: Desk) -> None:
    assert desk.push(request(PLAN, mode=Mode.RECOMMEND, rejected_by="ada")).state is PushState.RECOMMENDED


@pytest.mark.parametrize("mode", list(Mode))
def test_an_approval_opens_no_other_mode_than_approve(mode: Mode) -> None:
    is_open = request(PLAN, mode=mode, approved_by="ada").is_allowed_to_write
    assert is_open is (mode in (Mode.AUTO, Mode.APPROVE))


def test_a_dry_run_shows_the_diff_and_writes_nothing_anywhere(desk: Desk) -> None:
    for mode in Mode:
        outcome = desk.push(request(PLAN, mode=mode), is_dry_run=True)
        assert outcome.state is PushState.DRY_RUN
        assert outcome.diff is not None
        assert outcome.diff.create == PLAN
    assert desk.group.write_calls == []
    assert desk.store.files == {}


def test_a_failed_guardrail_refuses_once_and_says_why(desk: Desk) -> None:
    def stale(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
        return (Verdict(rule="data_fresh", is_passed=False, reason="the newest sample is 3 h old"),)

    for _ in range(2):
        outcome = desk.push(request(PLAN, guardrails=stale))
        assert outcome.state is PushState.REFUSED
        assert outcome.reasons == ("data_fresh: the newest sample is 3 h old",)
        assert desk.states(outcome.push_id) == ["refused"]
    assert desk.group.write_calls == []


def test_a_past_window_is_recorded_and_never_pushed(desk: Desk) -> None:
    for _ in range(2):
        outcome = desk.push(request(PLAN, window_end=at(-20)))
        assert outcome.state is PushState.PLANNED
        assert desk.states(outcome.push_id) == ["planned"]
    assert desk.group.calls == []
    (event,) = desk.ledger.events(outcome.push_id)
    assert [item["name"] for item in event.detail["wanted"]] == [item.name for item in PLAN]


def test_a_window_overtaken_by_a_newer_push_is_not_pushed(desk: Desk) -> None:
    desk.push(request(PLAN))
    outcome = desk.push(request(plan((9, 3), restore_hour=29), window_end=at(5)))
    assert outcome.state is PushState.PLANNED
    assert "newer" in outcome.reasons[0]
    assert ours_at(desk.group)["T0900"] == 8


def test_a_plan_that_does_not_end_with_the_baseline_is_refused(desk: Desk) -> None:
    no_restore = (action(at(9), 8),)
    wrong_restore = (action(at(9), 8), action(at(30), 8, purpose=ActionPurpose.RESTORE))
    leaves_maximum = (action(at(9), 8, 25), action(at(30), 2, None, purpose=ActionPurpose.RESTORE))
    for wanted in (no_restore, wrong_restore, leaves_maximum):
        outcome = desk.push(request(wanted))
        assert outcome.state is PushState.REFUSED
        assert "restore" in outcome.reasons[0]
    assert desk.group.write_calls == []


def test_a_restore_whose_start_somebody_holds_refuses_the_whole_push(desk: Desk) -> None:
    add_foreign(desk.group, at(30), low=1)
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.REFUSED
    assert "cannot be had" in outcome.reasons[0]
    assert desk.group.write_calls == []


def test_a_raise_that_cannot_be_had_is_left_out_and_the_rest_is_verified(desk: Desk) -> None:
    add_foreign(desk.group, at(9), low=1)
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.VERIFIED
    assert [item["reason"] for item in outcome.summary()["refused"]] == ["another's action starts then"]
    assert ours_at(desk.group) == {"T1200": 4, "T0600": 2}


def test_an_action_the_cloud_refuses_in_a_batch_fails_verification_and_the_next_run_finishes_it(desk: Desk) -> None:
    desk.group.refuse_names = {name_of(at(9))}
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.VERIFICATION_FAILED
    assert outcome.is_failed
    assert any("refused for the test" in reason for reason in outcome.reasons)
    assert ours_at(desk.group) == {"T1200": 4, "T0600": 2}
    desk.group.refuse_names = set()
    assert desk.push(request(PLAN)).state is PushState.VERIFIED
    assert desk.states(outcome.push_id)[-4:] == ["verification_failed", "intended", "applied", "verified"]


def test_what_fails_once_is_repaired_in_the_same_push(desk: Desk) -> None:
    def fail_second_put(number: int, operation: str) -> None:
        if operation.startswith("batch_put") and desk.group.calls.count(operation) == 2:
            raise client_error(operation, "Throttling", f"rate exceeded at call {number}")

    desk.group.on_call = fail_second_put
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.VERIFIED
    assert outcome.failures == ()
    assert desk.states(outcome.push_id)[-3:] == ["intended", "partially_applied", "verified"]
    assert desk.ledger.events(outcome.push_id)[-1].detail["is_repaired"] is True


def test_throttling_that_lasts_fails_the_push_with_its_cause(desk: Desk) -> None:
    def throttle(_number: int, operation: str) -> None:
        if not operation.startswith("describe"):
            raise client_error(operation, "Throttling", "rate exceeded")

    desk.group.on_call = throttle
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.FAILED
    assert any("Throttling" in reason for reason in outcome.reasons)
    assert ours_at(desk.group) == {}


def test_a_call_that_took_effect_but_never_answered_is_found_by_reading_back(desk: Desk) -> None:
    def drop(_number: int, operation: str) -> None:
        if not operation.startswith("describe"):
            raise client_error(operation, "InternalFailure", "connection dropped")

    desk.group.after_call = drop
    first = desk.push(request(plan(restore_hour=30)))
    assert first.state is PushState.VERIFIED
    assert ours_at(desk.group) == {"T0600": 2}


def test_a_group_deleted_between_reading_and_writing_fails_with_the_reason(desk: Desk) -> None:
    def delete(_number: int, operation: str) -> None:
        if operation.startswith("batch_put"):
            desk.group.is_there = False

    desk.group.on_call = delete
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.FAILED
    assert any("not there" in reason for reason in outcome.reasons)


def test_a_group_that_is_not_there_fails_alone(desk: Desk) -> None:
    desk.group.is_there = False
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.FAILED
    assert outcome.reasons == ("Auto Scaling group 'chat-large' is not there",)
    assert desk.states(outcome.push_id) == ["failed"]


def test_a_plan_too_long_for_the_quota_is_refused_by_the_cloud_and_the_restore_stands(desk: Desk) -> None:
    for hour in range(60):
        add_foreign(desk.group, at(200 + hour), low=1)
    # 60 foreign + 66 of ours is one above 125.
    wanted = plan(*((10 + index / 4, 3 + index % 9) for index in range(65)), restore_hour=40)
    outcome = desk.push(request(wanted))
    assert outcome.state is PushState.VERIFICATION_FAILED
    assert len(desk.group.actions) == 125
    assert name_of(at(40)) in desk.group.actions
    assert sum(not is_ours(name) for name in desk.group.actions) == 60


def test_more_than_fifty_actions_go_in_batches(desk: Desk) -> None:
    wanted = plan(*((10 + index / 4, 3 + index % 9) for index in range(101)), restore_hour=60)
    outcome = desk.push(request(wanted))
    assert outcome.state is PushState.VERIFIED
    # The restore, then 101 in batches of 50: 1 + 3 calls.
    assert outcome.write_calls == 4


def test_an_empty_plan_takes_back_our_actions_the_restore_last(desk: Desk) -> None:
    desk.push(request(PLAN))
    outcome = desk.push(request(()))
    assert outcome.state is PushState.VERIFIED
    assert desk.group.actions == {}
    assert outcome.write_calls == 2


class TestOwnerEdits:
    """A minimum or maximum that nobody planned is the owner's: adopted, and the fleet paused until confirmed."""

    def test_our_own_raise_in_force_is_no_edit(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.group.advance_to(at(9) + minutes(5))
        assert desk.group.sizes["MinSize"] == 8
        outcome = desk.push(request(plan((12, 5), restore_hour=33), window_end=at(9)))
        assert outcome.state is PushState.VERIFIED

    def test_a_foreign_action_that_ran_is_no_edit(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        add_foreign(desk.group, at(7), low=5)
        desk.group.advance_to(NOW + minutes(30))
        quiet = desk.push(request(PLAN, window_end=at(6.5)))
        assert quiet.state is PushState.UNCHANGED
        assert desk.states(quiet.push_id) == ["foreign_seen"]
        desk.group.advance_to(at(7) + minutes(5))
        assert desk.group.sizes["MinSize"] == 5
        assert desk.push(request(plan((9, 9), restore_hour=30), window_end=at(7))).state is PushState.VERIFIED

    def test_an_edit_is_adopted_and_pauses_and_our_actions_cannot_undo_it(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.group.sizes |= {"MinSize": 6, "DesiredCapacity": 6}
        desk.group.advance_to(at(7) + minutes(5))
        outcome = desk.push(request(plan((9, 9), restore_hour=31), window_end=at(7)))
        assert outcome.state is PushState.PAUSED
        assert outcome.is_refused
        assert "min 6" in outcome.reasons[0]
        baseline = desk.ledger.baseline("chat-large", now_utc=desk.group.now)
        assert baseline is not None
        assert baseline.setting == CapacitySetting(min_instances=6, max_instances=20, desired_instances=6)
        # Of ours only the restore is left, and it gives the new baseline.
        assert ours_at(desk.group) == {"T0600": 6}
        desk.group.advance_to(at(31))
        assert desk.group.sizes["MinSize"] == 6

    def test_a_paused_fleet_stays_paused_and_quiet_until_confirmed(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.group.sizes["MaxSize"] = 25
        edited = desk.push(request(PLAN))
        assert edited.state is PushState.PAUSED
        calls = len(desk.group.write_calls)
        desk.group.advance_to(at(7) + minutes(5))
        again = request(plan((9, 9), restore_hour=31), window_end=at(7))
        for _ in range(2):
            outcome = desk.push(again)
            assert outcome.state is PushState.PAUSED
            assert desk.states(outcome.push_id) == ["refused"]
        assert len(desk.group.write_calls) == calls
        new = confirm_baseline(
            "chat-large",
            ledger=desk.ledger,
            now_utc=desk.group.now,
            confirmed_by="ada",
        )
        assert new.setting.max_instances == 25
        confirmed = plan((9, 9), restore_hour=31, baseline=new.setting)
        assert desk.push(request(confirmed, window_end=at(7))).state is PushState.VERIFIED

    def test_confirming_twice_writes_once(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.group.sizes["MaxSize"] = 25
        desk.push(request(PLAN))
        for _ in range(2):
            confirm_baseline("chat-large", ledger=desk.ledger, now_utc=NOW, confirmed_by="ada")
        assert sum("confirmed" in path for path in desk.store.files) == 1

    def test_nothing_can_be_confirmed_of_a_fleet_never_adopted(self, desk: Desk) -> None:
        with pytest.raises(ActuationError, match="no baseline for fleet chat-large"):
            confirm_baseline("chat-large", ledger=desk.ledger, now_utc=NOW, confirmed_by="ada")

    def test_our_minimum_in_force_is_not_adopted_with_the_owners_maximum(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.group.advance_to(at(9) + minutes(5))
        desk.group.sizes["MaxSize"] = 30
        desk.push(request(plan((12, 5), restore_hour=33), window_end=at(9)))
        baseline = desk.ledger.baseline("chat-large", now_utc=desk.group.now)
        assert baseline is not None
        assert (baseline.setting.min_instances, baseline.setting.max_instances) == (2, 30)

    def test_without_a_captured_baseline_our_own_actions_are_never_taken_for_the_owners(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        desk.store.files.clear()
        outcome = desk.push(request(plan((9, 9), restore_hour=30)))
        assert outcome.state is PushState.REFUSED
        assert "the ledger has no baseline" in outcome.reasons[0]

    def test_in_approve_mode_an_edit_pauses_without_a_write_call(self, desk: Desk) -> None:
        desk.push(approved(request(PLAN, mode=Mode.APPROVE, approved_by="ada"), desk.group))
        calls = len(desk.group.write_calls)
        desk.group.sizes["MinSize"] = 6
        outcome = desk.push(request(PLAN, mode=Mode.APPROVE))
        assert outcome.state is PushState.PAUSED
        assert len(desk.group.write_calls) == calls

    def test_a_kill_switch_stops_even_the_taking_back(self, desk: Desk) -> None:
        def thrown(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
            return (Verdict(rule="kill_switch", is_passed=False, reason="the kill switch is thrown"),)

        desk.push(request(PLAN))
        calls = len(desk.group.write_calls)
        desk.group.sizes["MinSize"] = 6
        assert desk.push(request(PLAN, guardrails=thrown)).state is PushState.PAUSED
        assert len(desk.group.write_calls) == calls
        # Once it is lifted, the next run takes back what stands.
        assert desk.push(request(PLAN)).state is PushState.PAUSED
        assert ours_at(desk.group) == {"T0600": 6}

    def test_the_instances_that_ran_at_adoption_are_remembered_inside_the_owners_bounds(self, desk: Desk) -> None:
        desk.group.sizes["DesiredCapacity"] = 4
        desk.push(request(PLAN))
        baseline = desk.ledger.baseline("chat-large", now_utc=NOW)
        assert baseline is not None
        assert baseline.running_instances == 4
        desk.group.sizes |= {"MinSize": 6, "DesiredCapacity": 6}
        desk.push(request(PLAN))
        edited = desk.ledger.baseline("chat-large", now_utc=NOW)
        assert edited is not None
        assert edited.running_instances == 6

    def test_a_dry_run_shows_the_pause_and_records_nothing(self, desk: Desk) -> None:
        desk.push(request(PLAN))
        files = len(desk.store.files)
        desk.group.sizes["MinSize"] = 6
        assert desk.push(request(PLAN), is_dry_run=True).state is PushState.PAUSED
        assert len(desk.store.files) == files


def test_a_half_done_push_is_finished_by_the_next_window_and_the_ledger_says_so(desk: Desk) -> None:
    desk.push(request(PLAN))
    desk.group.refuse_names = {name_of(at(13))}
    half = desk.push(request(plan((9, 9), (13, 5), restore_hour=31)))
    assert half.state is PushState.VERIFICATION_FAILED
    desk.group.refuse_names = set()
    desk.group.advance_to(at(7) + minutes(5))
    outcome = desk.push(request(plan((9, 9), (13, 6), restore_hour=31), window_end=at(7)))
    assert outcome.state is PushState.VERIFIED
    assert desk.states(half.push_id)[-1] == "repaired"
    assert desk.ledger.events(half.push_id)[-1].detail == {"by": outcome.push_id}


def test_observing_a_target_gives_state_and_baseline_and_writes_nothing(desk: Desk) -> None:
    before = observe_target(ec2(desk.group), desk.ledger, is_ours=is_ours, now_utc=NOW)
    assert (before.baseline.setting, before.is_captured, before.problem) == (BASELINE, False, None)
    assert desk.store.files == {}
    desk.push(request(PLAN))
    desk.group.advance_to(at(10))
    during = observe_target(ec2(desk.group), desk.ledger, is_ours=is_ours, now_utc=at(10))
    assert during.state.setting.min_instances == 8
    assert (during.baseline.setting, during.is_captured, during.edit) == (BASELINE, True, None)


def test_an_outcome_is_plain_json(desk: Desk) -> None:
    summary = desk.push(request(PLAN)).summary()
    assert summary["fleet_id"] == "chat-large"
    assert summary["state"] == "verified"
    assert [item["starts_at_utc"] for item in summary["create"]] == [
        "2026-11-18T09:00:00+00:00",
        "2026-11-18T12:00:00+00:00",
        "2026-11-19T06:00:00+00:00",
    ]
    assert summary["verdicts"] == [{"rule": "bounds", "is_passed": True, "reason": "inside the bounds"}]


def test_a_window_may_be_pushed_up_to_two_hours_after_its_end(desk: Desk) -> None:
    desk.group.now = WINDOW_END + minutes(120)
    assert desk.push(request(PLAN)).state is PushState.VERIFIED
    late = Desk(replace(group(), now=WINDOW_END + minutes(121)))
    assert late.push(request(PLAN)).state is PushState.PLANNED


def test_the_repair_goes_by_the_clock_at_its_own_time_not_at_the_pushs_start(desk: Desk) -> None:
    # At 06:05 those of 06:06 and 09:00 are written; a hand takes 09:00 away; by 06:10, when they are read back, 06:06
    # has run.
    def minutes_pass(number: int, _operation: str) -> None:
        if number == 5:
            del desk.group.actions[name_of(at(9))]
            desk.group.advance_to(NOW + minutes(5))

    desk.group.after_call = minutes_pass
    outcome = desk.push(request(plan((6.1, 6), (9, 8), restore_hour=30)))
    assert (outcome.state, outcome.failures) == (PushState.VERIFIED, ())
    assert ours_at(desk.group) == {"T0900": 8, "T0600": 2}
    assert desk.group.sizes["MinSize"] == 6
    verified = desk.ledger.events(outcome.push_id)[-1]
    assert (verified.detail["is_repaired"], verified.at_utc) == (True, NOW + minutes(5))
    assert [call["actions"] for call in verified.detail["requests"]] == [[name_of(at(9))]]


def test_the_ledger_has_the_fence_and_the_id_of_every_write_request(desk: Desk) -> None:
    outcome = desk.push(request(PLAN))
    by_state = {event.state.value: event.detail for event in desk.ledger.events(outcome.push_id)}
    assert by_state["intended"]["fence"] == 1
    # Calls 1 to 3 read; 4 puts the restore, 5 the others.
    operation = "batch_put_scheduled_update_group_action"
    assert by_state["applied"]["requests"] == [
        {"operation": operation, "request_id": "request-4", "actions": [name_of(at(30))]},
        {"operation": operation, "request_id": "request-5", "actions": [name_of(at(9)), name_of(at(12))]},
    ]
    assert by_state["verified"]["requests"] == []
    later = desk.push(request(plan((9, 9), restore_hour=30)))
    assert desk.ledger.events(later.push_id)[0].detail["fence"] == 2


def test_a_slow_push_that_lost_its_lock_writes_nothing_more_and_says_so(desk: Desk) -> None:
    other = plan((10, 9), restore_hour=31)

    def other_push_after_the_restore(number: int, _operation: str) -> None:
        if number == 4:
            desk.group.after_call = lambda _number, _operation: None
            desk.group.advance_to(NOW + EXPIRES_AFTER)
            assert desk.push(request(other)).state is PushState.VERIFIED

    desk.group.after_call = other_push_after_the_restore
    outcome = desk.push(request(PLAN))
    assert (outcome.state, outcome.write_calls) == (PushState.FAILED, 1)
    assert "stopped: fence 2 of the fleet's lock has taken the place of our 1" in outcome.reasons
    assert ours_at(desk.group) == {"T1000": 9, "T0700": 2}
    # The other found this push's intent, put its own in place of what was written, and marked it.
    states = desk.states(outcome.push_id)
    assert states == ["baseline_captured", "intended", "repaired", "partially_applied", "failed"]
    assert "memory" not in desk.ledger.events(outcome.push_id)[-1].detail
    assert desk.push(request(other)).state is PushState.UNCHANGED
    assert desk.states(outcome.push_id)[-1] == "repaired"


def test_a_dry_run_looks_whoever_has_the_lock_and_takes_none(desk: Desk) -> None:
    with Locks(store=desk.store, clock=lambda: NOW).look("chat-large").hold("another"):
        files = set(desk.store.files)
        assert desk.push(request(PLAN), is_dry_run=True).state is PushState.DRY_RUN
        assert set(desk.store.files) == files


def test_while_another_has_the_lock_nothing_is_read_or_written_and_the_reason_is_recorded(desk: Desk) -> None:
    with Locks(store=desk.store, clock=lambda: NOW).look("chat-large").hold("another-push"):
        outcome = desk.push(request(PLAN))
        again = desk.push(request(PLAN))
    assert (outcome.state, again.state, desk.group.calls) == (PushState.REFUSED, PushState.REFUSED, [])
    assert outcome.is_refused
    (event,) = desk.ledger.events(outcome.push_id)
    assert event.state is LedgerState.REFUSED
    assert event.detail["reasons"] == list(outcome.reasons)
    assert outcome.reasons[0].startswith("lock: another-push holds the fleet's lock until 2026-11-18 06:20:00Z")
    assert desk.push(request(PLAN)).state is PushState.VERIFIED


def test_an_owners_edit_while_a_push_writes_is_found_by_the_next(desk: Desk) -> None:
    def edit(number: int, _operation: str) -> None:
        if number == 5:  # the last write call, before it is read back
            desk.group.sizes |= {"MinSize": 4, "DesiredCapacity": 4}

    desk.group.after_call = edit
    assert desk.push(request(PLAN)).state is PushState.VERIFIED
    outcome = desk.push(request(PLAN))
    assert outcome.state is PushState.PAUSED
    assert "min 4" in outcome.reasons[0]
    baseline = desk.ledger.baseline("chat-large", now_utc=NOW)
    assert baseline is not None
    assert baseline.setting.min_instances == 4


def test_an_action_that_ran_since_the_clock_was_read_is_no_edit_of_the_owners(desk: Desk) -> None:
    raising = plan((6.5, 8), restore_hour=30)
    desk.push(request(raising))
    before = at(6.5) - minutes(3)

    def time_passes(number: int, _operation: str) -> None:
        if number == first:
            desk.group.advance_to(at(6.5) + minutes(1))

    desk.group.advance_to(before)
    first = len(desk.group.calls) + 1
    desk.group.on_call = time_passes
    outcome = desk.push(request(raising))
    assert (outcome.state, desk.group.sizes["MinSize"]) == (PushState.UNCHANGED, 8)
    baseline = desk.ledger.baseline("chat-large", now_utc=NOW)
    assert baseline is not None
    assert baseline.setting == BASELINE
