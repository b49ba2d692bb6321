from itertools import product

import pytest
from tests.unit.scheduling.small_plan import DEPLOYMENT, FLEET, plan
from tests.unit.scheduling.test_actions import KEDA, LOWER, RAISE, RESTORE, actions, baseline_of, rows

from headroom.domain.fleet import Bounds, StepLimits
from headroom.domain.scaling import CapacitySetting, ScalingApi
from headroom.scheduling import actions_for, reachable_bounds
from headroom.scheduling.replicas import replicas_asked


@pytest.mark.parametrize(
    ("running", "needed", "asked"),
    [
        (5, 8, 8),  # 8 / 5 = 1.6
        (9, 10, 10),  # 10 / 9 = 1.11
        (10, 11, 12),  # 11 / 10 = 1.1: within the tolerance; 12 is the first above it
        (20, 21, 23),
        (20, 23, 23),
        (20, 40, 40),
        (30, 31, 33),  # 34 would be followed, and 33 is the most there may be
        (0, 1, 1),
        (20, 20, 20),
        (20, 18, 20),  # 18 / 20 = 0.9: not followed, so 20 stay
        (20, 17, 17),  # 0.85
        (40, 38, 33),  # 40 stand above the most there may be
    ],
)
def test_a_raise_asks_for_what_the_autoscaler_follows(running: int, needed: int, asked: int) -> None:
    assert replicas_asked(needed, running=running, most=33 if asked == 33 else 60) == asked


def test_what_is_asked_for_runs_and_is_enough() -> None:
    for running, needed in product(range(41), range(1, 41)):
        asked = replicas_asked(needed, running=running, most=60)
        # The autoscaler leaves what runs while the count asked for is within a tenth of it.
        is_left = running > 0 and abs(1 - asked / running) <= 0.1
        assert (running if is_left else asked) == asked >= needed


def test_plans_stay_inside_the_owners_counts_at_keda_alone() -> None:
    ours, owned = Bounds(min_instances=1, max_instances=30), CapacitySetting(min_instances=2, max_instances=20)
    assert reachable_bounds(ours, owned, api=KEDA) == Bounds(min_instances=2, max_instances=20)
    narrow = Bounds(min_instances=4, max_instances=10)
    assert reachable_bounds(narrow, owned, api=KEDA) == narrow
    assert reachable_bounds(ours, owned, api=ScalingApi.EC2_AUTO_SCALING) == ours
    with pytest.raises(ValueError, match="bounds of 25 to 30 instances and the ScaledObject's 2 to 20 replicas"):
        reachable_bounds(Bounds(min_instances=25, max_instances=30), owned, api=KEDA)


def test_small_steps_of_a_plan_for_keda_are_made_large_enough_or_left_out() -> None:
    # 10 stand. 11 is asked for as 12, so 12 is there already, 11 and 12 need no action, 10 is 0.83 of 12.
    made = actions(plan(("08:00", 11), ("10:00", 12), ("12:00", 11), ("14:00", 10)), api=KEDA, current=10)
    assert rows(made) == [
        ("08:00", RAISE, 12, None, None),
        ("14:00", LOWER, 10, None, None),
        ("20:00", RESTORE, 2, 20, None),
    ]


def test_no_more_is_asked_for_than_the_owners_maximum() -> None:
    made = actions(plan(("08:00", 20)), api=KEDA, current=19)
    assert rows(made)[0] == ("08:00", RAISE, 20, None, None)


def test_step_limits_are_kept_to_the_letter() -> None:
    made = actions_for(
        FLEET,
        plan(("08:00", 11), ("10:00", 12)),
        deployment=DEPLOYMENT,
        api=KEDA,
        has_reactive_policy=False,
        has_predictive_policy=False,
        baseline=baseline_of(KEDA),
        bounds=Bounds(min_instances=1, max_instances=30),
        current_instances=10,
        step_limits=StepLimits(max_raise_instances=1),
    )
    assert [row[2] for row in rows(made)] == [11, 12, 2]
