"""What the page of forecasts reads: scores by fleet and band, and what was said of an hour when its day began."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headroom.domain.window import Window

ACCURACY = "int_forecast__accuracy_by_fleet_band"
DAY_AHEAD = "int_forecast__day_ahead_by_fleet_hour"
MIDNIGHT = datetime(2026, 11, 18, tzinfo=UTC)


def score(made_after_hours: int, *, band: str = "7-24", fleet: str = "chat", **measures: Any) -> dict[str, Any]:
    made_at = MIDNIGHT + timedelta(hours=made_after_hours)
    return {"fleet_id": fleet, "made_at_utc": made_at, "horizon_band": band, **measures}


def forecast(hour: int, *, made_after_hours: int, median: float = 5.0, fleet: str = "chat") -> dict[str, Any]:
    return {
        "fleet_id": fleet,
        "made_at_utc": MIDNIGHT + timedelta(hours=made_after_hours),
        "hour_start_utc": MIDNIGHT + timedelta(hours=hour),
        "mean_demand_q50_per_second": median,
    }


def accuracy(run_model: Any, *scores: dict[str, Any]) -> Any:
    window = Window(MIDNIGHT, MIDNIGHT + timedelta(hours=24))
    return run_model(ACCURACY, {"mart_forecast_score__by_fleet": scores}, window=window)


def day_ahead(run_model: Any, *forecasts: dict[str, Any]) -> dict[datetime, tuple[datetime, float]]:
    window = Window(MIDNIGHT, MIDNIGHT + timedelta(days=2))
    rows = run_model(DAY_AHEAD, {"mart_forecast__hourly_by_fleet": forecasts}, window=window)
    return {row["hour_start_utc"]: (row["made_at_utc"], row["mean_demand_q50_per_second"]) for row in rows}


def test_a_bands_scores_are_averaged_over_forecasts_and_what_is_undefined_does_not_count(run_model: Any) -> None:
    rows = accuracy(
        run_model,
        score(1, wape=0.1, mase=0.5, coverage80_fraction=1.0),
        score(24, wape=0.3, coverage80_fraction=0.5),
        score(1, band="1-2", wape=0.05),
    )
    near, day = sorted(rows, key=lambda row: row["horizon_band"])
    assert (near["horizon_band"], near["forecasts_judged"], near["wape"], near["mase"]) == ("1-2", 1, 0.05, None)
    assert (day["forecasts_judged"], day["wape"], day["mase"], day["coverage80_fraction"]) == (2, 0.2, 0.5, 0.75)


def test_forecasts_made_outside_the_window_and_fleets_not_asked_about_are_left_out(run_model: Any) -> None:
    assert accuracy(run_model, score(0, wape=0.1), score(25, wape=0.1), score(3, wape=0.1, fleet="other")) == []


def test_an_hour_is_judged_by_what_was_said_when_its_day_began(run_model: Any) -> None:
    said = day_ahead(
        run_model,
        forecast(5, made_after_hours=-1, median=1.0),
        forecast(5, made_after_hours=0, median=2.0),
        forecast(5, made_after_hours=1, median=3.0),
    )
    assert said == {MIDNIGHT + timedelta(hours=5): (MIDNIGHT, 2.0)}


def test_where_midnights_forecast_is_missing_the_one_before_it_is_taken(run_model: Any) -> None:
    said = day_ahead(run_model, forecast(30, made_after_hours=-2), forecast(30, made_after_hours=30, median=9.0))
    assert said == {MIDNIGHT + timedelta(hours=30): (MIDNIGHT - timedelta(hours=2), 5.0)}
    assert day_ahead(run_model, forecast(30, made_after_hours=29)) == {}
