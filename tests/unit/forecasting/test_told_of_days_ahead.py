"""What owners and calendars tell of days ahead, with all members: holidays by country, and events new since the fit."""

from datetime import timedelta

import pytest
from tests.unit.forecasting.demand_examples import after_hours, history_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting import Selection, forecast_fleet, refit_members, select_members
from headroom.forecasting.fleet_forecast import select_provisionally

HOURS = 24 * 17


def event(kind: EventKind, starts_after: int, hours: int = 12) -> CalendarEvent:
    starts = after_hours(starts_after)
    return CalendarEvent(
        name=f"{kind} {starts_after}", kind=kind, starts_at_utc=starts, ends_at_utc=starts + timedelta(hours=hours)
    )


@pytest.fixture(scope="module")
def demand() -> Floats:
    """Three times the usual in twelve hours from noon of day 17: the first time that anything like it happened."""
    values = shaped_demand(HOURS + 24 * 4)
    values[HOURS + 12 : HOURS + 24] *= 3
    return values


@pytest.fixture(scope="module")
def selection(demand: Floats) -> Selection:
    """Chosen and fitted when no event had ever been told of."""
    return select_members(history_of(demand), made_at_utc=after_hours(HOURS))


def median_of(demand: Floats, at: int, selection: Selection, *events: CalendarEvent) -> Floats:
    made_at = after_hours(at)
    made = forecast_fleet(history_of(demand), made_at_utc=made_at, events=events, selection=selection)
    return made.mean_at_level(0.5)


@pytest.mark.thorough
def test_of_a_kind_of_event_that_never_happened_nothing_is_known(demand: Floats, selection: Selection) -> None:
    plain = median_of(demand, HOURS, selection)
    assert median_of(demand, HOURS, selection, event(EventKind.SALE, HOURS + 12)).tolist() == plain.tolist()


@pytest.mark.thorough
def test_a_kind_of_event_that_is_new_since_the_fit_returns_with_its_effect_and_more_so_after_the_refit(
    demand: Floats, selection: Selection
) -> None:
    """Members that are not fitted learn it at once: half a day of three times is half of log 3, a factor of 1.7."""
    now, first, again = HOURS + 24, event(EventKind.SALE, HOURS + 12), event(EventKind.SALE, HOURS + 36)
    refitted = refit_members(
        history_of(demand), selection, made_at_utc=after_hours(now), events=[first, again], horizon_hours=72
    )
    returning, told = slice(12, 24), {"first": (first,), "both": (first, again)}
    alone, both = (median_of(demand, now, selection, *events)[returning].sum() for events in told.values())
    both_refitted = median_of(demand, now, refitted, first, again)[returning].sum()
    assert both > 1.2 * alone
    assert both_refitted > both


@pytest.mark.parametrize(("country", "is_halved"), [("US", True), ("DE", False), (None, False)])
def test_a_holiday_is_that_of_the_fleets_country(country: str | None, is_halved: bool) -> None:  # noqa: FBT001
    """Demand is halved on Columbus Day (12 October) and Veterans Day (11 November); then comes Thanksgiving.

    The three days from 2026-11-26, 00:00 UTC; in New York the holiday begins at 05:00 UTC.
    """
    known, days_of_holiday = 24 * 52, (7, 37)
    usual = shaped_demand(known + 72, noise=0.02)
    seen = usual[:known].copy()
    for day in days_of_holiday:
        seen[24 * day + 5 : 24 * day + 29] *= 0.5
    made_at, told = after_hours(known), {"country": country}
    chosen = select_provisionally(history_of(seen), made_at_utc=made_at, **told)
    made = forecast_fleet(history_of(seen), made_at_utc=made_at, selection=chosen, **told)
    # two days of log 0.5 count for 2 / 2.5 of it: 0.5 ** 0.8 = 0.57
    on_the_day = (made.mean_at_level(0.5) / usual[known:])[5:29].mean()
    assert on_the_day == pytest.approx(0.57 if is_halved else 1.0, abs=0.1)
