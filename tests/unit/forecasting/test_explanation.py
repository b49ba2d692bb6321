import numpy as np
import pytest

from headroom.forecasting.explanation import explain

TUESDAY_14 = np.datetime64("2026-11-24T14:00:00", "s")
CALM = [100.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def told(*parts: list[float], before: float | None = None) -> str:
    hours = TUESDAY_14 + np.arange(len(parts)) * np.timedelta64(1, "h")
    return explain(hours, np.array(parts, dtype=np.float64), level_before=before)


def test_the_highest_hour_and_the_next_one_are_explained_largest_move_first() -> None:
    # next hour: 80 less 5 % of it; highest: 130, a fifth off is 104, and 5 % of 104 is 5.2
    words = told([100, -20, 0, 0, 0, -4], [100, 30, 0, -26, 0, 5.2], before=92.6)

    assert words == (
        "The level is 100 per second, 8 % above the last week's. "
        "Tuesday 15:00 UTC is the highest hour ahead, 109 per second: the hour of the day adds 30 %, "
        "a holiday takes 20 % off, what the newest hours showed adds 5 %. "
        "The next hour, Tuesday 14:00: the hour of the day takes 20 % off, what the newest hours showed takes 5 % off."
    )


def test_moves_beyond_double_are_told_as_multiples_and_those_below_half_a_percent_not_at_all() -> None:
    words = told([100, 150, 0.9, 0, 0, 0], before=40.0)

    assert words == (
        "The level is 100 per second, 2.5 times the last week's. "
        "Tuesday 14:00 UTC is the highest hour ahead, 251 per second: the hour of the day makes it 2.5 times as much."
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (None, "100 per second."),
        (0.0, "100 per second."),
        (100.4, "as in the last week."),
        (200.0, "50 % below the last week's."),
    ],
)
def test_the_level_is_held_against_the_last_weeks(before: float | None, said: str) -> None:
    assert told(CALM, before=before).split(" Tuesday")[0].endswith(said)


def test_a_holiday_or_event_elsewhere_is_told_with_its_start() -> None:
    words = told(
        CALM, [100, 50, 0, 0, 0, 0], CALM, [100, 0, 0, -10, 0, 0], [100, 0, 0, -20, 0, 0], [100, 0, 0, 0, 30, 0]
    )

    assert words.endswith("From Tuesday 17:00 a holiday takes 20 % off. From Tuesday 19:00 an event adds 30 %.")


def test_a_day_ahead_the_rest_is_no_longer_laid_on_the_newest_hours() -> None:
    words = told(*[CALM] * 24, [100, 0, 0, 0, 0, 10])

    assert "Wednesday 14:00 UTC is the highest hour ahead, 110 per second: what the members see otherwise" in words


def test_nothing_is_said_in_percent_of_nothing() -> None:
    assert told([0.0] * 6, before=10.0) == ""
    assert told([5, -5, 0, 0, 0, 0], before=10.0) == ""
