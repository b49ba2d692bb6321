"""What must never happen in an incumbent's replay.

- Demand after a step changes no floor and no instance at work at that step or before: nothing reads past its clock.
- The same scene gives the same bytes.
- Counts stay inside the fleet's bounds.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulation.incumbents.small_scene import play, scene

from headroom.domain.demand import Floats
from headroom.simulation.incumbents import INCUMBENTS, Dynamo
from headroom.simulation.policy import Policy, Scene

HISTORY_STEPS, STEPS = 12 * 24 * 4, 12 * 30
MOST = 60
POLICIES = {
    **INCUMBENTS,
    "dynamo_constant": Dynamo(load_predictor="constant"),
    "dynamo_kalman": Dynamo(load_predictor="kalman"),
}

each_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))


def demand(seed: int, scale: float) -> Floats:
    """Days with a shape, bursts, and minutes without anything."""
    random = np.random.default_rng(seed)
    steps = np.arange(HISTORY_STEPS + STEPS)
    daily = 1.0 + 0.8 * np.sin(2.0 * np.pi * steps / 288.0)
    rates: Floats = scale * daily * random.gamma(4.0, 0.25, len(steps)) * (random.random(len(steps)) > 0.02)
    return rates


def scene_of(rates: Floats, lead_time_seconds: float = 600.0) -> Scene:
    return scene(
        rates,
        history_steps=HISTORY_STEPS,
        step_seconds=300.0,
        lead_time_seconds=lead_time_seconds,
        most=MOST,
        least=2,
    )


SEEDS = st.integers(min_value=0, max_value=10_000)
SCALES = st.sampled_from([0.0, 0.5, 60.0, 200.0])
CHANGES = st.tuples(st.integers(min_value=0, max_value=STEPS - 2), st.sampled_from([0.0, 20.0]))
"""After which step demand is another, and by what factor."""
LEADS = st.sampled_from([0.0, 600.0, 90_000.0, 604_800.0])
"""Up to the longest that fleets.yaml may name: what opens that early may not know more for it."""


@each_policy
@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, scale=SCALES, change=CHANGES, lead=LEADS)
def test_demand_after_a_step_changes_nothing_at_it_or_before(
    policy: Policy, seed: int, scale: float, change: tuple[int, float], lead: float
) -> None:
    step, factor = change
    rates = demand(seed, scale)
    other = rates.copy()
    other[HISTORY_STEPS + step + 1 :] = factor * rates[HISTORY_STEPS + step + 1 :] + 1.0
    first, second = scene_of(rates, lead), scene_of(other, lead)
    # what step `step` brings is measured only after it, so even the floor of the next step may not differ
    floors = [policy.plan(each).floors[:, : step + 2].tolist() for each in (first, second)]
    ready = [play(policy, each).ready[:, : step + 2].tolist() for each in (first, second)]
    assert floors[0] == floors[1]
    assert ready[0] == ready[1]


@each_policy
@settings(deadline=None, max_examples=5)
@given(seed=SEEDS, scale=SCALES)
def test_the_same_scene_gives_the_same_bytes_inside_the_bounds(policy: Policy, seed: int, scale: float) -> None:
    of = scene_of(demand(seed, scale))
    first, second = play(policy, of), play(policy, of)
    assert first.ready.tobytes() == second.ready.tobytes()
    assert first.billed.tobytes() == second.billed.tobytes()
    assert first.slower_requests.tobytes() == second.slower_requests.tobytes()
    assert (first.wanted >= 2).all()
    assert (first.wanted <= MOST).all()
    assert (first.ready <= MOST).all()
