"""The oracles: a day small enough to go through by hand, and against every path there is."""

from itertools import product

import numpy as np
import pytest

from headroom.simulation.oracle import UnreachableTargetError, kept_where_every_step_does, least_cost

# Requests that 0, 1, 2 instances keep in each of four steps.
KEPT = np.array([[0.0, 10.0, 10.0], [0.0, 10.0, 20.0], [0.0, 10.0, 10.0], [0.0, 10.0, 20.0]])
SHARED = {"step_seconds": 3600.0, "usd_per_hour": 1.0, "least_instances": 1}


def test_between_two_peaks_it_is_cheaper_to_keep_an_instance_than_to_launch_it_again() -> None:
    # An hour of a second instance costs 1 USD, a launch the lead of two hours: 2 USD. Kept: 1+2+2+2 and one launch.
    kept = least_cost(KEPT, target_requests=60.0, lead_time_seconds=7200.0, **SHARED)
    assert kept.instances.tolist() in ([1, 2, 2, 2], [2, 2, 2, 2])  # starting with two costs 1 and saves a launch of 2
    assert kept.cost_usd == 8.0
    # A launch that costs nothing lets it go in between: 1+2+1+2.
    free = least_cost(KEPT, target_requests=60.0, lead_time_seconds=0.0, **SHARED)
    assert free.instances.tolist() == [1, 2, 1, 2]
    assert free.cost_usd == 6.0
    assert free.bound_usd == pytest.approx(6.0)


def test_changes_on_the_hour_hold_for_the_whole_hour() -> None:
    found = least_cost(KEPT, target_requests=60.0, lead_time_seconds=0.0, steps_between_changes=2, **SHARED)
    assert found.instances.tolist() == [2, 2, 2, 2]
    assert found.cost_usd == 8.0


def test_more_than_all_can_keep_is_refused() -> None:
    with pytest.raises(UnreachableTargetError, match="61 requests are to be kept, 60 can be"):
        least_cost(KEPT, target_requests=61.0, lead_time_seconds=0.0, **SHARED)


def test_the_target_is_what_the_fewest_instances_that_hold_the_percentile_keep() -> None:
    # 95 % of 20 takes two instances where they keep 20; of 10 one is enough.
    arriving = np.array([10.0, 20.0, 10.0, 20.0])
    assert kept_where_every_step_does(KEPT, arriving, percentile=95.0) == 60.0
    assert kept_where_every_step_does(KEPT, arriving, percentile=50.0) == 40.0


@pytest.mark.parametrize("seed", range(20))
def test_no_path_that_keeps_as_many_costs_less_than_the_bound(seed: int) -> None:
    random = np.random.default_rng(seed)
    kept = np.cumsum(random.uniform(0, 10, (5, 4)), axis=1)
    kept[:, 0] = 0.0
    lead = float(random.integers(0, 3)) * 3600.0
    target = float(kept.max(axis=1).sum() * random.uniform(0.3, 1.0 - 1e-6))
    found = least_cost(kept, target_requests=target, lead_time_seconds=lead, **{**SHARED, "least_instances": 0})
    assert found.kept_requests >= target
    costs = [
        sum(path) + np.maximum(np.diff(path), 0).sum() * lead / 3600.0
        for path in product(range(4), repeat=5)
        if kept[np.arange(5), path].sum() >= target
    ]
    assert found.bound_usd <= min(costs) + 1e-9
    assert found.cost_usd >= min(costs) - 1e-9
