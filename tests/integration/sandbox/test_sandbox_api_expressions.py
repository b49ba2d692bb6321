"""Schedule expressions, against times counted by hand. 18 November 2026 is a Wednesday."""

from datetime import UTC, datetime, timedelta

import pytest

from headroom.sandbox.api_target_schedules import TargetAction
from headroom.sandbox.schedule_expressions import parse_schedule, parse_unix_cron

NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "time_zone", "expected"),
    [
        ("30 8 * * *", None, utc(18, 8, 30)),
        ("5 6 * * *", None, utc(19, 6, 5)),  # this very minute is over: tomorrow
        ("0 9 * * MON", None, utc(23, 9)),  # the next Monday
        ("0 9 * * 7", None, utc(22, 9)),  # Sunday is 0 and 7
        ("0 9 20 * 1", None, utc(20, 9)),  # either day: the 20th comes before Monday the 23rd
        ("*/20 * * * *", None, utc(18, 6, 20)),
        ("0 10-12/2 * nov *", None, utc(18, 10)),
        ("0 8 * * *", "America/New_York", utc(18, 13)),  # UTC-5 in November
        ("0 0 30 2 *", None, None),  # there is no 30 February
    ],
)
def test_a_unix_cron_runs_next_at(expression: str, time_zone: str | None, expected: datetime | None) -> None:
    assert parse_unix_cron(expression, time_zone).next_after(NOW) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 9 ? * 2 *)", [utc(23, 9)]),  # AWS counts weekdays from Sunday = 1
        ("cron(0 9 20,21 * ? 2026)", [utc(20, 9), utc(21, 9)]),
        ("cron(0 9 20 * ? 2027)", []),
        ("rate(2 days)", [utc(20, 6, 5), utc(22, 6, 5), utc(24, 6, 5)]),  # from its creation on
        ("at(2026-11-20T01:02:00)", [utc(20, 1, 2)]),
        ("at(2026-12-20T01:02)", []),
    ],
)
def test_an_action_runs_within_a_week_at(expression: str, expected: list[datetime]) -> None:
    action = TargetAction(name="a", expression=expression, created_at_utc=NOW, min_capacity=1)

    assert action.occurrences(NOW, NOW + timedelta(days=7)) == expected


def test_start_and_end_bound_a_recurring_action() -> None:
    action = TargetAction(
        name="a",
        expression="rate(1 day)",
        created_at_utc=NOW,
        starts_at_utc=utc(19, 0),
        ends_at_utc=utc(21, 12),
        min_capacity=1,
    )

    # It counts from its start, 19th 00:00, and ends on the 21st at noon.
    assert action.occurrences(NOW, NOW + timedelta(days=7)) == [utc(20, 0), utc(21, 0)]
    assert not action.is_over(utc(21, 0))
    assert action.is_over(utc(21, 12))


@pytest.mark.parametrize(
    "expression",
    ["cron(0 9 * * * *)", "cron(0 9 ? * ? *)", "cron(0 9 L * ? *)", "cron(61 9 ? * 1 *)", "rate(1 week)", "at(now)"],
)
def test_a_malformed_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must|cron"):
        parse_schedule(expression)
