"""A bound's value over a time, and what set it. Plain data; the fold that finds it is in in_force."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headroom.domain.ledger import LedgerEvent
from headroom.domain.scaling import ActionPurpose, PresentAction


class Source(StrEnum):
    """What gave a bound its value."""

    ADOPTED = "adopted"
    """It stood when Headroom first looked: the owner's baseline."""
    OURS = "ours"
    OTHERS = "others"
    """A scheduled action that is not ours."""
    OWNER_EDIT = "owner_edit"
    UNKNOWN = "unknown"
    """It was seen, and nothing that the ledger knows of set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the ledger says of an action of ours: the intent that put it, and the newest one that wanted it so.

    `planned_by` is the newest intent of a plan among them, None where a rollback alone wanted it; the need and the
    demand it serves are that plan's.
    """

    purpose: ActionPurpose
    put_by: LedgerEvent
    planned_by: LedgerEvent | None
    need_at_utc: datetime
    demand_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A bound's `value` from `since_utc` on, and what set it; None is a bound that the target does not have.

    Where it was only seen at `since_utc`, it may have come about from `not_before_utc` on. `unless` is what holds
    instead if the push that put the action died before the cloud took it; `late` is what an action sets that was due
    when this was seen, and may still run. `is_first_seen`: the events read go back no further, so that what set it is
    not among them.
    """

    since_utc: datetime
    value: int | None
    source: Source
    action: PresentAction | None = None
    asked: Asked | None = None
    event: LedgerEvent | None = None
    not_before_utc: datetime | None = None
    unless: "Held | None" = None
    late: "Held | None" = None
    is_first_seen: bool = False

    def possible(self) -> Iterator[int | None]:
        """Yield the value, and those that may hold instead."""
        yield self.value
        for other in (self.unless, self.late):
            if other is not None:
                yield from other.possible()
