import itertools
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.scheduling.small_plan import BOUNDS, at, requirement, schedule, steps_of

from headroom.domain.fleet import Bounds
from headroom.domain.scaling import CapacitySchedule
from headroom.scheduling import ScheduleImpossibleError, earliest_start, schedule_capacity
from headroom.scheduling.schedule import ACTION_DELAY_SECONDS


def test_a_raise_starts_the_lead_time_before_its_need_and_a_lowering_when_the_need_ends() -> None:
    made = schedule(2, 2, 6, 6, 3, current=2)
    assert steps_of(made) == [("07:55", 6), ("10:00", 3)]
    assert [f"{step.need_at_utc:%H:%M}" for step in made.steps] == ["08:00", "10:00"]
    assert made.ends_at_utc == at("11:00")


def test_actions_are_taken_to_run_two_minutes_late() -> None:
    made = schedule_capacity(
        requirement(2, 2, 6),
        lead_time_seconds=300,
        min_dwell_seconds=0,
        max_changes=9,
        bounds=BOUNDS,
        starts_after_utc=at("06:06"),
        ends_at_utc=at("09:00"),
        current_instances=2,
    )
    assert ACTION_DELAY_SECONDS == 120
    assert steps_of(made) == [("07:53", 6)]


def test_a_lead_time_that_is_no_whole_minute_starts_a_minute_sooner() -> None:
    assert steps_of(schedule(2, 2, 6, current=2, lead_time_seconds=301)) == [("07:54", 6)]


def test_what_the_present_hour_lacks_is_asked_for_at_the_first_moment() -> None:
    made = schedule(8, 3, current=2)
    assert steps_of(made) == [("06:06", 8), ("07:00", 3)]
    assert made.steps[0].need_at_utc == at("06:00")


def test_more_than_needed_is_lowered_at_the_first_moment() -> None:
    assert steps_of(schedule(3, 3, current=50)) == [("06:06", 3)]


def test_nothing_changes_where_what_stands_is_what_is_needed() -> None:
    assert schedule(4, 4, 4, current=4).steps == ()


def test_a_need_that_begins_before_the_schedule_can_is_served_from_its_start() -> None:
    # lead 2 h: 08:00's raise should have started at 06:00
    assert steps_of(schedule(2, 2, 6, current=2, lead_time_seconds=7200)) == [("06:06", 6)]


def test_too_few_changes_bridge_the_cheaper_gap() -> None:
    # 5 1 5 5 1 1 5: with two changes one of the gaps has to be bridged: one hour or two
    made = schedule(5, 1, 5, 5, 1, 1, 5, current=5, max_changes=2, lead_time_seconds=0)
    assert steps_of(made) == [("10:00", 1), ("12:00", 5)]


def test_a_dwell_keeps_a_raise_standing_after_its_need() -> None:
    # 3 are needed from 07:00 to 08:00; raised then, they stand until 09:00
    made = schedule(1, 3, 1, 1, 1, current=1, min_dwell_seconds=7200, lead_time_seconds=0)
    first, second = made.steps
    assert (first.instances, second.instances) == (3, 1)
    assert second.starts_at_utc - first.starts_at_utc == timedelta(hours=2)


def test_a_raise_that_the_dwell_would_make_late_is_made_at_once() -> None:
    # 3 asked for at 06:06 stand until 08:06, and 5 are needed at 08:00: so 5 from the start
    made = schedule(3, 1, 5, 5, current=1, min_dwell_seconds=7200, lead_time_seconds=0)
    assert steps_of(made) == [("06:06", 5)]


def test_bounds_hold_whatever_is_required() -> None:
    made = schedule(0, 9, 0, current=3, bounds=Bounds(min_instances=2, max_instances=6), lead_time_seconds=0)
    assert steps_of(made) == [("06:06", 2), ("07:00", 6), ("08:00", 2)]


def test_hours_after_the_end_do_not_count() -> None:
    made = schedule_capacity(
        requirement(2, 2, 50),
        lead_time_seconds=0,
        min_dwell_seconds=0,
        max_changes=9,
        bounds=BOUNDS,
        starts_after_utc=at("06:06"),
        ends_at_utc=at("08:00"),
        current_instances=2,
        action_delay_seconds=0,
    )
    assert made.steps == ()


def test_starts_are_whole_minutes_even_if_the_first_moment_is_not() -> None:
    made = schedule(5, current=2, starts=at("06:06") + timedelta(seconds=1))
    assert steps_of(made) == [("06:07", 5)]
    assert made.steps[0].starts_at_utc.second == 0


def test_no_change_allowed_and_too_little_standing_is_impossible() -> None:
    with pytest.raises(ScheduleImpossibleError, match="needs up to 5 instances, 2 stand, and 0 changes"):
        schedule(5, current=2, max_changes=0)
    assert schedule(5, current=6, max_changes=0).steps == ()


def test_senseless_times_are_refused() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        schedule(5, current=2, starts=at("07:00"))
    with pytest.raises(ValueError, match="lead time"):
        schedule(5, current=2, lead_time_seconds=-1)


def test_the_first_start_to_ask_for_is_one_to_two_minutes_away() -> None:
    assert earliest_start(at("06:05")) == at("06:06")
    assert earliest_start(at("06:05") + timedelta(seconds=1)) == at("06:07")


def brute_force_cost(
    needs: tuple[int, ...],
    *,
    current: int,
    lead_slots: int,
    dwell_slots: int,
    max_changes: int,
    slots_per_hour: int = 2,
) -> float:
    """Return the least cost in instance-hours over every floor that changes on half hours, by trying them all."""
    total = len(needs) * slots_per_hour
    need_at = [BOUNDS.min_instances] * total
    for hour, instances in enumerate(needs):
        for slot in range(max(0, hour * slots_per_hour - lead_slots), (hour + 1) * slots_per_hour):
            need_at[slot] = max(need_at[slot], instances)
    best = float("inf")
    for count in range(max_changes + 1):
        for changes in itertools.combinations(range(total), count):
            if any(later - earlier < dwell_slots for earlier, later in itertools.pairwise(changes)):
                continue
            edges = [0, *changes, total]
            cost, is_covered = 0, True
            for position, (begin, end) in enumerate(itertools.pairwise(edges)):
                needed = max(need_at[begin:end], default=0)
                level = current if position == 0 else needed
                is_covered &= level >= needed
                cost += level * (end - begin)
            if is_covered:
                best = min(best, cost / slots_per_hour)
    return best


def half_hourly(
    needs: tuple[int, ...], *, current: int, lead_slots: int, dwell_slots: int, max_changes: int
) -> CapacitySchedule:
    return schedule_capacity(
        requirement(*needs),
        lead_time_seconds=lead_slots * 1800,
        min_dwell_seconds=dwell_slots * 1800,
        max_changes=max_changes,
        bounds=BOUNDS,
        starts_after_utc=at("06:00"),
        ends_at_utc=at("06:00") + timedelta(hours=len(needs)),
        current_instances=current,
        action_delay_seconds=0,
    )


def cost_of(needs: tuple[int, ...], *, current: int, lead_slots: int, dwell_slots: int, max_changes: int) -> float:
    made = half_hourly(needs, current=current, lead_slots=lead_slots, dwell_slots=dwell_slots, max_changes=max_changes)
    assert len(made.steps) <= max_changes
    edges = [at("06:00"), *(step.starts_at_utc for step in made.steps), made.ends_at_utc]
    levels = [current, *(step.instances for step in made.steps)]
    starts = [step.starts_at_utc for step in made.steps]
    assert all((later - earlier).total_seconds() >= dwell_slots * 1800 for earlier, later in itertools.pairwise(starts))
    return sum(
        level * (end - begin).total_seconds() / 3600
        for level, (begin, end) in zip(levels, itertools.pairwise(edges), strict=True)
    )


def test_the_cheapest_floor_equals_brute_force_on_many_small_cases() -> None:
    random = np.random.default_rng(7)
    tried = 0
    for _ in range(1000):
        needs = tuple(int(number) for number in random.integers(0, 6, size=int(random.integers(2, 6))))
        limits = {
            "current": int(random.integers(0, 6)),
            "lead_slots": int(random.integers(0, 3)),
            "dwell_slots": int(random.integers(0, 4)),
            "max_changes": int(random.integers(1, 4)),
        }
        expected = brute_force_cost(needs, **limits)
        assert cost_of(needs, **limits) == pytest.approx(expected), (needs, limits)
        tried += 1
    assert tried == 1000


@pytest.mark.parametrize("max_changes", [1, 2, 10])
def test_of_floors_that_cost_the_same_the_one_with_the_fewest_changes_is_made(max_changes: int) -> None:
    """With two hours of dwell the 2 that is needed for an hour costs as much as the 3 before it held an hour longer.

    3 + 3 + 3 + 1 + 1 = 11 with one change, 3 + 3 + 2 + 2 + 1 = 11 with two.
    """
    limits = {"current": 3, "lead_slots": 0, "dwell_slots": 4, "max_changes": max_changes}
    needs = (3, 3, 2, 1, 1)
    assert cost_of(needs, **limits) == 11
    assert [(step.starts_at_utc, step.instances) for step in half_hourly(needs, **limits).steps] == [(at("09:00"), 1)]
