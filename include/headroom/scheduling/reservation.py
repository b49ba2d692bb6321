"""What to reserve where capacity did not come: how many instances, from when to when, and in which of AWS's ways. Pure.

Headroom only suggests it: a reservation is billed whether it is used or not.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from headroom.domain.scaling import CapacityRequirement
from headroom.domain.window import HOUR

CAPACITY_BLOCK_FAMILIES: Final = frozenset({"p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "trn1", "trn2"})
"""Families with Capacity Blocks for ML somewhere (EC2 User Guide, "Capacity Blocks for ML", supported instance types;
p5en by its earlier edition and the AWS PCS User Guide; read 2026-11). Regions differ; P6e-GB200 comes in UltraServers
only, which no scaling target holds."""
MOST_IN_A_CAPACITY_BLOCK: Final = 64
"""Instances that one block may have, any number up to it (EC2 API Reference, DescribeCapacityBlockOfferings)."""
CAPACITY_BLOCK_ENDS_EARLY: Final = timedelta(minutes=30)
"""Instances in a block are terminated from this long before its end on (same page)."""
_SAGEMAKER: Final = "ml."
_SINGLE_DAYS: Final = 14
_WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationAdvice:
    """`instances` of a type to be there from `starts_at_utc` to `ends_at_utc`; `days` where it is a Capacity Block."""

    instance_type: str
    instances: int
    starts_at_utc: datetime
    ends_at_utc: datetime
    days: int | None = None

    @property
    def kind(self) -> str:
        """AWS's way of reserving the type: in blocks of days, for SageMaker, or from now on."""
        if self.days is not None:
            return "capacity_block"
        is_sagemaker = self.instance_type.startswith(_SAGEMAKER)
        return "ml_capacity_reservation" if is_sagemaker else "on_demand_capacity_reservation"

    def record(self) -> dict[str, Any]:
        """Return it as the plan's JSON keeps it."""
        return {
            "kind": self.kind,
            "instance_type": self.instance_type,
            "instances": self.instances,
            "starts_at_utc": self.starts_at_utc.isoformat(),
            "ends_at_utc": self.ends_at_utc.isoformat(),
            "days": self.days,
            "text": str(self),
        }

    def __str__(self) -> str:
        span = f"{self.starts_at_utc:%Y-%m-%d %H:%MZ} to {self.ends_at_utc:%Y-%m-%d %H:%MZ}"
        counted = f"{self.instances} {self.instance_type}"
        if self.days is None:
            name = "a SageMaker ML" if self.kind == "ml_capacity_reservation" else "an On-Demand"
            return f"{name} capacity reservation of {counted}, {span}"
        sizes = block_sizes(self.instances)
        blocks = f" (in blocks of {', '.join(map(str, sizes))})" if len(sizes) > 1 else ""
        days = "one day" if self.days == 1 else f"{self.days} days"
        return f"a Capacity Block of {days} for {counted}{blocks} that covers {span}"


def advise_reservation(
    requirement: CapacityRequirement,
    *,
    instance_type: str,
    came_instances: float,
    lead_seconds: float,
) -> ReservationAdvice | None:
    """Return what to reserve so that the plan's need is met, `came_instances` being what came lately.

    It reaches from a lead time before the first hour that needs more than came to the end of the last one, and holds
    what the largest of them lacks. None where no hour of the plan needs more.
    """
    came = math.floor(came_instances + 1e-6)
    lacking = np.flatnonzero(requirement.required_instances > came)
    if not len(lacking):
        return None
    starts_at_utc = _moment(requirement.hours[lacking[0]]) - timedelta(seconds=lead_seconds)
    ends_at_utc = _moment(requirement.hours[lacking[-1]]) + HOUR
    is_block = instance_type.partition(".")[0] in CAPACITY_BLOCK_FAMILIES
    if is_block:
        ends_at_utc += CAPACITY_BLOCK_ENDS_EARLY
    return ReservationAdvice(
        instance_type=instance_type,
        instances=int(requirement.required_instances.max()) - came,
        starts_at_utc=starts_at_utc,
        ends_at_utc=ends_at_utc,
        days=_block_days(ends_at_utc - starts_at_utc) if is_block else None,
    )


def block_sizes(instances: int) -> tuple[int, ...]:
    """Return the fewest blocks that hold so many instances, largest first.

    >>> block_sizes(7), block_sizes(130)
    ((7,), (64, 64, 2))
    """
    whole, rest = divmod(instances, MOST_IN_A_CAPACITY_BLOCK)
    return (*[MOST_IN_A_CAPACITY_BLOCK] * whole, *([rest] if rest else []))


def _block_days(span: timedelta) -> int:
    """Return the days of a block that can cover `span`: single days up to 14, whole weeks above (User Guide)."""
    days = math.ceil(span / timedelta(days=1))
    return days if days <= _SINGLE_DAYS else math.ceil(days / _WEEK_DAYS) * _WEEK_DAYS


def _moment(hour: np.datetime64) -> datetime:
    return datetime.fromisoformat(f"{hour.astype('datetime64[s]')}+00:00")
