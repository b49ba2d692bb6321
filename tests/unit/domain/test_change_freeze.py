"""When a change freeze holds: by dates, every week by a place's clock, and one after the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headroom.domain.change_freeze import ChangeFreeze, frozen_until

WEEKEND: dict[str, Any] = {
    "reason": "nobody is in",
    "days": ("sat", "sun"),
    "starts_at": "00:00",
    "ends_at": "24:00",
    "time_zone": "UTC",
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


def weekly(days: tuple[str, ...], starts_at: str, ends_at: str, time_zone: str = "UTC") -> ChangeFreeze:
    settings: dict[str, Any] = {"days": days, "starts_at": starts_at, "ends_at": ends_at, "time_zone": time_zone}
    return ChangeFreeze(reason="weekly", **settings)


def dated(start: str, end: str, reason: str = "sale") -> ChangeFreeze:
    return ChangeFreeze(reason=reason, starts_at_utc=at(start), ends_at_utc=at(end))


def test_dates_hold_from_their_start_to_just_before_their_end() -> None:
    freeze = dated("2026-11-27T00:00", "2026-12-01T06:00")
    assert freeze.end_of_span_at(at("2026-11-26T23:59")) is None
    assert freeze.end_of_span_at(at("2026-11-27T00:00")) == at("2026-12-01T06:00")
    assert freeze.end_of_span_at(at("2026-12-01T06:00")) is None


def test_a_weekly_freeze_goes_by_the_clock_of_its_place() -> None:
    # 27 November 2026 is a Friday; Berlin is an hour ahead of UTC then, and two in July (3 July is one, too)
    freeze = weekly(("fri",), "18:00", "22:00", "Europe/Berlin")
    assert freeze.end_of_span_at(at("2026-11-27T16:59")) is None
    assert freeze.end_of_span_at(at("2026-11-27T17:00")) == at("2026-11-27T21:00")
    assert freeze.end_of_span_at(at("2026-11-27T21:00")) is None
    assert freeze.end_of_span_at(at("2026-11-26T18:00")) is None
    assert freeze.end_of_span_at(at("2026-07-03T16:00")) == at("2026-07-03T20:00")


def test_one_that_ends_earlier_than_it_starts_ends_on_the_next_day() -> None:
    freeze = weekly(("fri",), "22:00", "06:00")
    assert freeze.end_of_span_at(at("2026-11-28T05:59")) == at("2026-11-28T06:00")
    assert freeze.end_of_span_at(at("2026-11-28T06:00")) is None
    assert freeze.end_of_span_at(at("2026-11-27T05:00")) is None  # Thursday's is none


def test_the_day_of_a_place_far_from_utc_is_its_own() -> None:
    # Saturday in Auckland (13 hours ahead) begins on Friday at 11:00 UTC
    freeze = weekly(("sat",), "00:00", "24:00", "Pacific/Auckland")
    assert freeze.end_of_span_at(at("2026-11-27T10:59")) is None
    assert freeze.end_of_span_at(at("2026-11-27T11:00")) == at("2026-11-28T11:00")


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        # 29 March 2026, Berlin: 02:00 is 03:00, and 02:30 is not there: read by the clock of before, it is 00:30 UTC
        ("2026-03-29T00:29", False),
        ("2026-03-29T00:30", True),
        ("2026-03-29T02:00", False),
        # 25 October 2026: 02:00 to 03:00 comes twice, and both are frozen: from 02:30 of the first to 04:00
        ("2026-10-25T00:29", False),
        ("2026-10-25T00:30", True),
        ("2026-10-25T02:59", True),
        ("2026-10-25T03:00", False),
    ],
)
def test_where_the_clock_is_changed_the_longer_reading_holds(moment: str, *, holds: bool) -> None:
    freeze = weekly(("sun",), "02:30", "04:00", "Europe/Berlin")
    assert (freeze.end_of_span_at(at(moment)) is not None) is holds


def test_freezes_that_follow_each_other_end_together() -> None:
    freezes = (weekly(("fri",), "18:00", "24:00"), ChangeFreeze(**WEEKEND), weekly(("mon",), "00:00", "06:00"))
    assert frozen_until(freezes, at("2026-11-27T19:00")) == ("weekly", at("2026-11-30T06:00"))
    assert frozen_until(freezes, at("2026-11-28T19:00")) == ("nobody is in", at("2026-11-30T06:00"))
    assert frozen_until(freezes, at("2026-11-30T06:00")) is None
    assert frozen_until((), at("2026-11-28T19:00")) is None


def test_overlapping_ones_hold_until_the_last_has_ended() -> None:
    freezes = (dated("2026-11-27T00:00", "2026-11-28T00:00", "first"), dated("2026-11-27T12:00", "2026-11-29T00:00"))
    assert frozen_until(freezes, at("2026-11-27T01:00")) == ("first", at("2026-11-29T00:00"))


def test_a_freeze_for_ever_is_told_as_a_long_one() -> None:
    always = weekly(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00", "24:00")
    start = at("2026-11-27T01:00")
    found = frozen_until((always,), start)
    assert found is not None
    assert found[1] - start > timedelta(days=360)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**WEEKEND, "reason": " "}, "reason must say why"),
        ({"reason": "sale"}, "expected dates .* or a week"),
        ({**WEEKEND, "starts_at_utc": datetime(2026, 11, 27, tzinfo=UTC)}, "expected dates .* or a week"),
        ({key: WEEKEND[key] for key in WEEKEND if key != "time_zone"}, "expected dates .* or a week"),
        ({**WEEKEND, "days": ()}, "expected dates .* or a week"),
        (
            {**WEEKEND, "time_zone": "Berlin"},
            "time_zone must be an IANA time zone such as Europe/Berlin, found 'Berlin'",
        ),
        ({**WEEKEND, "time_zone": "../etc"}, "time_zone must be an IANA time zone"),
        ({**WEEKEND, "time_zone": "localtime"}, "time_zone must be an IANA time zone"),
        ({**WEEKEND, "time_zone": "right/Europe/Berlin"}, "time_zone must be an IANA time zone"),
        ({**WEEKEND, "starts_at": "9:00"}, "starts_at must be a time of day in quotes such as \"18:00\", found '9:00'"),
        ({**WEEKEND, "starts_at": "09:60"}, "starts_at must be a time of day"),
        ({**WEEKEND, "ends_at": "24:01"}, "ends_at must be a time of day"),
        ({**WEEKEND, "ends_at": "noon"}, "ends_at must be a time of day"),
        ({**WEEKEND, "ends_at": "00:00"}, 'starts_at must be another time than ends_at .* "00:00" to "24:00"'),
        ({**WEEKEND, "starts_at": "24:00", "ends_at": "06:00"}, 'and before "24:00"'),
    ],
)
def test_a_freeze_that_says_no_span_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChangeFreeze(**settings)


def test_dates_need_a_zone_and_an_order() -> None:
    with pytest.raises(ValueError, match="a time without zone"):
        ChangeFreeze(
            reason="sale",
            starts_at_utc=datetime(2026, 11, 27),  # noqa: DTZ001, what is refused
            ends_at_utc=at("2026-11-28T00:00"),
        )
    with pytest.raises(ValueError, match="not after its start"):
        dated("2026-11-28T00:00", "2026-11-27T00:00")
