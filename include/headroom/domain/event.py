"""The events calendar: what the owner knows that no history can tell (launches, sales, deploys, spans to leave out)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS
from headroom.domain.window import Window


class EventKind(StrEnum):
    """What an event means for demand: an exclusion's hours are never learned from."""

    LAUNCH = "launch"
    SALE = "sale"
    DEPLOY = "deploy"
    EXCLUSION = "exclusion"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """One event over [starts_at_utc, ends_at_utc); `fleets` are the ids it concerns, empty meaning all."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    name: str
    kind: EventKind
    starts_at_utc: datetime
    ends_at_utc: datetime
    fleets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            message = "expected the event's name"
            raise ValueError(message)
        window = Window(self.starts_at_utc, self.ends_at_utc)
        object.__setattr__(self, "starts_at_utc", window.start_utc)
        object.__setattr__(self, "ends_at_utc", window.end_utc)

    @property
    def window(self) -> Window:
        """The span of the event."""
        return Window(self.starts_at_utc, self.ends_at_utc)

    def concerns(self, fleet_id: str) -> bool:
        """Return whether the event is about the fleet `fleet_id`."""
        return not self.fleets or fleet_id in self.fleets
