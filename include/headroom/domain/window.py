"""Half-open UTC windows of time: what a run is about, and the only way a run learns it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 2000, 2200
"""Times of other years are slips of the finger."""


def as_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; ValueError where it is naive, since guessing its zone loses data, or no year in UTC."""
    if moment.tzinfo is None:
        message = f"a time without zone: {moment.isoformat()}; expected one such as 2026-11-18T06:00:00+00:00"
        raise ValueError(message)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        message = f"{moment.isoformat()} is in none of the years 1 to 9999 in UTC"
        raise ValueError(message) from error


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the UTC hour that `moment` lies in."""
    return as_utc(moment).replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    """Return the start of the UTC day that `moment` lies in."""
    return floor_hour(moment).replace(hour=0)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span [start_utc, end_utc) of time in UTC."""

    start_utc: datetime
    end_utc: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_utc", as_utc(self.start_utc))
        object.__setattr__(self, "end_utc", as_utc(self.end_utc))
        if self.end_utc <= self.start_utc:
            message = f"window ends at {self.end_utc.isoformat()}, not after its start {self.start_utc.isoformat()}"
            raise ValueError(message)

    @classmethod
    def hour_of(cls, moment: datetime) -> "Window":
        """Return the UTC hour that holds `moment`."""
        start = floor_hour(moment)
        return cls(start, start + HOUR)

    @classmethod
    def day_of(cls, moment: datetime) -> "Window":
        """Return the UTC day that holds `moment`."""
        start = floor_day(moment)
        return cls(start, start + DAY)

    @property
    def day(self) -> date:
        """The UTC date of the window's start."""
        return self.start_utc.date()

    def hours(self) -> Iterator["Window"]:
        """Yield the window's hours in order; the window must start and end on the hour."""
        if floor_hour(self.start_utc) != self.start_utc or floor_hour(self.end_utc) != self.end_utc:
            message = f"window {self} does not start and end on the hour"
            raise ValueError(message)
        start = self.start_utc
        while start < self.end_utc:
            yield Window(start, start + HOUR)
            start += HOUR

    def days(self) -> Iterator["Window"]:
        """Yield the whole UTC days that the window touches, in order."""
        start = floor_day(self.start_utc)
        while start < self.end_utc:
            yield Window(start, start + DAY)
            start += DAY
