from tests.unit.scheduling.small_plan import at, plan, requirement

from headroom.scheduling import floor_at, hourly_floor, mean_floor

HOURS = requirement(0, 0, 0, 0).hours  # 06:00 to 09:00


def test_the_floor_is_what_stands_until_the_first_step_and_then_the_last_steps() -> None:
    made = plan(("07:30", 6), ("09:00", 3))
    clocks = ("07:29", "07:30", "08:59", "09:00")
    assert [floor_at(made, at(clock), current_instances=2) for clock in clocks] == [2, 6, 6, 3]


def test_an_hour_holds_its_least() -> None:
    made = plan(("06:55", 6), ("08:30", 3), ("09:00", 4))
    assert hourly_floor(made, HOURS, current_instances=2).tolist() == [6, 6, 3, 4]


def test_the_hour_of_the_first_step_counts_from_that_step() -> None:
    assert hourly_floor(plan(("06:06", 8), ("07:00", 3)), HOURS, current_instances=2).tolist() == [8, 3, 3, 3]
    assert hourly_floor(plan(("06:06", 8), ("06:30", 3)), HOURS, current_instances=2).tolist() == [3, 3, 3, 3]
    assert hourly_floor(plan(("06:00", 5), ("06:30", 6)), HOURS, current_instances=2).tolist() == [5, 6, 6, 6]


def test_without_steps_what_stands_is_held() -> None:
    assert hourly_floor(plan(), HOURS, current_instances=2).tolist() == [2, 2, 2, 2]


def test_the_mean_floor_is_instance_hours() -> None:
    # 06: 2 for 30 min, 6 for 30 min = 4; 07 and 08: 6; 09: 3
    made = plan(("06:30", 6), ("09:00", 3))
    assert mean_floor(made, HOURS, current_instances=2).tolist() == [4.0, 6.0, 6.0, 3.0]
