from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import MONDAY, series_of, shaped_demand

from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.corrected_naive import WEEKS_CORRECTED
from headroom.forecasting.naive import DAILY, WEEKLY
from headroom.forecasting.ordinary_hours import OnOrdinaryHours, judged_steps, ordinary_hours
from headroom.forecasting.series import Series

DAYS = 16


def told_of(values: np.ndarray, *starts: int, hours: int) -> Series:
    events = tuple(
        CalendarEvent(
            name=f"sale {start}",
            kind=EventKind.SALE,
            starts_at_utc=MONDAY + timedelta(hours=start),
            ends_at_utc=MONDAY + timedelta(hours=start + hours),
        )
        for start in starts
    )
    plain = series_of(values)
    return Series(series_id="a", hours=plain.hours, observed=plain.observed, calendar=Calendar(events=events))


def demand(*starts: int, hours: int, factor: float) -> np.ndarray:
    values = np.tile(np.arange(100.0, 124.0), DAYS)
    for start in starts:
        values[start : start + hours] *= factor
    return values


def test_a_series_of_ordinary_hours_is_left_as_it_is() -> None:
    series = series_of(shaped_demand(24 * 3))
    assert ordinary_hours(series).series is series
    assert judged_steps(series) is series.observed


@pytest.mark.parametrize("member", [DAILY, WEEKLY, WEEKS_CORRECTED], ids=lambda member: member.name)
def test_a_day_that_was_halved_by_an_event_is_not_repeated(member: object) -> None:
    start = 24 * (DAYS - 7)
    series = told_of(demand(start, hours=24, factor=0.5), start, hours=24)
    told = OnOrdinaryHours(member)
    path = told.fit(series, horizon_steps=24, seed=0).path(series, horizon_steps=24)
    assert path == pytest.approx(np.arange(100.0, 124.0), rel=0.02)
    assert told.name == member.name


def test_where_the_event_returns_its_effect_does() -> None:
    starts = (24 * 5, 24 * 11)
    series = told_of(demand(*starts, hours=24, factor=2.0), *starts, 24 * DAYS, hours=24)
    path = OnOrdinaryHours(DAILY).fit(series, horizon_steps=48, seed=0).path(series, horizon_steps=48)
    # two days were twice what is usual: 2 / (2 + 0.5) of log 2
    assert path[:24] == pytest.approx(np.arange(100.0, 124.0) * 2**0.8)
    assert path[24:] == pytest.approx(np.arange(100.0, 124.0))


def test_an_event_that_still_lasts_tells_the_level() -> None:
    start = 24 * DAYS - 12
    series = told_of(demand(start, hours=12, factor=2.0), start, hours=24)
    known = ordinary_hours(series)
    # half a day of twice the usual: 0.5 / (0.5 + 0.5) of log 2 is the effect, and the rest stays in the newest hours
    assert known.effects == pytest.approx({"event_sale": np.log(2) / 2})
    assert known.series.observed[start:] == pytest.approx(np.arange(112.0, 124.0) * np.sqrt(2))
    assert known.series.trailing_gap == 0
    assert known.restored(np.full(24, 10.0))[:13] == pytest.approx([10 * np.sqrt(2)] * 12 + [10.0])


def test_flagged_hours_are_not_judged_unless_they_are_what_is_usual() -> None:
    start = 24 * 3
    series = told_of(demand(start, hours=24, factor=2.0), start, hours=24)
    judged = judged_steps(series)
    assert np.flatnonzero(np.isnan(judged)).tolist() == list(range(start, start + 24))
    mostly = told_of(demand(hours=1, factor=1.0), 0, hours=24 * 9)
    assert np.isfinite(judged_steps(mostly)).all()
    assert ordinary_hours(mostly).effects == {}
