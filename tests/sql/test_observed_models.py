"""What was seen of fleets lately: hours known, samples seen, instances in service, forecasts that held."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headroom.domain.window import Window

END = datetime(2026, 11, 18, 5, tzinfo=UTC)
LAST_HOURS = Window(END - timedelta(hours=4), END)
INSTANCES = "int_utilization__instances_by_fleet"
FRESHNESS = "int_demand__freshness_by_fleet"
HISTORY = "int_demand__history"
BAND = "int_forecast__band_record_by_fleet"


def before(hours: int) -> datetime:
    return END - timedelta(hours=hours)


def demand(hours_before: int, *, mean: Any = 5.0, peak: Any = 8.0, seen: int = 12, fleet: str = "chat") -> Any:
    return {
        "fleet_id": fleet,
        "hour_start_utc": before(hours_before),
        "mean_demand_per_second": mean,
        "peak_demand_per_second": peak,
        "samples_expected": 12,
        "samples_seen": seen,
    }


def unseen(hours_before: int) -> Any:
    return demand(hours_before, mean=None, peak=None, seen=0)


def in_service(hours_before: int, instances: Any, *, fleet: str = "chat") -> Any:
    return {
        "fleet_id": fleet,
        "hour_start_utc": before(hours_before),
        "instances_in_service_mean": instances,
    }


def forecast(hours_before: int, *, made_before: int, q10: float = 4.0, q90: float = 10.0, fleet: str = "chat") -> Any:
    return {
        "fleet_id": fleet,
        "made_at_utc": before(made_before),
        "hour_start_utc": before(hours_before),
        "peak_demand_q10_per_second": q10,
        "peak_demand_q90_per_second": q90,
    }


def run_last_hours(run_model: Any, name: str, **tables: Any) -> Any:
    names = {
        "demand": "mart_demand__hourly_by_fleet",
        "utilization": "mart_utilization__hourly_by_fleet",
        "forecasts": "mart_forecast__hourly_by_fleet",
    }
    return run_model(name, {names[table]: rows for table, rows in tables.items()}, window=LAST_HOURS)


def test_instances_are_listed_by_hour_whatever_the_order_of_rows(run_model: Any) -> None:
    rows = [in_service(1, 7.0), in_service(3, 5.5), in_service(2, 6.0), in_service(4, 4.0)]

    (row,) = run_last_hours(run_model, INSTANCES, utilization=rows)

    assert row == {"fleet_id": "chat", "hours_seen": 4, "instances_in_service_by_hour": [4.0, 5.5, 6.0, 7.0]}


def test_an_hour_without_a_count_of_instances_shortens_the_list(run_model: Any) -> None:
    rows = [in_service(2, None), in_service(1, 7.0), in_service(5, 9.0), in_service(0, 9.0)]  # two outside the window

    (row,) = run_last_hours(run_model, INSTANCES, utilization=rows)

    assert (row["hours_seen"], row["instances_in_service_by_hour"]) == (1, [7.0])


def test_instances_of_a_fleet_not_asked_for_are_left_out(run_model: Any) -> None:
    assert run_last_hours(run_model, INSTANCES, utilization=[in_service(1, 7.0, fleet="embed")]) == []


def test_freshness_is_the_end_of_the_newest_seen_hour_and_the_samples_of_all(run_model: Any) -> None:
    rows = [demand(4), demand(3, seen=9), demand(2, seen=1), unseen(1)]

    (row,) = run_last_hours(run_model, FRESHNESS, demand=rows)

    assert row["newest_sample_utc"] == before(1)  # the hour that started two before the end had its last sample
    assert (row["samples_expected"], row["samples_seen"]) == (4 * 12, 12 + 9 + 1 + 0)


def test_a_fleet_nobody_saw_has_no_newest_sample_and_one_not_in_the_mart_no_row(run_model: Any) -> None:
    (row,) = run_last_hours(run_model, FRESHNESS, demand=[unseen(2), unseen(1), demand(1, fleet="embed")])

    assert (row["fleet_id"], row["newest_sample_utc"]) == ("chat", None)
    assert (row["samples_expected"], row["samples_seen"]) == (24, 0)


def test_hours_outside_the_window_are_not_fresh(run_model: Any) -> None:
    assert run_last_hours(run_model, FRESHNESS, demand=[demand(5), demand(0)]) == []


def test_history_has_the_seen_hours_of_the_window_in_order(run_model: Any) -> None:
    rows = [demand(1, mean=3.0), unseen(2), demand(4, mean=1.0), demand(5), demand(0), demand(3, fleet="embed")]

    found = run_last_hours(run_model, HISTORY, demand=rows)

    assert [(row["hour_start_utc"], row["mean_demand_per_second"]) for row in found] == [
        (before(4), 1.0),
        (before(1), 3.0),
    ]
    assert [row["fleet_id"] for row in found] == ["chat", "chat"]


def test_history_tells_which_hours_were_saturated(run_model: Any) -> None:
    rows = [{**demand(2), "censored_fraction": 0.75}, demand(1)]

    found = run_last_hours(run_model, HISTORY, demand=rows)

    assert [row["censored_fraction"] for row in found] == [0.75, None]


def test_a_peak_on_the_edge_of_the_band_is_inside(run_model: Any) -> None:
    peaks = {4: 4.0, 3: 10.0, 2: 3.9, 1: 10.1}  # the band is 4 to 10: two on its edges, one below, one above

    (row,) = run_last_hours(
        run_model,
        BAND,
        demand=[demand(hour, peak=peak) for hour, peak in peaks.items()],
        forecasts=[forecast(hour, made_before=6) for hour in peaks],
    )

    assert (row["hours_judged"], row["hours_inside"]) == (4, 2)


def test_an_hour_is_judged_by_the_newest_forecast_from_before_it_began(run_model: Any) -> None:
    forecasts = [
        forecast(2, made_before=9, q10=0.0, q90=99.0),  # inside, but superseded
        forecast(2, made_before=2, q10=0.0, q90=1.0),  # made as the hour began: 8 is above it
        forecast(2, made_before=1, q10=0.0, q90=99.0),  # made when the hour was over
    ]

    (row,) = run_last_hours(run_model, BAND, demand=[demand(2, peak=8.0)], forecasts=forecasts)

    assert (row["hours_judged"], row["hours_inside"]) == (1, 0)


def test_hours_without_demand_or_forecast_or_outside_the_window_are_not_judged(run_model: Any) -> None:
    (row,) = run_last_hours(
        run_model,
        BAND,
        demand=[demand(5), demand(4), demand(3), unseen(2), demand(0)],
        forecasts=[forecast(hour, made_before=9) for hour in (5, 4, 2, 0)],  # none of hour 3
    )

    assert (row["hours_judged"], row["hours_inside"]) == (1, 1)  # hour 4


def test_a_fleet_without_a_judged_hour_is_absent(run_model: Any) -> None:
    rows = run_last_hours(
        run_model,
        BAND,
        demand=[unseen(2), demand(2, fleet="embed")],
        forecasts=[forecast(2, made_before=4), forecast(2, made_before=4, fleet="embed")],
    )

    assert rows == []


def test_an_hour_of_which_too_few_samples_were_seen_is_not_judged(run_model: Any) -> None:
    hours = [demand(3, peak=1.0, seen=9), demand(2, peak=5.0, seen=10)]  # 9 of 12 are below 0.8, 10 of 12 above

    (row,) = run_last_hours(run_model, BAND, demand=hours, forecasts=[forecast(hour, made_before=4) for hour in (3, 2)])

    assert (row["hours_judged"], row["hours_inside"]) == (1, 1)


def latency(hours_before: int, *, p95: Any = 0.5, p99: Any = 0.9) -> Any:
    return {
        "fleet_id": "chat",
        "hour_start_utc": before(hours_before),
        "latency_p95_seconds": p95,
        "latency_p99_seconds": p99,
    }


def run_by_load(run_model: Any, **tables: Any) -> Any:
    marts = {f"mart_{name}__hourly_by_fleet": rows for name, rows in tables.items()}
    return run_model("int_latency__by_load", marts, window=LAST_HOURS)


def test_latency_stands_beside_the_load_it_was_measured_at(run_model: Any) -> None:
    (row,) = run_by_load(
        run_model,
        latency=[latency(2, p95=0.7)],
        demand=[demand(2, peak=9.0)],
        utilization=[in_service(2, 3.0)],
    )
    assert (row["peak_demand_per_second"], row["latency_seconds"], row["instances_in_service_mean"]) == (9.0, 0.7, 3.0)


def test_hours_without_work_latency_or_instances_tell_nothing(run_model: Any) -> None:
    rows = run_by_load(
        run_model,
        latency=[latency(1), latency(2, p95=None), latency(3), latency(4), latency(5)],
        demand=[demand(1, mean=0.0, peak=0.0), demand(2), demand(3), unseen(4), demand(5)],
        utilization=[in_service(hour, 0.0 if hour == 3 else 5.0) for hour in (1, 2, 3, 4, 5)],
    )
    assert rows == []  # the fifth hour lies before the window


def test_the_record_of_an_hour_is_its_peak_beside_the_newest_forecast_from_before(run_model: Any) -> None:
    forecasts = [
        forecast(2, made_before=4, q10=1.0, q90=2.0),
        forecast(2, made_before=2, q10=3.0, q90=9.0),
        forecast(2, made_before=1, q10=0.0, q90=99.0),  # made when the hour was over
        forecast(3, made_before=4),  # of an hour nobody saw
    ]

    (row,) = run_last_hours(
        run_model, "int_forecast__record_by_fleet_hour", demand=[demand(2, peak=8.0), unseen(3)], forecasts=forecasts
    )

    assert (row["hour_start_utc"], row["made_at_utc"]) == (before(2), before(2))
    assert row["peak_demand_per_second"] == 8.0
    assert (row["peak_demand_q10_per_second"], row["peak_demand_q90_per_second"]) == (3.0, 9.0)
