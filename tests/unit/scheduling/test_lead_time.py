"""The lead time of the next plan, from what earlier raises took."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scheduling.small_plan import at

from headroom.scheduling.lead_time import LeadTime, PastRaise, lead_time, most_seconds

NOW = at("06:00")


def past(days_ago: float, seconds: float | None, *, has_come: bool | None = True) -> PastRaise:
    return PastRaise(starts_at_utc=NOW - timedelta(days=days_ago), seconds_to_stand=seconds, has_come=has_come)


def decided(*raises: PastRaise, configured: float = 300.0, critical_ratio: float = 0.9) -> LeadTime:
    return lead_time(configured, raises, critical_ratio=critical_ratio, at_utc=NOW)


def test_nothing_seen_is_what_is_configured() -> None:
    assert (decided().seconds, decided().source) == (300.0, "configured")
    assert decided().reason == "as configured, 5 min"


def test_two_raises_teach_nothing_and_three_do() -> None:
    two = [past(2, 900.0), past(1, 900.0)]
    assert decided(*two).seconds == 300.0
    # 900 s from the action's start, 120 of which the schedule allows for a late action anyway
    three = decided(*two, past(3, 600.0))
    assert (three.seconds, three.source) == (780.0, "learnt")
    assert three.reason == (
        "13 min: the last 3 raises stood 15 min after their start at q90, 2 min of which the schedule allows anyway; "
        "configured are 5 min"
    )


def test_the_critical_ratio_says_how_many_may_be_later() -> None:
    # ten raises of 400 to 1,300 s: nine of ten stand within 1,200 s
    ten = [past(10 - number, 400.0 + 100.0 * number) for number in range(10)]
    assert decided(*ten).seconds == 1200.0 - 120.0
    # being short no dearer than being early: half of them, 800 s
    assert decided(*ten, critical_ratio=0.5).seconds == 800.0 - 120.0


def test_raises_that_stand_in_time_leave_what_is_configured() -> None:
    found = decided(*(past(day, 300.0) for day in range(1, 8)))
    assert (found.seconds, found.source) == (300.0, "configured")
    assert found.reason == "as configured, 5 min; the last 7 raises stood 5 min after their start at q90"


def test_only_the_newest_twenty_of_four_weeks_count() -> None:
    slow, quick = [past(20, 3000.0) for _ in range(30)], [past(2, 500.0) for _ in range(20)]
    assert decided(*slow, *quick).seconds == 380.0
    assert decided(*(past(29, 3000.0) for _ in range(5))).seconds == 300.0


def test_each_day_without_capacity_doubles() -> None:
    one = decided(past(1, None, has_come=False))
    assert (one.seconds, one.source, one.days_without) == (600.0, "capacity_did_not_come", 1)
    assert one.reason == "10 min: capacity did not come on one day of the last week, else as configured, 5 min"
    # two raises of one day are one day
    assert decided(past(1, None, has_come=False), past(0.9, None, has_come=False)).seconds == 600.0
    assert decided(past(1, None, has_come=False), past(2.5, None, has_come=False)).seconds == 1200.0
    # what comes in between changes nothing: other hours of the day have other demand for the same type
    assert decided(past(2, None, has_come=False), past(1, 200.0)).seconds == 600.0
    # a week later it is forgotten
    assert decided(past(7.1, None, has_come=False)).seconds == 300.0


def test_a_launch_that_took_hours_is_a_lack_of_capacity_and_no_launch_time() -> None:
    late = [past(day, 9000.0, has_come=False) for day in (8, 9, 10)]
    assert decided(*late).seconds == 300.0


def test_it_ends_at_an_hour_or_four_times_what_is_configured() -> None:
    assert (most_seconds(300.0), most_seconds(1800.0)) == (3600.0, 7200.0)
    missing = [past(day, None, has_come=False) for day in (1, 2, 3, 4, 5)]
    assert decided(*missing).seconds == 3600.0
    assert decided(*(past(day, 50_000.0) for day in (1, 2, 3))).seconds == 3600.0


def test_without_a_lead_time_at_all_a_lack_still_starts_earlier() -> None:
    assert decided(past(1, None, has_come=False), configured=0.0).seconds == 600.0


def test_what_starts_after_the_plan_is_not_known_to_it() -> None:
    assert decided(*(past(-1, 900.0) for _ in range(5))).seconds == 300.0


_raises = st.lists(
    st.builds(
        PastRaise,
        starts_at_utc=st.datetimes(datetime(2026, 10, 1), datetime(2026, 11, 30)).map(  # noqa: DTZ001, made aware below
            lambda moment: moment.replace(tzinfo=NOW.tzinfo)
        ),
        seconds_to_stand=st.none() | st.floats(0, 1e5),
        has_come=st.none() | st.booleans(),
    ),
    max_size=40,
)


@given(_raises, st.floats(0, 604_800), st.floats(0.01, 0.99))
def test_it_never_shrinks_below_what_is_configured_nor_passes_its_bound(
    raises: list[PastRaise], configured: float, critical_ratio: float
) -> None:
    found = lead_time(configured, raises, critical_ratio=critical_ratio, at_utc=NOW)
    assert configured <= found.seconds <= most_seconds(configured)
    # in whichever order they are told
    assert lead_time(configured, raises[::-1], critical_ratio=critical_ratio, at_utc=NOW).seconds == found.seconds


@pytest.mark.parametrize("slower", [0.0, 60.0, 600.0])
@given(_raises)
def test_slower_launches_never_start_later(slower: float, raises: list[PastRaise]) -> None:
    def slow(item: PastRaise) -> PastRaise:
        took = item.seconds_to_stand
        return PastRaise(
            starts_at_utc=item.starts_at_utc,
            seconds_to_stand=None if took is None else took + slower,
            has_come=item.has_come,
        )

    before = lead_time(300.0, raises, critical_ratio=0.9, at_utc=NOW).seconds
    assert lead_time(300.0, [slow(item) for item in raises], critical_ratio=0.9, at_utc=NOW).seconds >= before
