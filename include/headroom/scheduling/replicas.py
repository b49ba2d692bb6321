"""What a KEDA ScaledObject can be asked for: counts inside its owner's bounds, and raises that are followed. Pure.

KEDA hands a cron trigger's count to a HorizontalPodAutoscaler, which leaves what runs as it is while the count asked
for is within a tenth of it (Kubernetes documentation, "Horizontal Pod Autoscaling", algorithm details: tolerance, 0.1
by default; kedacore/keda issues 5263 and 7900, read 2026-11). A raise from 20 to 22 would never come.
"""

from headroom.domain.fleet import Bounds
from headroom.domain.scaling import CapacitySetting, ScalingApi


def reachable_bounds(bounds: Bounds, owned: CapacitySetting, *, api: ScalingApi) -> Bounds:
    """Return the bounds that a floor at the target can have: ours, and at KEDA inside the owner's, which we never set.

    ValueError where both have no count in common.
    """
    if api is not ScalingApi.KEDA:
        return bounds
    least = max(bounds.min_instances, owned.min_instances or 0)
    most = bounds.max_instances if owned.max_instances is None else min(bounds.max_instances, owned.max_instances)
    if least > most:
        raise ValueError(
            f"bounds of {bounds.min_instances} to {bounds.max_instances} instances and the ScaledObject's "
            f"{owned.min_instances} to {owned.max_instances} replicas have no count in common",
        )
    return Bounds(min_instances=least, max_instances=most)


def replicas_asked(needed: int, *, running: int, most: int) -> int:
    """Return how many replicas to ask for so that at least `needed` run, `running` do now; so many run then.

    A raise asks for more than a tenth above what runs, `most` permitting. A lowering within a tenth would not be
    followed, which leaves nobody short: what runs is asked for, so that the floor says what is billed.

    >>> replicas_asked(22, running=20, most=60), replicas_asked(20, running=22, most=60)
    (23, 22)
    """
    if needed > running:
        return max(needed, min(11 * running // 10 + 1, most))
    return needed if 10 * needed < 9 * running else min(running, most)
