"""What the ledger tells of each hour of a day, with all that goes wrong in one, is what stood there."""

import pytest
from tests.unit.actuation.fake_cloud import minutes
from tests.unit.actuation.planning import NOW, at, is_ours, name_of
from tests.unit.actuation.played_day import DEATHS, Day, play

from headroom.actuation.errors import ActuationError
from headroom.actuation.held import Source
from headroom.actuation.in_force import InForce, in_force_at


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
    day = play(9)
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
    day = play(9)
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
    day = play(9)
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
    day = play(9)
    assert in_force_at(day.events(), at(6), is_ours=is_ours) is None
    assert in_force_at([], at(6), is_ours=is_ours) is None


def test_events_that_begin_midway_say_that_they_do() -> None:
    day = play(9)
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
    assert missed.minimum.not_before_utc == at(7) + minutes(55)  # when the plan's next action should have run


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
    with pytest.raises(ActuationError, match=rf"push={push_id}: event 2 \(intended\): expected it as Headroom wrote"):
        in_force_at(events, at(8), is_ours=is_ours)


def test_an_owners_edit_that_a_rollback_leaves_is_told_at_once_and_whose_it_was_once_a_push_has_found_it() -> None:
    day = Day()
    pushed = day.push(8, 9)
    day.go_to(at(7) + minutes(10))
    assert day.asked(at(7)).minimum.value == 8
    day.target.sizes["MinSize"] = 5  # the owner's, after our 06:55
    day.go_to(at(7) + minutes(20))
    day.roll_back(pushed.push_id)
    left = day.asked(at(7) + minutes(30))
    assert (left.minimum.value, left.minimum.source) == (5, Source.UNKNOWN)
    assert (left.minimum.since_utc, left.minimum.not_before_utc) == (at(7) + minutes(20), at(6) + minutes(55))
    day.push_at(8, 9, 9)
    day.go_to(at(8) + minutes(30))
    for moment in (at(7) + minutes(30), at(8) + minutes(30)):
        found = day.asked(moment)
        assert (found.minimum.value, found.minimum.source, day.stood[moment][0]) == (5, Source.OWNER_EDIT, 5)
