from datetime import UTC, datetime

import numpy as np
import pytest

from headroom.simulation.demand_path import Bursts, DemandError, demand_record, gamma_noise, step_at

CALM = Bursts(variation=0.0)
NOON = np.datetime64("2026-11-18T12:00:00", "us")


def stamps(*minutes: float) -> np.ndarray:
    return NOON + np.array([round(60e6 * minute) for minute in minutes], dtype="timedelta64[us]")


def test_an_hour_becomes_minutes_on_the_lines_between_the_middles() -> None:
    # hours of 10, 20 and 10: the line is 10 until 12:30, climbs by 1/6 a minute to 20 at 13:30, and falls again.
    # Minutes of 12:00 to 13:00 have their middles at 0.5 to 59.5: 30 times 10, then 10 + (0.5, 1.5 .. 29.5) / 6,
    # on average 10 + (15 / 6) / 2 = 11.25, so all are scaled by 10 / 11.25
    record = demand_record(stamps(0, 60, 120), np.array([10.0, 20.0, 10.0]), CALM)
    assert record.step_seconds == 60.0
    assert len(record.rate_per_second) == 180
    assert record.rate_per_second[0] == pytest.approx(10.0 * 10.0 / 11.25)
    assert record.rate_per_second[59] == pytest.approx((10.0 + 29.5 / 6.0) * 10.0 / 11.25)
    assert record.rate_per_second.reshape(3, 60).mean(axis=1) == pytest.approx([10.0, 20.0, 10.0])


def test_steps_of_at_most_a_minute_are_kept_as_they_are() -> None:
    rates = np.array([3.0, 0.0, 7.0, 1.0])
    record = demand_record(stamps(0, 0.5, 1.0, 1.5), rates, Bursts(variation=1.0))
    assert record.step_seconds == 30.0
    assert record.rate_per_second.tolist() == rates.tolist()


def test_steps_that_are_no_whole_minutes_become_even_parts_of_less_than_one() -> None:
    record = demand_record(stamps(0, 1.5), np.array([2.0, 2.0]), CALM)  # 90 s: two parts of 45 s
    assert record.step_seconds == 45.0
    assert record.rate_per_second.tolist() == [2.0, 2.0, 2.0, 2.0]


def test_what_lies_before_the_first_whole_hour_is_left_out() -> None:
    record = demand_record(stamps(-20, -10, 0, 10), np.array([9.0, 9.0, 1.0, 1.0]), CALM)
    assert record.start_utc == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert record.end_utc == datetime(2026, 11, 18, 12, 20, tzinfo=UTC)


def test_what_is_added_at_the_end_changes_no_minute_before_the_last_half_step() -> None:
    rates = np.array([5.0, 8.0, 2.0, 4.0])
    short = demand_record(stamps(0, 60, 120), rates[:3], Bursts())
    long = demand_record(stamps(0, 60, 120, 180), rates, Bursts())
    assert short.rate_per_second[:120].tolist() == long.rate_per_second[:120].tolist()


def test_a_step_without_demand_stays_without() -> None:
    record = demand_record(stamps(0, 60, 120), np.array([5.0, 0.0, 5.0]), Bursts(variation=2.0))
    assert record.rate_per_second[60:120].tolist() == [0.0] * 60


@pytest.mark.parametrize(("variation", "minutes"), [(0.15, 10.0), (0.5, 3.0), (1.0, 0.0)])
def test_noise_has_the_mean_variation_and_correlation_that_are_asked_for(variation: float, minutes: float) -> None:
    noise = gamma_noise(200_000, Bursts(variation=variation, correlation_minutes=minutes), step_seconds=60.0)
    assert (noise >= 0).all()
    assert noise.mean() == pytest.approx(1.0, abs=0.02)
    assert noise.std() == pytest.approx(variation, rel=0.03)
    for lag in (1, 5):
        wanted = np.exp(-lag / minutes) if minutes else 0.0
        assert np.corrcoef(noise[:-lag], noise[lag:])[0, 1] == pytest.approx(wanted, abs=0.03)


def test_shorter_noise_is_the_beginning_of_longer_noise() -> None:
    bursts = Bursts(variation=0.3, correlation_minutes=5.0, seed=4)
    short, long = (gamma_noise(count, bursts, step_seconds=60.0) for count in (50, 80))
    assert short.tolist() == long[:50].tolist()
    assert short.tolist() != gamma_noise(50, Bursts(variation=0.3, seed=5), step_seconds=60.0).tolist()


@pytest.mark.parametrize(
    ("minutes", "rates", "said"),
    [
        ((0,), (1.0,), "ds: expected at least two steps, found 1"),
        ((0, 10, 10), (1.0, 1.0, 1.0), "ds: expected ascending times, each once; 2026-11-18T12:10:00 is there twice"),
        ((0, 20, 10), (1.0, 1.0, 1.0), "2026-11-18T12:10:00 comes after a later one"),
        ((0, 10, 30), (1.0, 1.0, 1.0), "ds: expected even steps of 600 s, found 1200 s after 2026-11-18T12:10:00"),
        ((0, 7, 14), (1.0, 1.0, 1.0), "ds: expected steps that divide an hour, found steps of 420 s"),
        ((0, 120), (1.0, 1.0), "ds: expected steps that divide an hour, found steps of 7200 s"),
        ((3, 13), (1.0, 1.0), "ds: expected steps that begin on the hour, found 2026-11-18T12:03:00"),
        ((10, 20), (1.0, 1.0), "ds: there is no whole hour of demand"),
        ((0, 10), (1.0, -2.0), "rate_per_second: expected at least 0 in every row, found -2 at 2026-11-18T12:10:00"),
        ((0, 10), (np.nan, 2.0), "rate_per_second: expected at least 0 in every row, found none at 2026-11-18T12:00"),
    ],
)
def test_demand_that_cannot_be_played_is_refused_in_words(
    minutes: tuple[float, ...], rates: tuple[float, ...], said: str
) -> None:
    with pytest.raises(DemandError, match=said.replace("[", r"\[")):
        demand_record(stamps(*minutes), np.array(rates), CALM)


def test_a_row_without_a_time_is_refused() -> None:
    with pytest.raises(DemandError, match="ds: expected a time in every row, found none in row 2"):
        demand_record(np.array([NOON, np.datetime64("NaT")]), np.ones(2), CALM)


def test_a_moment_of_the_record_is_one_of_its_steps() -> None:
    record = demand_record(stamps(0, 60), np.ones(2), CALM)
    assert step_at(record, datetime(2026, 11, 18, 12, 7, tzinfo=UTC), name="--from") == 7
    assert step_at(record, record.end_utc, name="--to") == 120
    with pytest.raises(DemandError, match="--from: expected a time in 2026-11-18T12:00:00Z to 2026-11-18T14:00:00Z"):
        step_at(record, datetime(2026, 11, 18, 11, tzinfo=UTC), name="--from")
    with pytest.raises(DemandError, match="--to: expected the start of a step of 60 s"):
        step_at(record, datetime(2026, 11, 18, 12, 0, 30, tzinfo=UTC), name="--to")


@pytest.mark.parametrize("field", ["variation", "correlation_minutes"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), 1e6])
def test_bursts_are_numbers_of_at_least_zero_and_not_beyond_all_reason(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must lie between 0 and 10"):
        Bursts(**{field: value})
