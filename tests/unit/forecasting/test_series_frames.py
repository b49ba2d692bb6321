import json

import numpy as np
import pandas as pd
import pytest
from tests.unit.forecasting.demand_examples import shaped_demand

from headroom.columns import QUANTILE_NAMES
from headroom.domain.demand import Floats
from headroom.forecasting import FrameError, backtest_series, forecast_series
from headroom.forecasting.backtest import SCORE_COLUMNS

pytestmark = pytest.mark.thorough


def frame_of(unique_id: str, values: Floats, *, ds: "pd.DatetimeIndex | pd.Series | None" = None) -> pd.DataFrame:
    stamps = pd.date_range("2026-10-05", periods=len(values), freq="h", tz="UTC") if ds is None else ds
    return pd.DataFrame({"unique_id": unique_id, "ds": stamps, "y": np.asarray(values, dtype=float)})


SHORT = pd.concat([frame_of(name, shaped_demand(60, seed=seed)) for seed, name in enumerate("abc")], ignore_index=True)


def test_the_output_has_the_columns_and_hours_promised() -> None:
    made = forecast_series(SHORT, horizon=5)
    assert list(made.frame.columns) == ["unique_id", "ds", "yhat", *QUANTILE_NAMES, "model"]
    assert made.frame["ds"].dtype == SHORT["ds"].dtype
    first = made.frame[made.frame["unique_id"] == "a"]
    assert first["ds"].tolist() == pd.date_range("2026-10-07 12:00", periods=5, freq="h", tz="UTC").tolist()
    assert (first["yhat"] == first["q50"]).all()
    assert json.loads(first["model"].iloc[0])["seasonal_naive_daily"] > 0.5
    assert made.failures == {}


def test_neither_order_nor_jobs_change_the_result() -> None:
    one = forecast_series(SHORT, horizon=5)
    shuffled = forecast_series(SHORT.sample(frac=1, random_state=1), horizon=5)
    alone = forecast_series(SHORT[SHORT["unique_id"] == "b"], horizon=5)
    parallel = forecast_series(SHORT, horizon=5, jobs=2)
    pd.testing.assert_frame_equal(one.frame, shuffled.frame)
    pd.testing.assert_frame_equal(one.frame, parallel.frame)
    same = one.frame[one.frame["unique_id"] == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone.frame)


def test_members_that_are_fitted_by_chance_say_the_same_in_any_process() -> None:
    """Prophet and the trees draw numbers: from the seed of their series, whichever process they are in."""
    frame = pd.concat([frame_of(name, shaped_demand(24 * 9, seed=seed)) for seed, name in enumerate("ab")])
    one = forecast_series(frame, horizon=30)
    parallel = forecast_series(frame.iloc[::-1], horizon=30, jobs=2)
    pd.testing.assert_frame_equal(one.frame, parallel.frame)
    used = {name for weights in one.frame["model"] for name in json.loads(weights)}
    assert {"prophet", "gradient_boosting"} <= used


def test_stamps_of_a_zone_whose_clock_changes_are_hours_one_after_the_other() -> None:
    """In Berlin 2026-10-25 has 25 hours, two of them called 02:00."""
    stamps = pd.date_range("2026-10-23", periods=60, freq="h", tz="Europe/Berlin")
    values = shaped_demand(60)
    made = forecast_series(frame_of("a", values, ds=stamps), horizon=30)
    in_utc = forecast_series(frame_of("a", values, ds=stamps.tz_convert("UTC")), horizon=30)
    assert made.failures == {}
    assert made.frame["ds"].dtype == stamps.dtype
    assert made.frame["ds"].tolist() == pd.date_range(stamps[-1], periods=31, freq="h").tolist()[1:]
    assert made.frame["yhat"].tolist() == in_utc.frame["yhat"].tolist()


@pytest.mark.parametrize("kind", ["int64", "int32", "Int64"])
def test_integer_steps_stay_integer_steps(kind: str) -> None:
    frame = frame_of("a", shaped_demand(60), ds=pd.Series(np.arange(101, 161)).astype(kind))
    made = forecast_series(frame, horizon=3).frame
    assert made["ds"].tolist() == [161, 162, 163]
    assert made["ds"].dtype == frame["ds"].dtype


def test_other_steps_than_hours_and_stamps_without_zone_keep_their_own() -> None:
    stamps = pd.date_range("2026-10-05", periods=60, freq="10min")
    made = forecast_series(frame_of("a", shaped_demand(60), ds=stamps), horizon=2, seasons=(12,)).frame
    assert made["ds"].tolist() == [pd.Timestamp("2026-10-05 10:00"), pd.Timestamp("2026-10-05 10:10")]


def test_steps_left_out_count_as_missing() -> None:
    values = shaped_demand(60)
    with_null = frame_of("a", np.where(np.arange(60) == 40, np.nan, values))
    left_out = frame_of("a", values).drop(index=40)
    one, other = forecast_series(with_null, horizon=30).frame, forecast_series(left_out, horizon=30).frame
    pd.testing.assert_frame_equal(one, other)


def test_progress_counts_the_series() -> None:
    seen = []
    forecast_series(SHORT, horizon=1, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (frame_of("bad", [1.0, np.inf, 2.0]), "y is infinite in 1 rows"),
        (frame_of("bad", [np.nan, np.nan]), "every y is null"),
        (
            frame_of("bad", [1.0, 2.0], ds=pd.to_datetime(["2026-10-05", "2026-10-05"], utc=True)),
            "1 values of ds occur twice",
        ),
        (
            frame_of("bad", [1.0, 2.0, 3.0], ds=pd.to_datetime([0, 3600, 9000], unit="s", utc=True)),
            (
                "ds is irregular: 1 distances are no multiple of the shortest, 3600 s; the first is 5400 s after "
                "1970-01-01T01:00:00"
            ),
        ),
        # sums of squares overflow beyond, and warnings came instead of a reason
        (frame_of("bad", [1.0, -1e300, 2.0]), "y is as large as 1e+300, expected at most 1e+100"),
        (frame_of("bad", [1.0, 2.0, 3.0], ds=pd.to_datetime([0, 1, 10**9], unit="s", utc=True)), "more than 1000000"),
    ],
)
def test_what_is_wrong_with_one_series_is_said_and_the_others_are_served(bad: pd.DataFrame, reason: str) -> None:
    frame = pd.concat([SHORT.astype({"ds": "datetime64[ns, UTC]"}), bad.astype({"ds": "datetime64[ns, UTC]"})])
    made = forecast_series(frame, horizon=2)
    assert list(made.failures) == ["bad"]
    assert made.failures["bad"].startswith("bad: ")
    assert reason in made.failures["bad"]
    assert set(made.frame["unique_id"]) == {"a", "b", "c"}


@pytest.mark.parametrize("first", ["0001-01-01", "1699-12-31T23:00:00", "2199-12-31T23:00:00", "3000-01-01"])
def test_times_that_leave_a_forecast_no_room_fail_their_series_alone(first: str) -> None:
    bad = np.datetime64(first, "s") + np.arange(3) * np.timedelta64(3600, "s")
    frame = pd.concat(
        [
            SHORT.astype({"ds": "datetime64[s, UTC]"}),
            frame_of("bad", [1.0] * 3, ds=pd.Series(bad).dt.tz_localize("UTC")),
        ]
    )
    made = forecast_series(frame, horizon=2)
    assert made.failures["bad"].startswith("bad: ds has times from ")
    assert made.failures["bad"].endswith("expected from 1700-01-01T00:00:00 to 2200-01-01T00:00:00")
    assert set(made.frame["unique_id"]) == {"a", "b", "c"}


def test_integer_steps_that_span_more_than_an_integer_fail_their_series_alone() -> None:
    # their distance wrapped around to -1, and the answer counted backwards
    ends = pd.Series(np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max]))
    frame = pd.concat([frame_of("a", [1.0, 2.0], ds=pd.Series([1, 2])), frame_of("bad", [1.0, 2.0], ds=ends)])
    made = forecast_series(frame, horizon=2)
    assert made.failures == {"bad": "bad: ds spans 18446744073709551615, expected at most 9223372036854775807"}
    assert made.frame["ds"].tolist() == [3, 4]


def test_a_series_of_one_point_has_a_defined_answer() -> None:
    made = forecast_series(frame_of("a", [5.0]), horizon=2)
    assert made.frame["yhat"].tolist() == pytest.approx([5.0, 5.0])
    assert made.frame["ds"].tolist() == pd.date_range("2026-10-05 01:00", periods=2, freq="h", tz="UTC").tolist()


def test_a_frame_without_any_usable_series_gives_no_rows_but_the_columns() -> None:
    made = forecast_series(frame_of("a", [np.nan]), horizon=2)
    assert made.frame.empty
    assert list(made.frame.columns) == ["unique_id", "ds", "yhat", *QUANTILE_NAMES, "model"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (SHORT.drop(columns="y"), "column 'y' is missing: found .* expected double"),
        (SHORT.assign(ds=SHORT["ds"].astype(str)), "column 'ds' has type .*, expected timestamp or integer"),
        (SHORT.assign(y="many"), "column 'y' has type .*, expected double"),
        (SHORT.assign(unique_id=1), "column 'unique_id' has type int64, expected string"),
        (SHORT.assign(ds=pd.NaT), "column 'ds' has"),
        (SHORT.assign(unique_id=[["a"]] * len(SHORT)), "column 'unique_id' has values of type mixed, expected string"),
        (SHORT.assign(unique_id=[b"a"] * len(SHORT)), "column 'unique_id' has values of type bytes, expected string"),
        (pd.concat([SHORT, SHORT["y"]], axis=1), "column 'y' is there more than once"),
    ],
)
def test_a_frame_that_cannot_be_used_names_column_and_type(frame: pd.DataFrame, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        forecast_series(frame, horizon=2)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="horizon must be at least 1"):
        forecast_series(SHORT, horizon=0)
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        forecast_series(SHORT, horizon=1, jobs=0)
    with pytest.raises(FrameError, match="ascending lengths"):
        forecast_series(SHORT, horizon=1, seasons=(168, 24))
    with pytest.raises(ValueError, match=r"unknown models \['arima'\]"):
        backtest_series(SHORT, horizon=1, windows=1, models=["arima"])
    with pytest.raises(ValueError, match="at least 1"):
        backtest_series(SHORT, horizon=1, windows=0)


def test_a_backtest_scores_every_model_at_every_cutoff_and_band() -> None:
    frame = frame_of("a", shaped_demand(24 * 12))
    made = backtest_series(frame, horizon=12, windows=2)
    assert tuple(made.frame.columns) == SCORE_COLUMNS
    assert set(made.frame["model"]) == {
        *("headroom", "prophet", "prophet_alone", "seasonal_naive_daily", "seasonal_naive_weekly"),
        *("day_corrected", "days_corrected", "weeks_corrected", "level_corrected", "theta", "gradient_boosting"),
        "smoothed_level",
    }
    assert len(made.frame) == 12 * 2 * 3
    cutoffs = sorted(made.frame["cutoff"].unique())
    assert cutoffs == [pd.Timestamp("2026-10-15 23:00", tz="UTC"), pd.Timestamp("2026-10-16 11:00", tz="UTC")]
    assert made.frame["wape"].between(0, 2).all()


def test_nothing_a_backtest_says_knows_what_came_after_its_cutoff() -> None:
    values = shaped_demand(24 * 9)
    changed = np.where(np.arange(len(values)) >= len(values) - 12, 3 * values, values)
    one, other = (
        backtest_series(frame_of("a", known), horizon=12, windows=1, models=["headroom"]) for known in (values, changed)
    )
    said = ["cutoff", "ds", "q10", "q50", "q90"]
    pd.testing.assert_frame_equal(one.forecasts[said], other.forecasts[said])
    assert (one.frame["wape"] < other.frame["wape"]).all()


def test_a_backtest_scales_errors_by_demand_as_it_was_also_after_a_level_shift() -> None:
    """Older hours are brought to the new level to learn from them; MASE's scale is of what came."""
    values = shaped_demand(24 * 28 + 6)
    values[24 * 25 :] *= 2.0
    made = backtest_series(frame_of("a", values), horizon=6, windows=1, models=["seasonal_naive_daily"])
    row = made.frame.set_index("horizon_band").loc["1-2"]
    error = row["wape"] * values[-6:-4].mean()
    known = values[:-6]
    assert error / row["mase"] == pytest.approx(np.abs(known[24:] - known[:-24]).mean())


def test_a_backtest_leaves_out_series_too_short_to_be_judged_and_says_so() -> None:
    frame = pd.concat([frame_of("long", shaped_demand(60)), frame_of("short", [1.0])])
    made = backtest_series(frame, horizon=6, windows=1, models=["headroom", "seasonal_naive_daily"])
    assert set(made.frame["unique_id"]) == {"long"}
    assert made.failures["short"] == (
        "short: none of 1 origins, the newest 6 steps from the end, has a y that is not null both before and after it; "
        "found 1 such in 1 steps"
    )


def test_a_backtest_of_two_days_has_only_our_own_simple_answer() -> None:
    made = backtest_series(frame_of("a", shaped_demand(40)), horizon=6, windows=1, models=["headroom", "prophet"])
    assert set(made.frame["model"]) == {"headroom"}


@pytest.mark.parametrize(
    ("kind", "newest"),
    [("int8", 126), ("int32", 2**31 - 2), ("int64", 2**63 - 2), ("uint64", 2**63 - 2)],
)
def test_steps_that_would_leave_their_type_are_refused(kind: str, newest: int) -> None:
    ds = pd.Series([newest - 59 + step for step in range(60)], dtype=kind)
    made = forecast_series(frame_of("a", shaped_demand(60), ds=ds), horizon=3)
    assert made.frame.empty
    assert made.failures["a"].startswith(f"a: ds would reach {newest + 3} after 3 steps, its type ends at ")


def test_an_unsigned_step_beyond_all_integers_is_refused() -> None:
    ds = pd.Series([2**64 - 60 + step for step in range(60)], dtype="uint64")
    made = forecast_series(frame_of("a", shaped_demand(60), ds=ds), horizon=3)
    assert made.failures == {"a": f"a: ds is {2**64 - 1}, expected at most {2**63 - 1}"}


def test_a_member_left_out_of_the_ensemble_can_be_asked_for_and_changes_nothing_of_ours() -> None:
    frame = frame_of("a", shaped_demand(24 * 12))
    alone, beside = (
        backtest_series(frame, horizon=12, windows=1, models=models).frame
        for models in (["headroom"], ["headroom", "random_forest"])
    )
    assert set(beside["model"]) == {"headroom", "random_forest"}
    pd.testing.assert_frame_equal(alone, beside[beside["model"] == "headroom"].reset_index(drop=True))


def test_where_no_model_asked_for_can_serve_the_backtest_says_that_and_the_other_series_are_judged() -> None:
    frame = pd.concat([frame_of("long", shaped_demand(24 * 9)), frame_of("short", shaped_demand(60))])
    made = backtest_series(frame, horizon=6, windows=1, models=["weeks_corrected"])
    assert set(made.frame["unique_id"]) == {"long"}
    assert made.failures["short"] == (
        "short: none of weeks_corrected can serve at any of 1 origins; expected more history before them, found 60 "
        "steps in all"
    )


def test_prophet_that_fails_as_it_comes_costs_its_own_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Error during optimization")

    monkeypatch.setattr("prophet.Prophet.fit", fail)
    made = backtest_series(
        frame_of("a", shaped_demand(72)), horizon=6, windows=1, models=["prophet_alone", "seasonal_naive_daily"]
    )
    assert set(made.frame["model"]) == {"seasonal_naive_daily"}
