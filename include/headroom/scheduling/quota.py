"""How many scheduled actions a target takes, and how many of them are left for us."""

from typing import Final

from headroom.domain.scaling import ScalingApi, TargetState
from headroom.scheduling.names import is_ours

SCHEDULED_ACTIONS_PER_TARGET: Final = {
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html, read 2026-11; not adjustable
    ScalingApi.EC2_AUTO_SCALING: 125,
    # https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html, read 2026-11
    ScalingApi.APPLICATION_AUTO_SCALING: 200,
    # KEDA sets none; docs/decisions/0026-keda-scaled-objects.md says why 60
    ScalingApi.KEDA: 60,
}
DEFAULT_RESERVE: Final = 10
"""Actions left free for the owner, who must be able to add one by hand in an incident."""
_RESTORES: Final = 2
"""Actions kept for giving the baseline back (headroom.scheduling.actions)."""


def actions_available(state: TargetState, *, deployment: str, fleet_id: str, reserve: int = DEFAULT_RESERVE) -> int:
    """Return how many actions of ours the target may hold: its quota less everybody else's less the reserve."""
    foreign = sum(not is_ours(action, deployment=deployment, fleet_id=fleet_id) for action in state.actions)
    return max(0, SCHEDULED_ACTIONS_PER_TARGET[state.api] - foreign - kept_free(state.api, reserve))


def kept_free(api: ScalingApi, reserve: int) -> int:
    """Return how many actions are left to the owner: `reserve`, set for every kind of target, but at most half."""
    return min(reserve, SCHEDULED_ACTIONS_PER_TARGET[api] // 2)


def max_changes(state: TargetState, *, deployment: str, fleet_id: str, reserve: int = DEFAULT_RESERVE) -> int:
    """Return how many changes a schedule for this target may have.

    Room is kept for the restore. A target of Application Auto Scaling whose maximum is released again after a
    lowering needs two actions a change, so only half of the room is for changes there.
    """
    room = actions_available(state, deployment=deployment, fleet_id=fleet_id, reserve=reserve) - _RESTORES
    needs_release = state.is_scaled_in_by_maximum and state.has_predictive_policy
    return max(0, room // 2 if needs_release else room)
