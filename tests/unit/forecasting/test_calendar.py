from datetime import timedelta

import numpy as np
from tests.unit.forecasting.demand_examples import MONDAY

from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.series import ONE_HOUR

HOURS = np.datetime64("2026-11-25T00:00:00", "s") + ONE_HOUR * np.arange(72)


def event(kind: EventKind, starts_after_hours: float, lasts_minutes: float) -> CalendarEvent:
    starts = MONDAY + timedelta(hours=starts_after_hours)
    return CalendarEvent(
        name="event", kind=kind, starts_at_utc=starts, ends_at_utc=starts + timedelta(minutes=lasts_minutes)
    )


def test_holidays_last_from_midnight_to_midnight_by_the_country_s_own_clock() -> None:
    flags = Calendar(country="US").holiday_flags(HOURS)  # Thanksgiving is 2026-11-26, New York five hours behind UTC
    assert np.flatnonzero(flags).tolist() == list(range(24 + 5, 48 + 5))
    assert not Calendar(country="DE").holiday_flags(HOURS).any()
    new_year = np.datetime64("2026-12-31T00:00:00", "s") + ONE_HOUR * np.arange(48)
    in_sydney = Calendar(country="AU").holiday_flags(new_year)  # eleven hours before UTC
    assert np.flatnonzero(in_sydney).tolist() == list(range(24 - 11, 48 - 11))


def test_flags_leave_out_kinds_that_never_occur() -> None:
    launch = event(EventKind.LAUNCH, 2, 60)
    hours = np.datetime64("2026-10-05T00:00:00", "s") + ONE_HOUR * np.arange(6)
    assert Calendar().flags(hours) == {}
    told = Calendar(country="DE", events=(launch,)).flags(hours)
    assert {kind: flags.tolist() for kind, flags in told.items()} == {
        "event_launch": [False, False, True, False, False, False]
    }


def test_no_country_or_an_unknown_one_means_no_holidays() -> None:
    assert not Calendar().holiday_flags(HOURS).any()
    assert not Calendar(country="XX").holiday_flags(HOURS).any()


def test_an_event_covers_every_hour_it_touches() -> None:
    hours = np.datetime64("2026-10-05T00:00:00", "s") + ONE_HOUR * np.arange(6)
    launch = event(EventKind.LAUNCH, 1.5, 60)  # 01:30 to 02:30
    calendar = Calendar(events=(launch, event(EventKind.LAUNCH, 5, 10), event(EventKind.EXCLUSION, 0, 60)))
    assert calendar.event_flags(hours)["launch"].tolist() == [False, True, True, False, False, True]
    assert calendar.excluded_flags(hours).tolist() == [True, False, False, False, False, False]
    assert list(calendar.event_flags(hours)) == ["launch"]
