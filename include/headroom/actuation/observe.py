"""Looking at a target before anything is planned for it."""

from datetime import datetime

from headroom.actuation.baseline import Adoption, adopt
from headroom.actuation.ledger import Ledger
from headroom.actuation.target import ScalingTarget
from headroom.actuation.write import IsOurs


def observe_target(target: ScalingTarget, ledger: Ledger, *, is_ours: IsOurs, now_utc: datetime) -> Adoption:
    """Read a target and tell the owner's baseline, writing nothing anywhere; raise ActuationError when it fails.

    Plans start from this: the state says which policies are present, the baseline what the last action gives back.
    """
    state = target.read(now_utc=now_utc)
    return adopt(state, ledger.memory(target.fleet_id, now_utc=now_utc), is_ours=is_ours)
