"""What is known of days ahead: public holidays by country, events that return, and windows to leave out of history."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Hours
from headroom.domain.event import CalendarEvent, EventKind

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Holidays of one country (None: none) and events; an unknown country has no holidays rather than no forecast."""

    country: str | None = None
    events: tuple[CalendarEvent, ...] = ()

    def holiday_flags(self, hours: Hours) -> Flags:
        """Return, per hour, whether its UTC day is a public holiday."""
        if self.country is None or not len(hours):
            return np.zeros(len(hours), dtype=bool)
        days = hours.astype("datetime64[D]")
        first, last = (day.astype(date) for day in (days[0], days[-1]))
        found = np.array(_holidays(self.country, first.year, last.year), dtype="datetime64[D]")
        flags: Flags = np.isin(days, found)
        return flags

    def excluded_flags(self, hours: Hours) -> Flags:
        """Return, per hour, whether it lies in a window the owner left out of history."""
        flags: Flags = np.zeros(len(hours), dtype=bool)
        for event in self.events:
            if event.kind is EventKind.EXCLUSION:
                flags |= _covered(event, hours)
        return flags

    def event_flags(self, hours: Hours) -> dict[str, Flags]:
        """Return, by kind of event in order, the hours its occurrences cover: events of a kind share one effect."""
        flags: dict[str, Flags] = {}
        for event in sorted(self.events, key=lambda event: event.kind):
            if event.kind is not EventKind.EXCLUSION:
                before = flags.get(event.kind, np.zeros(len(hours), dtype=bool))
                flags[event.kind] = before | _covered(event, hours)
        return flags


def _covered(event: CalendarEvent, hours: Hours) -> Flags:
    """Return, per hour, whether any part of it lies inside the event."""
    start, end = (
        np.datetime64(moment.replace(tzinfo=None), "s") for moment in (event.starts_at_utc, event.ends_at_utc)
    )
    flags: Flags = (hours < end) & (hours + np.timedelta64(1, "h") > start)
    return flags


@cache
def _holidays(country: str, first_year: int, last_year: int) -> tuple[date, ...]:
    import holidays  # noqa: PLC0415  # 0.3 s, and only forecasts need it

    try:
        found = holidays.country_holidays(country, years=range(first_year, last_year + 1))
    except NotImplementedError:
        return ()
    return tuple(sorted(found))
