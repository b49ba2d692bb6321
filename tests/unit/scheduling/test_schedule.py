import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.unit.scheduling.small_plan import BOUNDS, at, requirement, schedule, steps_of

from headroom.domain.fleet import Bounds, StepLimits
from headroom.domain.scaling import CapacitySchedule, CapacityShortfall, Counts
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


SLOTS_PER_HOUR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCase:
    """A schedule on half hours, of at most six instances."""

    needs: tuple[int, ...]
    current: int
    lead_slots: int
    dwell_slots: int
    max_changes: int
    most: int = 60
    raise_limit: int | None = None
    lowering_limit: int | None = None

    @property
    def bounds(self) -> Bounds:
        return Bounds(min_instances=1, max_instances=self.most)

    def need_by_slot(self) -> Counts:
        need = np.ones(len(self.needs) * SLOTS_PER_HOUR, dtype=np.int64)
        for hour, instances in enumerate(self.needs):
            asked = slice(max(0, hour * SLOTS_PER_HOUR - self.lead_slots), (hour + 1) * SLOTS_PER_HOUR)
            need[asked] = np.maximum(need[asked], min(max(instances, 1), self.most))
        return need

    def scheduled(self) -> CapacitySchedule:
        return schedule_capacity(
            requirement(*self.needs),
            lead_time_seconds=self.lead_slots * 1800,
            min_dwell_seconds=self.dwell_slots * 1800,
            max_changes=self.max_changes,
            bounds=self.bounds,
            starts_after_utc=at("06:00"),
            ends_at_utc=at("06:00") + timedelta(hours=len(self.needs)),
            current_instances=self.current,
            step_limits=StepLimits(max_raise_instances=self.raise_limit, max_lowering_instances=self.lowering_limit),
            action_delay_seconds=0,
        )

    def floor(self, made: CapacitySchedule) -> Counts:
        """Return the scheduled floor by half hour; every limit is checked on the way."""
        slots = [round((step.starts_at_utc - at("06:00")) / timedelta(minutes=30)) for step in made.steps]
        assert len(slots) <= self.max_changes
        assert all(later - earlier >= self.dwell_slots for earlier, later in itertools.pairwise(slots))
        floor = np.full(len(self.needs) * SLOTS_PER_HOUR, self.current, dtype=np.int64)
        before = min(max(self.current, 1), self.most)
        for slot, step in zip(slots, made.steps, strict=True):
            assert step.starts_at_utc == at("06:00") + slot * timedelta(minutes=30)
            assert step.instances - before <= (self.raise_limit or np.inf)
            assert before - step.instances <= (self.lowering_limit or np.inf)
            floor[slot:], before = step.instances, step.instances
        return floor

    def every_floor(self) -> Iterator[Counts]:
        """Yield all floors inside dwell, changes, bounds and step limits, by half hour, by the number of changes."""
        total = len(self.needs) * SLOTS_PER_HOUR
        yield np.full((1, total), self.current, dtype=np.int8)
        top = min(max(*self.needs, self.current, 1), self.most)
        for count in range(1, self.max_changes + 1):
            starts = np.array(list(itertools.combinations(range(total), count)))
            starts = starts[(np.diff(starts) >= self.dwell_slots).all(axis=1)]
            levels = np.array(list(itertools.product(range(1, top + 1), repeat=count)))
            by = np.diff(levels, axis=1, prepend=min(max(self.current, 1), self.most))
            levels = levels[((by <= (self.raise_limit or top)) & (-by <= (self.lowering_limit or top))).all(axis=1)]
            segment = (np.arange(total) >= starts[:, :, None]).sum(axis=1)
            with_current = np.column_stack([np.full(len(levels), self.current), levels]).astype(np.int8)
            yield with_current[:, segment].reshape(-1, total)


def random_case(random: np.random.Generator, *, is_limited: bool) -> SmallCase:
    def limit() -> int | None:
        return int(random.integers(1, 4)) if is_limited and random.random() < 0.75 else None

    return SmallCase(
        needs=tuple(int(number) for number in random.integers(0, 6, size=int(random.integers(2, 6)))),
        current=int(random.integers(0, 6)),
        lead_slots=int(random.integers(0, 3)),
        dwell_slots=int(random.integers(1 if is_limited else 0, 4)),
        max_changes=int(random.integers(1, 4)),
        most=int(random.choice([4, 60])),
        raise_limit=limit(),
        lowering_limit=limit(),
    )


@pytest.mark.parametrize("is_limited", [False, True])
def test_the_cheapest_floor_equals_brute_force_on_many_small_cases(is_limited: bool) -> None:  # noqa: FBT001
    """What no floor inside the limits reaches at a half hour is not asked for then; all the rest is, at least cost."""
    random = np.random.default_rng(7)
    short = 0
    for _ in range(1500):
        case = random_case(random, is_limited=is_limited)
        floors = [group for group in case.every_floor() if group.size]
        asked = case.need_by_slot()
        reached = np.minimum(asked, np.max([group.max(axis=0) for group in floors], axis=0))
        costs = [group.sum(axis=1)[(group >= reached).all(axis=1)] for group in floors]
        made = case.scheduled()
        floor = case.floor(made)
        assert (floor >= reached).all(), case
        assert floor.sum() == np.concatenate(costs).min(), case
        is_short = bool((reached < asked).any())
        assert bool(made.shortfalls) == is_short, case
        short += is_short
    assert (short > 200) == is_limited


@pytest.mark.parametrize("max_changes", [1, 2, 10])
def test_of_floors_that_cost_the_same_the_one_with_the_fewest_changes_is_made(max_changes: int) -> None:
    """With two hours of dwell the 2 that is needed for an hour costs as much as the 3 before it held an hour longer.

    3 + 3 + 3 + 1 + 1 = 11 with one change, 3 + 3 + 2 + 2 + 1 = 11 with two.
    """
    case = SmallCase(needs=(3, 3, 2, 1, 1), current=3, lead_slots=0, dwell_slots=4, max_changes=max_changes)
    made = case.scheduled()
    assert case.floor(made).sum() == 11 * SLOTS_PER_HOUR
    assert steps_of(made) == [("09:00", 1)]


def limited(*needs: int, current: int, up: int | None = None, down: int | None = None, **more: Any) -> CapacitySchedule:
    step_limits = StepLimits(max_raise_instances=up, max_lowering_instances=down)
    return schedule(*needs, current=current, min_dwell_seconds=1800, step_limits=step_limits, **more)


def test_where_a_step_is_limited_raising_starts_earlier_one_dwell_for_each_step() -> None:
    # from 2 to 11 by 3: at 08:55 the last of three steps, the dwell of half an hour between them
    made = limited(2, 2, 2, 11, current=2, up=3)
    assert steps_of(made) == [("07:55", 5), ("08:25", 8), ("08:55", 11)]
    assert [f"{step.need_at_utc:%H:%M}" for step in made.steps] == ["09:00", "09:00", "09:00"]
    assert made.shortfalls == ()


def test_where_a_lowering_is_limited_it_takes_several() -> None:
    made = limited(9, 2, 2, current=9, down=3)
    assert steps_of(made) == [("07:00", 6), ("07:30", 3), ("08:00", 2)]


def test_steps_that_take_every_change_leave_none_for_a_lowering() -> None:
    # 9 at 08:00 and 2 around it; two raises by at most 4 take both changes, so 9 stand to the end
    assert steps_of(limited(2, 2, 9, 2, current=2, up=4, max_changes=2)) == [("07:25", 5), ("07:55", 9)]


def test_what_the_limit_keeps_from_coming_in_time_comes_as_soon_as_it_can_and_is_reported() -> None:
    # from 06:06 on 5, 8, 11, 12 each half hour; 12 are needed from 06:55 (lead time) for 07:00: 8 are there
    made = limited(2, 12, 12, current=2, up=3)
    assert steps_of(made) == [("06:06", 5), ("06:36", 8), ("07:06", 11), ("07:36", 12)]
    assert made.shortfalls == (
        CapacityShortfall(need_at_utc=at("07:00"), required_instances=12, reachable_instances=8),
    )


def test_what_stands_outside_the_bounds_may_come_to_them_at_once() -> None:
    bounds = Bounds(min_instances=4, max_instances=10)
    assert steps_of(limited(4, current=30, down=3, bounds=bounds)) == [("06:06", 7), ("06:36", 4)]
    assert steps_of(limited(7, current=0, up=3, bounds=bounds)) == [("06:06", 7)]


def test_a_limit_that_no_step_meets_changes_nothing() -> None:
    needs = (3, 9, 1, 4, 4, 12, 2)
    assert limited(*needs, current=5, up=11, down=11) == limited(*needs, current=5)


def test_step_limits_without_a_dwell_are_refused() -> None:
    with pytest.raises(ValueError, match="step limits need a dwell"):
        schedule(5, current=2, step_limits=StepLimits(max_raise_instances=1))


def test_a_search_beyond_the_memory_of_a_task_is_refused_with_what_to_do() -> None:
    needs = tuple(int(number) for number in np.random.default_rng(1).integers(1, 100_000, 168))
    bounds = Bounds(min_instances=1, max_instances=100_000)
    with pytest.raises(ValueError, match="set no step limits, or larger ones"):
        limited(*needs, current=50_000, up=2000, down=1000, bounds=bounds)
    assert limited(*needs, current=50_000, bounds=bounds).steps
