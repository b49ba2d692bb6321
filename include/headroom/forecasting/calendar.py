"""What is known of days ahead: public holidays by country, events that return, and windows to leave out of history."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Hours
from headroom.domain.event import CalendarEvent, EventKind

Flags = npt.NDArray[np.bool_]
HOLIDAY: Final = "holiday"
_MOST_POPULOUS_ZONES: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
}
"""Where tzdata's list begins at a country's far end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Holidays of one country (None: none) and events; an unknown country has no holidays rather than no forecast."""

    country: str | None = None
    events: tuple[CalendarEvent, ...] = ()

    def holiday_flags(self, hours: Hours) -> Flags:
        """Return, per hour, whether it is of a public holiday, midnight to midnight by the country's clock."""
        if self.country is None or not len(hours):
            return np.zeros(len(hours), dtype=bool)
        first, last = (hour.astype("datetime64[D]").astype(date).year for hour in (hours[0], hours[-1]))
        starts, ends = _holidays(self.country, first, last)
        flags: Flags = np.searchsorted(starts, hours, side="right") > np.searchsorted(ends, hours, side="right")
        return flags

    def flags(self, hours: Hours) -> dict[str, Flags]:
        """Return holiday and event flags by kind, without the kinds that none of `hours` is flagged by."""
        named = {HOLIDAY: self.holiday_flags(hours)}
        named |= {f"event_{kind}": flags for kind, flags in self.event_flags(hours).items()}
        return {name: flags for name, flags in named.items() if flags.any()}

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
def _holidays(country: str, first_year: int, last_year: int) -> tuple[Hours, Hours]:
    """Return when the country's holidays start and end in UTC, ascending, with those of the years before and after."""
    import holidays  # noqa: PLC0415  # 0.3 s, and only forecasts need it

    try:
        days = sorted(holidays.country_holidays(country, years=range(first_year - 1, last_year + 2)))
    except NotImplementedError:
        days = []
    zone = _time_zone(country)
    edges = [[_midnight_utc(day + timedelta(days=after), zone) for day in days] for after in (0, 1)]
    starts, ends = (np.array(moments, dtype="datetime64[s]") for moments in edges)
    return starts, ends


def _midnight_utc(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


@cache
def _time_zone(country: str) -> ZoneInfo:
    """Return the zone that most of a country lives in: the first that tzdata names, but for four countries."""
    if country in _MOST_POPULOUS_ZONES:
        return ZoneInfo(_MOST_POPULOUS_ZONES[country])
    lines = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines()
    zones = (line.split("\t")[2] for line in lines if line.startswith(f"{country}\t"))
    return ZoneInfo(next(zones, "UTC"))
