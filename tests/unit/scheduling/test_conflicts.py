from tests.unit.scheduling.small_plan import NOW, action, present, restore, target

from headroom.domain.scaling import Action, ActionPurpose, PresentAction
from headroom.scheduling.conflicts import find_conflicts

WANTED = (action("07:53", 12), action("14:00", 4, purpose=ActionPurpose.LOWER), restore("20:00"))


def conflicts(
    *others: PresentAction,
    wanted: tuple[Action, ...] = WANTED,
    has_reactive_policy: bool = False,
) -> list[str]:
    state = target(has_reactive_policy=has_reactive_policy)
    return find_conflicts(wanted, others, state=state, now_utc=NOW)


def owner(clock: str, least: int | None, most: int | None = None, desired: int | None = None) -> PresentAction:
    return present(action(clock, least, most, desired), name=f"owner-{clock}")


def test_an_action_that_sets_less_than_our_floor_works_against_us() -> None:
    assert conflicts(owner("09:00", 3)) == ["owner-09:00 sets 3 at 2026-11-18 09:00Z, below our floor of 12"]
    assert conflicts(owner("09:00", None, 8)) == ["owner-09:00 sets 8 at 2026-11-18 09:00Z, below our floor of 12"]


def test_a_desired_count_below_our_floor_only_matters_without_a_reactive_policy() -> None:
    assert len(conflicts(owner("09:00", None, None, 5))) == 1
    assert conflicts(owner("09:00", None, None, 5), has_reactive_policy=True) == []


def test_a_raise_that_our_next_action_would_undo_is_a_conflict() -> None:
    assert conflicts(owner("09:00", 30)) == [
        (
            "owner-09:00 sets the minimum to 30 at 2026-11-18 09:00Z, "
            "and headroom-test-chat-large-20261118T1400Z would set it to 4 after it"
        ),
    ]


def test_a_raise_that_its_owner_ends_before_our_next_action_is_none() -> None:
    assert conflicts(owner("09:00", 30), owner("10:00", 12)) == [
        (
            "owner-10:00 sets the minimum to 12 at 2026-11-18 10:00Z, "
            "and headroom-test-chat-large-20261118T1400Z would set it to 4 after it"
        ),
    ]
    assert conflicts(owner("14:30", 4, 40), wanted=WANTED[:2]) == []


def test_actions_outside_our_span_or_in_the_past_do_not_matter() -> None:
    assert conflicts(owner("06:00", 0), owner("20:30", 0)) == []


def test_before_our_first_action_there_is_no_floor_of_ours() -> None:
    assert conflicts(owner("07:00", 1)) == []


def test_a_recurring_action_is_held_against_the_highest_floor_from_its_next_start_on() -> None:
    recurring = present(action("07:00", 5), name="nightly", recurrence="0 7-23 * * *")
    assert conflicts(recurring) == ["nightly sets 5 at 2026-11-18 07:00Z, below our floor of 12"]


def test_an_action_that_sets_nothing_of_capacity_is_none() -> None:
    assert conflicts(owner("09:00", None)) == []


def test_wanting_nothing_conflicts_with_nobody() -> None:
    assert conflicts(owner("09:00", 0), wanted=()) == []
