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


def test_holidays_are_whole_utc_days_of_the_country() -> None:
    flags = Calendar(country="US").holiday_flags(HOURS)  # Thanksgiving is 2026-11-26
    assert np.flatnonzero(flags).tolist() == list(range(24, 48))
    assert not Calendar(country="DE").holiday_flags(HOURS).any()


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
