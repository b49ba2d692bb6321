import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.sandbox.world_capacity import FleetCapacity
from headroom.sandbox.world_interface import TargetTracking

ZONES = ("a", "b", "c")
TRACKING = TargetTracking(
    policy_name="half",
    predefined_metric="ECSServiceAverageCPUUtilization",
    target_value=50.0,
    target_utilization_fraction=0.5,
    scale_out_cooldown_seconds=60,
    scale_in_cooldown_seconds=300,
)


def fleet(
    *,
    minimum: int = 2,
    maximum: int = 10,
    desired: int = 4,
    lead_minutes: int = 5,
    reactive: TargetTracking | None = None,
) -> FleetCapacity:
    return FleetCapacity(
        zones=ZONES,
        lead_minutes=lead_minutes,
        minimum=minimum,
        maximum=maximum,
        desired=desired,
        rate_per_instance=10.0,
        reactive=reactive,
    )


def constant(rate: float) -> "np.typing.NDArray[np.float64]":
    return np.full(1000, rate)


def test_a_fleet_opens_with_its_desired_instances_in_service() -> None:
    capacity = fleet()
    capacity.run_until(3, constant(0.0))
    assert list(capacity.in_service) == [4, 4, 4]
    assert list(capacity.entered_service) == [0, 0, 0]


def test_new_instances_run_at_once_and_serve_after_the_lead_time() -> None:
    capacity = fleet(lead_minutes=5)
    capacity.run_until(2, constant(0.0))
    capacity.apply(minimum=6, maximum=None, desired=None)
    capacity.run_until(10, constant(0.0))
    # Launched at minute 2, ready at minute 7.
    assert list(capacity.running_counts) == [4, 4, 6, 6, 6, 6, 6, 6, 6, 6]
    assert list(capacity.in_service) == [4, 4, 4, 4, 4, 4, 4, 6, 6, 6]
    assert list(capacity.entered_service) == [0, 0, 0, 0, 0, 0, 0, 2, 0, 0]


def test_raising_the_minimum_above_desired_raises_desired() -> None:
    capacity = fleet(minimum=2, desired=4)
    capacity.apply(minimum=7, maximum=None, desired=None)
    assert (capacity.minimum, capacity.maximum, capacity.desired) == (7, 10, 7)


def test_lowering_the_minimum_leaves_desired_alone() -> None:
    capacity = fleet(minimum=4, desired=4)
    capacity.apply(minimum=1, maximum=None, desired=None)
    assert capacity.desired == 4


def test_lowering_the_maximum_below_desired_lowers_desired_at_once() -> None:
    capacity = fleet(desired=8)
    capacity.apply(minimum=None, maximum=5, desired=None)
    capacity.run_until(1, constant(0.0))
    assert (capacity.desired, list(capacity.in_service)) == (5, [5])


@pytest.mark.parametrize(
    ("minimum", "maximum", "desired"),
    [(11, None, None), (None, 1, None), (None, None, 11), (None, None, 1), (-1, 5, 3)],
)
def test_what_does_not_fit_the_bounds_is_refused_and_changes_nothing(
    minimum: int | None, maximum: int | None, desired: int | None
) -> None:
    capacity = fleet(minimum=2, maximum=10, desired=4)
    with pytest.raises(ValueError, match=r"minimum|desired"):
        capacity.apply(minimum=minimum, maximum=maximum, desired=desired)
    assert (capacity.minimum, capacity.maximum, capacity.desired) == (2, 10, 4)


def test_instances_spread_over_zones_and_the_newest_of_the_fullest_goes_first() -> None:
    capacity = fleet(desired=4)
    assert [run.zone for run in capacity.running] == ["a", "b", "c", "a"]
    capacity.apply(minimum=None, maximum=None, desired=3)
    assert [run.zone for run in capacity.running] == ["a", "b", "c"]
    assert [run.number for run in capacity.ended] == [3]


def test_an_instance_that_is_not_ready_can_be_taken_back() -> None:
    capacity = fleet(desired=3)
    capacity.apply(minimum=None, maximum=None, desired=6)
    capacity.run_until(2, constant(0.0))
    capacity.apply(minimum=None, maximum=None, desired=3)
    capacity.run_until(9, constant(0.0))
    assert list(capacity.in_service) == [3] * 9
    assert [run.ended - run.launched for run in capacity.ended if run.ended is not None] == [2, 2, 2]


def test_target_tracking_scales_out_after_three_minutes_above_its_target() -> None:
    capacity = fleet(minimum=2, desired=4, reactive=TRACKING)
    # 4 instances can do 40 a second; 30 is 75 % busy, and 50 % needs 6.
    capacity.run_until(2, constant(30.0))
    assert capacity.desired == 4
    capacity.run_until(3, constant(30.0))
    assert capacity.desired == 6


def test_target_tracking_scales_in_after_fifteen_minutes_well_below() -> None:
    capacity = fleet(minimum=1, desired=4, reactive=TRACKING)
    # 4 a second on 4 instances is 10 % busy; one instance at 50 % does 5.
    capacity.run_until(14, constant(4.0))
    assert capacity.desired == 4
    capacity.run_until(15, constant(4.0))
    assert capacity.desired == 1


def test_target_tracking_rests_just_below_its_target() -> None:
    capacity = fleet(minimum=1, desired=4, reactive=TRACKING)
    capacity.run_until(60, constant(19.0))  # 47.5 % busy: below 50 %, not below 45 %
    assert capacity.desired == 4


def test_target_tracking_stays_inside_the_bounds() -> None:
    capacity = fleet(minimum=3, maximum=5, desired=4, reactive=TRACKING)
    capacity.run_until(30, constant(1000.0))
    assert capacity.desired == 5
    capacity.run_until(90, constant(0.0))
    assert capacity.desired == 3


def test_target_tracking_does_nothing_without_data() -> None:
    capacity = fleet(minimum=1, desired=4, reactive=TRACKING)
    capacity.run_until(60, constant(np.nan))
    assert list(capacity.in_service) == [4] * 60


def test_a_fleet_without_instances_is_left_alone_by_its_policy() -> None:
    capacity = fleet(minimum=0, desired=0, reactive=TRACKING)
    capacity.run_until(30, constant(50.0))
    assert list(capacity.in_service) == [0] * 30


@given(
    changes=st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)), max_size=8
    ),
    is_tracking=st.booleans(),
)
def test_capacity_never_leaves_its_bounds_and_bills_what_ran(
    changes: list[tuple[int, int, int, int]], *, is_tracking: bool
) -> None:
    capacity = fleet(reactive=TRACKING if is_tracking else None)
    minute = 0
    for wait, low, width, desired in changes:
        minute += wait
        capacity.run_until(minute, constant(25.0))
        capacity.apply(minimum=low, maximum=low + width, desired=min(max(desired, low), low + width))
        assert capacity.minimum <= len(capacity.running) == capacity.desired <= capacity.maximum
    capacity.run_until(minute + 30, constant(25.0))
    assert all(
        serving <= running for serving, running in zip(capacity.in_service, capacity.running_counts, strict=True)
    )
    # The minutes of all instances are the sum of the instances of all minutes.
    runs = [*capacity.running, *capacity.ended]
    minutes = sum((capacity.minute if run.ended is None else run.ended) - max(run.launched, 0) for run in runs)
    assert minutes == sum(capacity.running_counts)


def test_a_shortage_launches_no_more_than_the_zones_have_and_the_rest_once_they_have_it() -> None:
    made = fleet(desired=2)
    made.limit_launches(4)
    made.apply(minimum=7, maximum=None, desired=None)
    made.run_until(10, constant(0.0))
    assert (made.desired, made.in_service_now) == (7, 4)
    # fewer than run already: nobody is sent away
    made.limit_launches(1)
    made.run_until(20, constant(0.0))
    assert made.in_service_now == 4
    made.limit_launches(None)
    made.run_until(25, constant(0.0))
    assert made.in_service_now == 7
