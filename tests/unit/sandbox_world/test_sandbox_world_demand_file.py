from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.sandbox.demand_file import (
    DemandFileError,
    DemandSeries,
    FileDemand,
    read_demand_file,
    size_factor,
    weeks_to_shift,
)
from headroom.sandbox.world import World

REAL_DEMAND = Path(__file__).resolve().parents[4] / "shared" / "data" / "demand" / "llm_demand_hourly.parquet"
MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


def write_demand(folder: Path, series: dict[str, int], *, freq: str = "1h", **columns: Any) -> Path:
    """Write a file with `series` (id -> number of steps) of 360 requests a step from Monday on."""
    parts = [
        pd.DataFrame(
            {"series_id": name, "timestamp": pd.date_range(MONDAY, periods=count, freq=freq), "requests": 360.0}
        )
        for name, count in series.items()
    ]
    file = folder / "demand.parquet"
    pd.concat(parts, ignore_index=True).assign(**columns).to_parquet(file)
    return file


def test_series_come_in_file_order_without_those_below_nine_days(tmp_path: Path) -> None:
    file = write_demand(tmp_path, {"zebra": 216, "short": 215, "ant": 300})
    series = read_demand_file(file)
    assert [one.series_id for one in series] == ["zebra", "ant"]
    assert series[0].step_seconds == 3600
    np.testing.assert_allclose(series[0].rate_per_second, 0.1)  # 360 requests in 3,600 s


def test_ten_minute_demand_is_read_too(tmp_path: Path) -> None:
    series = read_demand_file(write_demand(tmp_path, {"a": 9 * 144}, freq="10min"))
    assert series[0].step_seconds == 600
    np.testing.assert_allclose(series[0].rate_per_second, 0.6)


def test_what_the_file_leaves_out_is_missing(tmp_path: Path) -> None:
    file = write_demand(tmp_path, {"a": 240})
    frame = pd.read_parquet(file).drop(index=[5]).reset_index(drop=True)
    frame.loc[6, "requests"] = np.nan  # the hour after the one that was dropped, and one more
    frame.to_parquet(file)
    rate = read_demand_file(file)[0].rate_per_second
    assert np.flatnonzero(np.isnan(rate)).tolist() == [5, 7]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"requests": "many"}, "column requests: expected a number, found"),
        ({"requests": -1.0}, "column requests: expected finite counts of at least 0"),
        ({"timestamp": "2025-01-06"}, "column timestamp: expected a timestamp, found"),
        ({"series_id": 7}, "column series_id: expected text, found int64"),
        ({"series_id": None}, "column series_id: expected text, found null"),
        ({"timestamp": MONDAY}, "has 2025-01-06T00:00:00 twice"),
    ],
)
def test_a_bad_column_is_named_with_what_was_expected(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(DemandFileError, match=r"demand\.parquet") as error:
        read_demand_file(write_demand(tmp_path, {"a": 240}, **change))
    assert words in str(error.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = write_demand(tmp_path, {"a": 240})
    pd.read_parquet(file).rename(columns={"requests": "count"}).to_parquet(file)
    with pytest.raises(DemandFileError, match=r"column requests is missing; expected a number"):
        read_demand_file(file)


def test_what_is_no_parquet_says_so(tmp_path: Path) -> None:
    file = tmp_path / "demand.parquet"
    file.write_text("series_id,timestamp,requests\n")
    with pytest.raises(DemandFileError, match="cannot be read as Parquet"):
        read_demand_file(file)
    with pytest.raises(DemandFileError, match="cannot be read as Parquet"):
        read_demand_file(tmp_path / "absent.parquet")


def test_a_file_with_short_series_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemandFileError, match="at least one series of 9 days"):
        read_demand_file(write_demand(tmp_path, {"a": 24, "b": 1}))


def test_a_step_that_does_not_divide_the_hour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemandFileError, match="expected a step of 5 to 60 minutes that divides the hour, found 2400 s"):
        read_demand_file(write_demand(tmp_path, {"a": 500}, freq="40min"))


def test_times_off_the_grid_are_refused(tmp_path: Path) -> None:
    file = write_demand(tmp_path, {"a": 240})
    frame = pd.read_parquet(file)
    frame["timestamp"] += pd.Timedelta(minutes=2)
    frame.to_parquet(file)
    with pytest.raises(DemandFileError, match="on whole 5 minutes"):
        read_demand_file(file)


def test_a_null_time_is_refused(tmp_path: Path) -> None:
    file = write_demand(tmp_path, {"a": 240})
    frame = pd.read_parquet(file)
    frame.loc[3, "timestamp"] = pd.NaT
    frame.to_parquet(file)
    with pytest.raises(DemandFileError, match="column timestamp: 1 values are null"):
        read_demand_file(file)


@given(end=st.integers(1_600_000_000, 1_900_000_000), now=st.integers(1_600_000_000, 1_900_000_000))
def test_the_shifted_end_lies_two_to_nine_days_after_now(end: int, now: int) -> None:
    moment = datetime.fromtimestamp(now, tz=UTC)
    ahead = end + weeks_to_shift(end, now_utc=moment) * 7 * 86_400 - now
    assert 2 * 86_400 <= ahead < 9 * 86_400


def test_demand_is_scaled_to_the_mean_unless_busy_hours_would_be_too_much() -> None:
    # Mean 2, 99th percentile 2: the mean decides, 110 / 2 = 55.
    assert size_factor(np.full(100, 2.0), mean_per_second=110.0, busy_per_second=240.0) == pytest.approx(55.0)
    # One hour in ten has 20, the others nothing: mean 2, busy hour 20. To a mean of 110 the busy hour would be 1,100.
    bursty = np.tile([20.0] + [0.0] * 9, 10)
    assert size_factor(bursty, mean_per_second=110.0, busy_per_second=240.0) == pytest.approx(12.0)
    assert size_factor(np.zeros(5), mean_per_second=110.0, busy_per_second=240.0) == 1.0


def test_a_series_is_missing_before_its_start_and_after_its_end() -> None:
    series = DemandSeries(
        series_id="a", start_seconds=int(MONDAY.timestamp()), step_seconds=3600, rate_per_second=np.full(240, 5.0)
    )
    now = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
    start = datetime(2026, 10, 7, tzinfo=UTC)
    demand = FileDemand(
        series=series,
        file=Path("x.parquet"),
        start_utc=start,
        now_utc=now,
        mean_per_second=50.0,
        busy_per_second=100.0,
        random=np.random.default_rng(0),
    )
    steps = demand.steps(60 * 288)
    known = np.flatnonzero(~np.isnan(steps.rate_per_second))
    # Ten days from a Monday end on a Thursday: the first one at least two days after Wednesday the 18th is the 26th.
    assert start + timedelta(minutes=5 * int(known[0])) == datetime(2026, 11, 16, tzinfo=UTC)
    assert start + timedelta(minutes=5 * (int(known[-1]) + 1)) == datetime(2026, 11, 26, tzinfo=UTC)
    hours = steps.rate_per_second[known].reshape(-1, 12)
    np.testing.assert_allclose(hours.mean(axis=1), 50.0)
    assert hours.std(axis=1).min() > 0.0
    np.testing.assert_array_equal(steps.count[known], steps.rate_per_second[known] * 300)


@pytest.mark.skipif(not REAL_DEMAND.exists(), reason=f"real demand is not at {REAL_DEMAND}; see its README")
def test_the_real_demand_plays_on_all_fleets() -> None:
    world = World(demand_file=REAL_DEMAND)
    assert [fleet.demand_origin.split(", series ")[1] for fleet in world.fleets] == [
        "servegen/m-large",
        "burstgpt/all",
        "burstgpt/api",
        "burstgpt/conversation",
    ]
    chat = world.fleet_world("chat-large").served
    assert 0.18 < np.nanmean(chat.utilization) < 0.28
    # m-large ends on a Monday midnight and holds 14 days: from Monday, 9 November.
    first = world.start_utc + timedelta(minutes=5 * int(np.flatnonzero(~np.isnan(chat.arrived))[0]))
    assert first == datetime(2026, 11, 9, tzinfo=UTC)
    requests = world.metric_series(
        "AWS/ApplicationELB",
        "RequestCount",
        {"LoadBalancer": "app/chat-large/50dc6c495c0c9188", "TargetGroup": "targetgroup/chat-large/73e2d6bc24d8a067"},
    )
    assert requests is not None
    assert requests.timestamps[0] == np.datetime64("2026-11-09T00:00:00")
    # The hour's requests keep the file's proportions: two hours' sums stand as they do in the file.
    raw = read_demand_file(REAL_DEMAND)[0].rate_per_second
    sums = requests.sums[: 9 * 288].reshape(-1, 12).sum(axis=1)
    np.testing.assert_allclose(sums / sums[0], raw[: len(sums)] / raw[0], rtol=1e-9)


def test_fleets_that_the_file_has_no_series_for_keep_generated_demand(tmp_path: Path) -> None:
    world = World(demand_file=write_demand(tmp_path, {"a": 240}), history=timedelta(days=2))
    origins = [fleet.demand_origin for fleet in world.fleets]
    assert origins == ["file demand.parquet, series a", *["generator, seed 0"] * 3]
