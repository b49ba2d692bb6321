from datetime import UTC, datetime

import pytest

from headroom.domain.window import Window
from headroom.pipelines.savings import period_window
from headroom.pipelines.windows import WindowError, day_window, hour_window, window_key


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026-11-17", datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC)),
        ("2026-W47", datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),  # a Monday to Monday
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2028-02", datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),  # a leap year
    ],
)
def test_a_periods_name_is_its_span(name: str, start: datetime, end: datetime) -> None:
    assert period_window(name) == Window(start, end)


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-W60", "2026-11-31", "today"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a day"):
        period_window(name)


def test_a_key_is_the_start_of_its_window() -> None:
    window = hour_window("2026-11-18T05:00:00")
    assert window == Window(datetime(2026, 11, 18, 5, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
    assert window_key(window) == "2026-11-18T05:00:00"


def test_a_key_with_another_zone_is_turned_into_utc() -> None:
    assert hour_window("2026-11-18T06:00:00+01:00") == hour_window("2026-11-18T05:00:00")


@pytest.mark.parametrize("key", [None, "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-01:00"])
def test_no_window_is_refused_with_what_was_expected(key: str | None) -> None:
    with pytest.raises(WindowError, match="2026-11-18T05:00:00"):
        hour_window(key)


def test_a_key_inside_its_window_is_refused_since_two_keys_would_name_one() -> None:
    with pytest.raises(WindowError, match="such as 2026-11-18T05:00:00"):
        hour_window("2026-11-18T05:30:00")
    with pytest.raises(WindowError, match="such as 2026-11-18T00:00:00"):
        day_window("2026-11-18T05:00:00")


@pytest.mark.parametrize("key", ["0001-01-01T00:00:00", "1999-12-31T23:00:00", "2200-01-01T00:00:00Z"])
def test_a_time_that_is_a_slip_of_the_finger_is_refused(key: str) -> None:
    with pytest.raises(WindowError, match="expected a time from 2000 to 2200"):
        day_window(key)
    with pytest.raises(WindowError, match=f"window '{key[:4]}"):
        hour_window(key)
