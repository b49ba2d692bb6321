"""What the reactive incumbents share: seconds become steps of the replay, and nothing stands under the reaction."""

import math

import numpy as np

from headroom.simulation.engine import CapacityPlan, Reaction
from headroom.simulation.policy import Scene


def steps_in(scene: Scene, seconds: float) -> int:
    """Return the fewest steps that last at least so long, and at least one: nothing is measured more often."""
    return max(1, math.ceil(seconds / scene.step_seconds - 1e-9))


def react(scene: Scene, reaction: Reaction) -> CapacityPlan:
    """Return the plan of a policy that only reacts: the fleet's minimum is the floor."""
    return scene.holding(np.zeros(scene.steps, dtype=np.int64), reaction)
