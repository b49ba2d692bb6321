"""Interruption risk, the spot mix and its manifests; pure."""

from headroom.spot.interruption import InterruptionEstimate, estimate_interruption
from headroom.spot.joint_risk import shortage_probability
from headroom.spot.manifest import mixed_instances_policy
from headroom.spot.mix import PoolOffer, plan_spot_mix

__all__ = [
    "InterruptionEstimate",
    "PoolOffer",
    "estimate_interruption",
    "mixed_instances_policy",
    "plan_spot_mix",
    "shortage_probability",
]
