"""Windows of time: half-open, in UTC, and nothing guessed."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.domain.window import DAY, HOUR, Window, as_utc, floor_day, floor_hour

MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001, the zone is added below
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001, as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)
SIX = datetime(2026, 11, 18, 6, tzinfo=UTC)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="a time without zone: 2026-11-18T06:00:00; expected one such as"):
        as_utc(SIX.replace(tzinfo=None))


def test_another_zone_is_the_same_moment() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert as_utc(SIX.astimezone(east)) == SIX
    assert as_utc(SIX.astimezone(east)).tzinfo is UTC


def test_hours_and_days_are_utc_ones() -> None:
    # 01:00 in India is 19:30 of the day before in UTC.
    india = datetime(2026, 11, 18, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert floor_hour(india) == datetime(2026, 11, 17, 19, tzinfo=UTC)
    assert Window.hour_of(india).start_utc == datetime(2026, 11, 17, 19, tzinfo=UTC)
    assert floor_day(india) == datetime(2026, 11, 17, tzinfo=UTC)
    assert Window.day_of(india).day == date(2026, 11, 17)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_a_window_must_end_after_its_start(length: timedelta) -> None:
    with pytest.raises(ValueError, match=r"window ends at 2026-11-18T0.*, not after its start 2026-11-18T06:00:00"):
        Window(SIX, SIX + length)


def test_a_window_without_zones_is_refused() -> None:
    with pytest.raises(ValueError, match="a time without zone"):
        Window(SIX.replace(tzinfo=None), SIX + HOUR)


def test_hours_come_in_order_and_fill_the_window() -> None:
    hours = list(Window(SIX, SIX + 3 * HOUR).hours())
    assert [hour.start_utc.hour for hour in hours] == [6, 7, 8]
    assert all(hour.end_utc - hour.start_utc == HOUR for hour in hours)


@pytest.mark.parametrize(("start", "end"), [(1, 0), (0, 1)])
def test_a_window_off_the_hour_has_no_hours(start: int, end: int) -> None:
    window = Window(SIX + timedelta(minutes=start), SIX + HOUR + timedelta(minutes=end))
    with pytest.raises(ValueError, match="does not start and end on the hour"):
        list(window.hours())


def test_days_are_all_those_touched() -> None:
    assert [day.day.day for day in Window(SIX, SIX + DAY).days()] == [18, 19]
    # up to midnight the next day is not touched: windows are half-open
    assert [day.day.day for day in Window(floor_day(SIX), floor_day(SIX) + DAY).days()] == [18]


@given(MOMENTS)
def test_a_moment_lies_in_its_own_hour_and_day(moment: datetime) -> None:
    for window in (Window.hour_of(moment), Window.day_of(moment)):
        assert window.start_utc <= moment < window.end_utc
    assert Window.day_of(moment).start_utc <= Window.hour_of(moment).start_utc


@given(MOMENTS, st.integers(1, 80))
def test_a_windows_hours_join_without_gap(moment: datetime, count: int) -> None:
    window = Window(floor_hour(moment), floor_hour(moment) + count * HOUR)
    hours = list(window.hours())
    assert len(hours) == count
    assert (hours[0].start_utc, hours[-1].end_utc) == (window.start_utc, window.end_utc)
    assert all(one.end_utc == following.start_utc for one, following in pairwise(hours))
    assert len(list(window.days())) in (-(-count // 24), -(-count // 24) + 1)
