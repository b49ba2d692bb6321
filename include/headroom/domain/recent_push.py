"""A push as a person who may take it back sees it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentPush:
    """One push that meant to write: what it did, how it ended, who asked for it, and whether it was taken back."""

    push_id: str
    moment_utc: datetime
    ended: str
    created: int
    replaced: int
    deleted: int
    rolls_back: str = ""
    """The push that this one took back; empty where it is none of that kind."""
    who: str = ""
    why: str = ""
    taken_back_by: str = ""
    """Who took it back and why, in words; empty while it stands."""

    @property
    def is_taken_back(self) -> bool:
        """Whether what stood before it stands again."""
        return bool(self.taken_back_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPushes:
    """A fleet's newest pushes, the newest first; `unreadable` says why there are none to show."""

    fleet_id: str
    pushes: tuple[RecentPush, ...] = ()
    unreadable: str = ""
