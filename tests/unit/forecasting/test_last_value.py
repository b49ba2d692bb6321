from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import MONDAY, series_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.ensemble import CHEAP_MEMBERS, forecast, select
from headroom.forecasting.last_value import last_value_share
from headroom.forecasting.ordinary_hours import alike_newest
from headroom.forecasting.series import Series, prepare

DAYS = 21
LEANS = "lean on the last value"


def test_the_last_value_gets_what_its_lead_over_the_members_is_worth() -> None:
    """tanh(6 ln(1 / 0.9)) = 0.5595, tanh(6 ln(1 / 0.8)) = 0.8714; freaks count for five usual errors, here alike."""
    members = np.full((4, 2), 1.0)
    assert last_value_share(members, 0.9 * members, usual_error=1.0) == pytest.approx(0.5595, abs=1e-4)
    assert last_value_share(-members, 0.8 * members, usual_error=1.0) == pytest.approx(0.8714, abs=1e-4)
    assert last_value_share(members, 0 * members, usual_error=1.0) == 1.0
    assert last_value_share(90 * members, 9 * members, usual_error=1.0) == 0.0


@pytest.mark.parametrize(
    ("members", "last_value", "usual_error"),
    [
        (np.full(8, 1.0), np.full(8, 1.0), 1.0),
        (np.full(8, 1.0), np.full(8, 2.0), 1.0),
        (np.full(5, 1.0), np.full(5, 0.1), 1.0),  # too few to tell
        (np.full(8, 1.0), np.array([0.1] * 5 + [np.nan] * 3), 1.0),
        (np.full(8, 1.0), np.full(8, 0.1), 0.0),  # nothing is known of usual errors
        (np.zeros(8), np.zeros(8), 1.0),
        (np.empty((0, 2)), np.empty((0, 2)), 1.0),
    ],
)
def test_without_a_lead_or_evidence_it_gets_nothing(members: Floats, last_value: Floats, usual_error: float) -> None:
    assert last_value_share(members, last_value, usual_error=usual_error) == 0.0


def usual_then_jumping(days: int) -> Floats:
    """Demand by the hour of the day until the last two days, which jump to a new level every five hours."""
    values = shaped_demand(24 * days)
    levels = np.random.default_rng(5).uniform(2.0, 30.0, size=10)
    values[-48:] = np.repeat(levels, 5)[:48]
    return values


def made(series: Series) -> tuple[Floats, str]:
    chosen = select(prepare(series.until(24 * (DAYS - 2))), horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    found = forecast(prepare(series), chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    return found.median, found.note


def test_where_demand_has_left_its_hours_the_next_two_lean_on_the_last_value_and_later_ones_do_not() -> None:
    values = usual_then_jumping(DAYS)
    median, note = made(series_of(values))
    assert LEANS in note
    assert median[:2] == pytest.approx(np.full(2, values[-1]), rel=0.2)
    assert median[2] != pytest.approx(values[-1], rel=0.2)


def test_demand_that_keeps_its_hours_leans_on_nothing() -> None:
    _, note = made(series_of(shaped_demand(24 * DAYS)))
    assert LEANS not in note


def test_a_last_value_that_was_not_seen_is_not_leant_on() -> None:
    values = usual_then_jumping(DAYS)
    values[-1] = np.nan
    _, note = made(series_of(values))
    assert LEANS not in note


def test_hours_of_another_kind_than_the_newest_are_not_told_of() -> None:
    """A launch begins two hours after the end and lasts three: the hours before and after it are ordinary ones."""
    starts = MONDAY + timedelta(hours=24 + 2)
    launch = CalendarEvent(
        name="launch", kind=EventKind.LAUNCH, starts_at_utc=starts, ends_at_utc=starts + timedelta(hours=3)
    )
    series = replace(series_of(shaped_demand(24)), calendar=Calendar(events=(launch,)))
    assert alike_newest(series, horizon_steps=6).tolist() == [True, True, False, False, False, True]
    assert alike_newest(series_of(shaped_demand(24)), horizon_steps=2).tolist() == [True, True]
