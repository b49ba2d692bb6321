from datetime import timedelta

from tests.unit.scheduling.small_plan import DEPLOYMENT, FLEET, NOW, action, at, present, restore, starts, target

from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, CapacitySetting, PresentAction, TargetState
from headroom.scheduling import apply_diff, diff_actions

LOWER = ActionPurpose.LOWER


def diff(wanted: list[Action], state: TargetState, *, minutes_later: float = 0) -> ActionDiff:
    now = NOW + timedelta(minutes=minutes_later)
    return diff_actions(wanted, state, deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=now)


def foreign(clock: str, *, recurrence: str | None = None) -> PresentAction:
    return present(action(clock, 30), name=f"owner-{clock}", recurrence=recurrence)


def test_what_is_not_there_is_created() -> None:
    made = diff([action("07:53"), restore()], target())
    assert starts(made.create) == ["07:53", "20:00"]
    assert not made.is_empty


def test_twice_is_once() -> None:
    wanted = [action("07:53"), restore()]
    made = diff(wanted, target(*(present(item) for item in wanted)))
    assert made.is_empty
    assert list(made.keep) == wanted


def test_ours_with_another_setting_or_a_recurrence_is_replaced() -> None:
    changed = present(action("07:53", 9))
    recurring = present(restore(), recurrence="0 20 * * *")
    made = diff([action("07:53", 5), restore()], target(changed, recurring))
    assert starts(made.replace) == ["07:53", "20:00"]
    assert not made.create


def test_ours_that_is_no_longer_wanted_is_deleted() -> None:
    made = diff([restore()], target(present(action("07:53")), present(restore())))
    assert starts(made.delete) == ["07:53"]
    assert starts(made.keep) == ["20:00"]


def test_wanting_nothing_deletes_all_of_ours_to_come() -> None:
    made = diff([], target(present(action("07:53")), foreign("08:00")))
    assert starts(made.delete) == ["07:53"]


def test_past_actions_of_ours_that_are_still_listed_are_left_alone() -> None:
    made = diff([restore()], target(present(action("06:00")), present(restore())))
    assert made.is_empty


def test_other_peoples_actions_are_reported_and_never_touched() -> None:
    others = (
        foreign("07:53"),
        present(action("09:00"), name="headroom-other-chat-large-20261118T0900Z"),
        present(action("10:00"), name="headroom-test-chat-20261118T1000Z"),
    )
    made = diff([restore()], target(*others))
    assert made.foreign == others
    assert not made.delete
    assert not made.replace


def test_a_step_whose_start_has_passed_is_asked_for_at_the_next_minute() -> None:
    # Planned at 06:05 for 06:06, approved at 06:20: what should stand since 06:06 is asked for at 06:21.
    made = diff([action("06:06"), action("07:00", 9), restore()], target(), minutes_later=15)
    assert starts(made.create) == ["06:21", "07:00", "20:00"]
    assert made.create[0].name.endswith("T0621Z")
    assert not made.refused


def test_of_several_that_have_passed_the_newest_says_what_should_stand() -> None:
    made = diff([action("06:06", 9), action("06:15", 4, purpose=LOWER), restore()], target(), minutes_later=15)
    assert starts(made.create) == ["06:21", "20:00"]
    assert made.create[0].setting.min_instances == 4


def test_a_late_step_that_the_next_one_overtakes_is_left_out() -> None:
    made = diff([action("06:06", 9), action("06:21", 4, purpose=LOWER), restore()], target(), minutes_later=15)
    assert starts(made.create) == ["06:21", "20:00"]
    assert made.create[0].setting.min_instances == 4


def test_a_late_step_whose_bounds_stand_already_is_not_asked_for_again() -> None:
    wanted = [action("06:06", 2), restore()]  # the minimum is 2
    assert starts(diff(wanted, target(), minutes_later=15).create) == ["20:00"]


def test_a_late_step_that_was_asked_for_a_minute_ago_is_kept() -> None:
    for late in (action("06:06"), action("06:06", purpose=LOWER)):
        wanted = [late, restore()]
        after = apply_diff(target(), diff(wanted, target(), minutes_later=15))
        again = diff(wanted, after, minutes_later=15.5)
        assert again.is_empty
        assert starts(again.keep) == ["06:21", "20:00"]


def test_a_restore_that_is_past_is_refused_and_nothing_is_put_after_it() -> None:
    made = diff([action("06:00"), restore("06:05")], target())
    assert [(item.name[-5:], reason) for item, reason in made.refused] == [
        ("0605Z", "its start 2026-11-18 06:05Z is past"),
    ]
    assert not made.create


def test_a_raise_moves_before_a_start_that_somebody_else_holds() -> None:
    made = diff([action("07:53"), restore()], target(foreign("07:53"), foreign("07:52")))
    assert starts(made.create) == ["07:51", "20:00"]
    assert made.create[0].name.endswith("T0751Z")


def test_a_lowering_and_a_restore_move_after_it() -> None:
    made = diff([action("14:00", purpose=LOWER), restore()], target(foreign("14:00"), foreign("20:00")))
    assert starts(made.create) == ["14:01", "20:01"]


def test_a_moved_action_is_found_again_by_the_next_push() -> None:
    wanted = [action("07:53"), restore()]
    state = target(foreign("07:53"), foreign("20:00"))
    after = apply_diff(state, diff(wanted, state))
    assert diff(wanted, after).is_empty
    assert len(after.actions) == 4


def test_a_raise_at_the_first_moment_moves_later_if_it_cannot_move_earlier() -> None:
    made = diff([action("06:06"), restore()], target(foreign("06:06")))
    assert starts(made.create) == ["06:07", "20:00"]


def test_a_moved_action_never_passes_its_neighbours() -> None:
    wanted = [action("08:00"), action("08:02"), action("08:03", purpose=LOWER), restore()]
    made = diff(wanted, target(foreign("08:02"), foreign("08:01")))
    assert starts(made.create) == ["08:00", "08:03", "20:00"]
    item, reason = made.refused[0]
    assert item.starts_at_utc == at("08:02")
    assert reason == "owner-08:02 holds 2026-11-18 08:02Z, and no minute near it is free"


def test_two_of_ours_never_get_the_same_start() -> None:
    made = diff([action("08:00"), action("08:00", 9), restore()], target())
    assert len(set(starts([*made.create]))) == len(made.create)


def test_the_raise_asked_for_a_minute_ago_is_kept_and_not_put_off_again() -> None:
    pending = present(action("06:08"))
    made = diff([action("06:09"), restore()], target(pending, present(restore())), minutes_later=1)
    assert made.is_empty
    assert starts(made.keep) == ["06:08", "20:00"]


def test_a_pending_raise_to_something_else_is_not_kept() -> None:
    made = diff([action("06:09", 7), restore()], target(present(action("06:08", 5))), minutes_later=1)
    assert starts(made.delete) == ["06:08"]
    assert starts(made.create) == ["06:09", "20:00"]


def test_an_action_without_a_start_is_foreign_or_ours_by_its_name_alone() -> None:
    setting = CapacitySetting(min_instances=1, max_instances=None)
    odd = PresentAction(name=action("07:53").name, starts_at_utc=None, setting=setting)
    made = diff([restore()], target(odd, PresentAction(name="owner", starts_at_utc=None, setting=setting)))
    assert made.delete == (odd,)
    assert [item.name for item in made.foreign] == ["owner"]
