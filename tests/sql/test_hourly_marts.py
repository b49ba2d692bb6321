from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from headroom.domain.window import Window

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
DEMAND = "mart_demand__hourly_by_fleet"
UTILIZATION = "mart_utilization__hourly_by_fleet"
LATENCY = "mart_latency__hourly_by_fleet"


def sample(metric: str, minute: Any, value: Any, *, fleet: Any = "chat", hour: Any = HOUR, period: Any = 300) -> Any:
    return {
        "fleet_id": fleet,
        "metric": metric,
        "timestamp_utc": hour + timedelta(minutes=minute),
        "period_seconds": period,
        "value": value,
    }


def demand_of_an_hour(count: int, *, hour: Any = HOUR) -> Any:
    return [sample("demand_count", minute, count, hour=hour) for minute in range(0, 60, 5)]


def test_mean_is_of_the_hour_and_peak_of_its_busiest_five_minutes(run_model: Any) -> None:
    rows = demand_of_an_hour(300.0)
    rows[3] = sample("demand_count", 15, 900.0)

    (row,) = run_model(DEMAND, {"metric_sample": rows})

    assert row["mean_demand_per_second"] == pytest.approx((11 * 300 + 900) / 3600)  # 4200 requests in an hour
    assert row["peak_demand_per_second"] == pytest.approx(900 / 300)
    assert (row["samples_expected"], row["samples_seen"], row["censored_fraction"]) == (12, 12, 0.0)


def test_one_minute_samples_peak_over_five_minutes_not_one(run_model: Any) -> None:
    rows = [sample("demand_count", minute, 60.0, period=60) for minute in range(60)]
    rows[7] = sample("demand_count", 7, 360.0, period=60)

    (row,) = run_model(DEMAND, {"metric_sample": rows}, fleets=[{"expected_period_seconds": 60}])

    assert row["peak_demand_per_second"] == pytest.approx((4 * 60 + 360) / 300)  # minutes 5 to 9: 600 in 300 s
    assert (row["samples_expected"], row["samples_seen"]) == (60, 60)


def test_every_hour_of_the_window_has_a_row_and_an_unseen_one_is_null_not_zero(run_model: Any) -> None:
    window = Window(HOUR - timedelta(hours=1), HOUR + timedelta(hours=2))

    rows = run_model(
        DEMAND,
        {"metric_sample": demand_of_an_hour(300.0)},
        fleets=[{}, {"fleet_id": "embed"}],
        window=window,
    )

    assert [(row["fleet_id"], row["hour_start_utc"].hour) for row in rows] == [
        (fleet, hour) for fleet in ("chat", "embed") for hour in (4, 5, 6)
    ]
    unseen = rows[0]
    assert unseen["samples_seen"] == 0
    assert unseen["mean_demand_per_second"] is unseen["peak_demand_per_second"] is unseen["censored_fraction"] is None


def test_a_gap_inside_an_hour_is_left_out_of_the_mean(run_model: Any) -> None:
    rows = demand_of_an_hour(300.0)[:9]

    (row,) = run_model(DEMAND, {"metric_sample": rows})

    assert row["mean_demand_per_second"] == pytest.approx(9 * 300 / (9 * 300))
    assert row["samples_seen"] == 9


def idle_hour(*, hour: Any = HOUR) -> Any:
    """An hour of which the load balancer says nothing, while the instances behind it report their CPU."""
    return [sample("cpu_utilization_percent", minute, 2.0, hour=hour) for minute in range(0, 60, 5)]


IDLE_WINDOW = Window(HOUR, HOUR + timedelta(hours=2))


def run_idle(run_model: Any, rows: Any, **fleet: Any) -> Any:
    return run_model(DEMAND, {"metric_sample": rows}, fleets=[fleet], window=IDLE_WINDOW)[0]


def test_where_zeros_are_left_out_an_hour_without_demand_but_with_instances_is_zero(run_model: Any) -> None:
    row = run_idle(run_model, idle_hour())

    assert (row["mean_demand_per_second"], row["peak_demand_per_second"]) == (0.0, 0.0)
    assert (row["samples_seen"], row["samples_inferred"], row["censored_fraction"]) == (12, 12, 0.0)


def test_idle_minutes_inside_an_hour_count_as_zero_in_its_mean(run_model: Any) -> None:
    row = run_idle(run_model, [*idle_hour(), *demand_of_an_hour(300.0)[:3]])

    assert row["mean_demand_per_second"] == pytest.approx(3 * 300 / 3600)
    assert row["peak_demand_per_second"] == pytest.approx(1.0)
    assert (row["samples_seen"], row["samples_inferred"]) == (12, 9)


@pytest.mark.parametrize(
    ("fleet", "rows"),
    [
        ({"is_demand_omitted_at_zero": False}, idle_hour()),
        ({}, []),
        ({}, [sample("instances_in_service", minute, 0.0) for minute in range(0, 60, 5)]),
        ({}, [*idle_hour(), *(sample("latency_p95_seconds", minute, 0.4) for minute in range(0, 60, 5))]),
        ({}, [*idle_hour(), *(sample("error_count", minute, 3.0) for minute in range(0, 60, 5))]),
        ({}, [*idle_hour(), *(sample("gpu_utilization_percent", minute, 96.0) for minute in range(0, 60, 5))]),
    ],
    ids=[
        "its source would publish zeros",
        "no metric at all has a sample",
        "no instance runs, so the balancer counts nothing it turns away",
        "latency was measured, so there were requests",
        "errors were counted, so there were requests",
        "the GPUs are at their limit, so the balancer's metrics are missing",
    ],
)
def test_demand_nobody_can_know_stays_missing(run_model: Any, fleet: Any, rows: Any) -> None:
    row = run_idle(run_model, rows, **fleet)

    assert row["mean_demand_per_second"] is None
    assert (row["samples_seen"], row["samples_inferred"]) == (0, 0)


def test_instances_in_service_are_a_sign_of_an_idle_fleet_too(run_model: Any) -> None:
    rows = [sample("instances_in_service", minute, 1.0) for minute in range(0, 60, 5)]

    assert run_idle(run_model, rows)["mean_demand_per_second"] == 0.0


def test_the_newest_minutes_are_not_taken_for_idle_since_their_demand_may_be_late(run_model: Any) -> None:
    (row,) = run_model(DEMAND, {"metric_sample": idle_hour()})  # the window ends with the hour

    assert (row["samples_seen"], row["samples_inferred"]) == (10, 10)


def test_a_finer_period_infers_as_many_samples_as_it_expects(run_model: Any) -> None:
    rows = [sample("cpu_utilization_percent", minute, 2.0, period=60) for minute in range(60)]

    row = run_idle(run_model, rows, expected_period_seconds=60)

    assert (row["samples_expected"], row["samples_seen"], row["mean_demand_per_second"]) == (60, 60, 0.0)


def test_a_sample_read_twice_counts_once_with_its_later_larger_value(run_model: Any) -> None:
    rows = [*demand_of_an_hour(300.0), sample("demand_count", 0, 120.0), sample("demand_count", 0, 600.0)]

    (row,) = run_model(DEMAND, {"metric_sample": rows})

    assert row["samples_seen"] == 12
    assert row["mean_demand_per_second"] == pytest.approx((11 * 300 + 600) / 3600)


@pytest.mark.parametrize(
    ("metric", "value", "is_saturated"),
    [
        ("latency_p95_seconds", 2.1, True),
        ("latency_p95_seconds", 2.0, False),
        ("latency_p99_seconds", 9.0, False),  # the objective is at the 95th percentile
        ("cpu_utilization_percent", 95.0, True),
        ("gpu_utilization_percent", 97.0, True),
        ("gpu_utilization_percent", 94.9, False),
        ("memory_utilization_percent", 99.0, False),
    ],
)
def test_a_sample_is_censored_above_the_objective_or_at_full_compute(
    run_model: Any, metric: str, value: Any, is_saturated: Any
) -> None:
    rows = [*demand_of_an_hour(300.0), *(sample(metric, minute, value) for minute in (0, 5, 10))]

    (row,) = run_model(DEMAND, {"metric_sample": rows})

    assert row["censored_fraction"] == pytest.approx(3 / 12 if is_saturated else 0)


def test_the_limit_of_saturation_is_a_parameter(run_model: Any) -> None:
    rows = [*demand_of_an_hour(300.0), sample("cpu_utilization_percent", 0, 80.0)]

    (row,) = run_model(DEMAND, {"metric_sample": rows}, parameters={"saturated_utilization_fraction": 0.8})

    assert row["censored_fraction"] == pytest.approx(1 / 12)


def test_a_fleet_promised_tokens_is_censored_by_utilization_alone(run_model: Any) -> None:
    rows = [*demand_of_an_hour(300.0), sample("latency_p95_seconds", 0, 60.0)]

    (row,) = run_model(DEMAND, {"metric_sample": rows}, fleets=[{"objective_latency_seconds": None}])

    assert row["censored_fraction"] == 0.0


def test_hours_are_utc_in_the_night_the_clocks_change(run_model: Any, session: duckdb.DuckDBPyConnection) -> None:
    session.execute("set TimeZone = 'America/New_York'")
    change = datetime(2026, 11, 1, 5, tzinfo=UTC)  # 01:00 in New York comes twice: 05:00 and 06:00 UTC
    window = Window(change, change + timedelta(hours=2))
    rows = [*demand_of_an_hour(300.0, hour=change), *demand_of_an_hour(600.0, hour=change + timedelta(hours=1))]

    found = run_model(DEMAND, {"metric_sample": rows}, window=window)

    assert [row["mean_demand_per_second"] for row in found] == pytest.approx([1.0, 2.0])
    assert [row["hour_start_utc"].astimezone(UTC).hour for row in found] == [5, 6]


def test_samples_outside_the_window_or_of_unknown_fleets_are_left_out(run_model: Any) -> None:
    rows = [
        *demand_of_an_hour(300.0),
        sample("demand_count", 60, 9e9),
        sample("demand_count", -5, 9e9),
        sample("demand_count", 0, 9e9, fleet="other"),
    ]

    (row,) = run_model(DEMAND, {"metric_sample": rows})

    assert row["peak_demand_per_second"] == pytest.approx(1.0)


def test_utilization_is_in_fractions_with_median_p95_and_maximum(run_model: Any) -> None:
    rows = [sample("gpu_utilization_percent", 5 * position, 10.0 * position) for position in range(11)]
    rows += [sample("network_bytes", 0, 3e6), sample("instances_in_service", 0, 4.0)]
    rows += [sample("instances_in_service", 5, 6.0)]

    (row,) = run_model(UTILIZATION, {"metric_sample": rows})

    assert row["gpu_utilization_p50_fraction"] == pytest.approx(0.5)  # 0, 10 ... 100 percent
    assert row["gpu_utilization_p95_fraction"] == pytest.approx(0.95)
    assert row["gpu_utilization_max_fraction"] == pytest.approx(1.0)
    assert row["network_max_bytes_per_second"] == pytest.approx(3e6 / 300)
    assert [row[f"instances_in_service_{part}"] for part in ("mean", "min", "max")] == [5.0, 4.0, 6.0]
    assert row["cpu_utilization_p50_fraction"] is None


def test_utilization_of_an_unseen_hour_is_null(run_model: Any) -> None:
    (row,) = run_model(UTILIZATION, {"metric_sample": []})

    assert {value for name, value in row.items() if name not in ("fleet_id", "hour_start_utc")} == {None}


def test_median_latency_is_weighted_by_demand_and_the_tail_is_the_worst_five_minutes(run_model: Any) -> None:
    rows = [
        sample("demand_count", 0, 100.0),
        sample("demand_count", 5, 300.0),
        sample("latency_p50_seconds", 0, 0.2),
        sample("latency_p50_seconds", 5, 0.6),
        sample("latency_p50_seconds", 10, 9.0),  # nobody counted its requests
        sample("latency_p95_seconds", 0, 0.9),
        sample("latency_p95_seconds", 5, 1.4),
        sample("latency_p99_seconds", 5, 2.2),
        sample("cold_start_count", 0, 2.0),
        sample("cold_start_count", 5, 1.0),
    ]

    (row,) = run_model(LATENCY, {"metric_sample": rows})

    assert row["latency_p50_seconds"] == pytest.approx((100 * 0.2 + 300 * 0.6) / 400)
    assert (row["latency_p95_seconds"], row["latency_p99_seconds"], row["cold_starts"]) == (1.4, 2.2, 3)


@pytest.mark.parametrize(
    ("fleet", "errors", "expected"),
    [
        ({}, [("error_count", 0, 20.0)], 1 - 20 / 400),
        ({}, [], 1.0),  # CloudWatch reports errors only when there are some
        ({}, [("error_count", 10, 20.0)], 1.0),  # a moment whose requests nobody counted
        ({"has_error_metric": False}, [], None),
        ({"demand_unit": "output_tokens"}, [("error_count", 0, 20.0)], None),
    ],
)
def test_success_is_the_share_of_requests_without_error(run_model: Any, fleet: Any, errors: Any, expected: Any) -> None:
    rows = [sample("demand_count", 0, 100.0), sample("demand_count", 5, 300.0)]
    rows += [sample(metric, minute, value) for metric, minute, value in errors]

    (row,) = run_model(LATENCY, {"metric_sample": rows}, fleets=[fleet])

    assert row["success_fraction"] == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("rows", [[], [sample("demand_count", 0, 0.0)]])
def test_success_without_demand_is_null(run_model: Any, rows: Any) -> None:
    (row,) = run_model(LATENCY, {"metric_sample": rows})

    assert row["success_fraction"] is None


def test_an_inner_model_can_be_looked_at_alone(run_model: Any) -> None:
    rows = [sample("demand_count", 0, 300.0), sample("latency_p95_seconds", 0, 3.0), sample("demand_count", 5, 60.0)]

    bins = run_model("int_demand__5min", {"metric_sample": rows})

    assert sorted((row["demand_per_second"], row["is_saturated"]) for row in bins) == [(0.2, False), (1.0, True)]
