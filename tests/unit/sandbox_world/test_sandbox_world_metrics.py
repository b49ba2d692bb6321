from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from headroom.config import load_fleets
from headroom.domain.fleet import MetricReference
from headroom.domain.sparse_metrics import OMITTED_AT_ZERO
from headroom.domain.window import Window
from headroom.sandbox.fleet_lives import UtilizationCurve
from headroom.sandbox.scenarios.demo import CONFIG_FOLDER
from headroom.sandbox.world import World
from headroom.sandbox.world_interface import MetricId, MetricSeries
from headroom.sandbox.world_metrics import build_series, statistics_of
from headroom.sandbox.world_service import Service
from headroom.simulation.fleet_scene import request_queue

CURVE = UtilizationCurve(cpu_idle_percent=5.0, cpu_busy_percent=60.0, memory_percent=40.0, gpu_memory_percent=50.0)
FLEETS = load_fleets(CONFIG_FOLDER / "fleets.yaml")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)


def series(
    sums: list[float], *, counts: list[float], percentiles: dict[float, list[float]] | None = None
) -> MetricSeries:
    steps = np.datetime64("2026-11-17T12:00:00") + np.arange(len(sums)) * np.timedelta64(300, "s")
    return MetricSeries(
        metric=MetricId(namespace="N", name="M", dimensions=()),
        unit="Count",
        timestamps=steps,
        sample_count=np.array(counts),
        sums=np.array(sums),
        minimum=np.array(sums) / 10.0,
        maximum=np.array(sums) * 2.0,
        percentiles={level: np.array(values) for level, values in (percentiles or {}).items()},
    )


def values(one: MetricSeries, statistic: str, period_seconds: int = 900, hours: int = 1) -> list[float]:
    window = Window(NOON, NOON + timedelta(hours=hours))
    return statistics_of(one, statistic=statistic, period_seconds=period_seconds, window=window)[1].tolist()


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [("AWS/ApplicationELB", [600.0, 300.0]), ("AWS/SageMaker", [600.0, 300.0]), ("AWS/SQS", [600.0, 0.0, 300.0])],
)
def test_zero_counts_are_left_out_where_aws_leaves_them_out(namespace: str, expected: list[float]) -> None:
    arrived = np.array([600.0, 0.0, 300.0])
    service = Service(queue=request_queue(FLEETS[0]), seed=0, fleet_number=0)
    served = service.serve(
        arrived=arrived,
        is_reported=np.ones(3, dtype=np.bool_),
        in_service=np.full((3, 5), 4),
        entered=np.zeros((3, 5), dtype=np.int64),
    )

    one = build_series(
        MetricId(namespace=namespace, name="RequestCount", dimensions=()),
        "demand_count",
        served=served,
        gauges=CURVE,
        start=np.datetime64("2026-11-17T12:00:00"),
    )

    assert values(one, "Sum", period_seconds=300) == expected


def test_a_quarter_of_an_hour_holds_three_samples() -> None:
    one = series([10.0, 20.0, 60.0, 5.0], counts=[1.0, 2.0, 3.0, 5.0])
    assert values(one, "Sum") == [90.0, 5.0]
    assert values(one, "SampleCount") == [6.0, 5.0]
    assert values(one, "Average") == [15.0, 1.0]  # 90 / 6, 5 / 5
    assert values(one, "Minimum") == [1.0, 0.5]
    assert values(one, "Maximum") == [120.0, 10.0]


def test_periods_below_five_minutes_give_the_samples_there_are() -> None:
    assert values(series([10.0, 20.0], counts=[1.0, 1.0]), "Sum", period_seconds=60) == [10.0, 20.0]


def test_only_periods_that_start_in_the_window_come_back() -> None:
    one = series([1.0] * 12, counts=[1.0] * 12)
    window = Window(NOON + timedelta(minutes=10), NOON + timedelta(minutes=20))
    moments, found = statistics_of(one, statistic="Sum", period_seconds=300, window=window)
    assert moments.tolist() == [datetime(2026, 11, 17, 12, 10), datetime(2026, 11, 17, 12, 15)]  # noqa: DTZ001, numpy has no zones
    assert found.tolist() == [1.0, 1.0]


def test_a_window_without_samples_is_empty() -> None:
    window = Window(NOON - timedelta(days=1), NOON)
    moments, found = statistics_of(series([1.0], counts=[1.0]), statistic="p95", period_seconds=300, window=window)
    assert len(moments) == len(found) == 0


def test_percentiles_are_the_known_ones_and_between_them_follow_an_exponential_tail() -> None:
    one = series([1.0], counts=[1.0], percentiles={0.5: [0.2], 0.9: [0.5], 0.95: [0.6], 0.99: [0.9]})
    assert values(one, "p95") == pytest.approx([0.6])
    # ln(.05) = -3.00, ln(.03) = -3.51, ln(.01) = -4.61: p97 lies .51 / 1.61 = 31.7 % of the way from .6 to .9.
    assert values(one, "p97") == pytest.approx([0.6952], abs=1e-4)
    assert values(one, "p100") == [2.0]
    assert 0.1 <= values(one, "p10")[0] <= 0.2
    assert 0.9 < values(one, "p99.9")[0] <= 2.0


def test_percentiles_of_longer_periods_weigh_samples_by_their_count() -> None:
    one = series([1.0, 1.0], counts=[1.0, 3.0], percentiles={0.5: [0.1, 0.1], 0.95: [0.2, 0.6]})
    assert values(one, "p95", period_seconds=3600) == pytest.approx([0.5])  # (.2 + 3 x .6) / 4


def test_a_gauge_has_its_mean_as_median() -> None:
    assert values(series([30.0], counts=[3.0]), "p50") == pytest.approx([10.0])


@pytest.mark.parametrize(
    ("statistic", "period_seconds", "words"),
    [("Median", 300, "unknown statistic 'Median'"), ("p101", 300, "unknown statistic"), ("Sum", 90, "multiple of 60")],
)
def test_what_is_not_understood_is_refused(statistic: str, period_seconds: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        values(series([1.0], counts=[1.0]), statistic, period_seconds=period_seconds)


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda fleet: fleet.id)
def test_every_metric_that_the_configuration_names_is_there_for_the_last_hour(
    opened_world: World, fleet: object
) -> None:
    hour = Window(datetime(2026, 11, 18, 5, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
    references: dict[str, MetricReference] = {"demand_count": fleet.demand.metric, **fleet.metrics}  # type: ignore[attr-defined]
    for name, reference in references.items():
        one = opened_world.metric_series(reference.namespace, reference.name, reference.dimensions)
        assert one is not None, name
        _, found = statistics_of(one, statistic=reference.statistic, period_seconds=300, window=hour)
        is_idle = name.startswith("latency_") and fleet.id == "vision-batch"  # type: ignore[attr-defined]
        is_without_zeros = name == "error_count" and reference.namespace in OMITTED_AT_ZERO
        assert len(found) == 12 or is_idle or is_without_zeros, name
        assert np.isfinite(found).all(), name
        if name.endswith("_percent"):
            assert ((found >= 0.0) & (found <= 100.0)).all(), name


def test_samples_end_with_the_last_period_that_is_over(opened_world: World) -> None:
    one = opened_world.metric_series(
        "AWS/AutoScaling", "GroupInServiceInstances", {"AutoScalingGroupName": "chat-large"}
    )
    assert one is not None
    assert one.timestamps[0] == np.datetime64("2026-10-07T00:00:00")
    assert one.timestamps[-1] == np.datetime64("2026-11-18T06:00:00")  # 06:00 to 06:05, and it is 06:05


def test_sagemaker_tells_latency_in_microseconds_and_cpu_by_the_core(opened_world: World) -> None:
    endpoint = {"EndpointName": "rerank-prod", "VariantName": "AllTraffic"}
    latency = opened_world.metric_series("AWS/SageMaker", "ModelLatency", endpoint)
    assert latency is not None
    assert latency.unit == "Microseconds"
    assert 300_000 < np.median(latency.percentiles[0.95]) < 600_000
    cpu = opened_world.metric_series("/aws/sagemaker/Endpoints", "CPUUtilization", endpoint)
    assert cpu is not None
    assert (cpu.sums / cpu.sample_count).max() > 100.0


def test_dimensions_must_match_exactly(opened_world: World) -> None:
    assert opened_world.metric_series("AWS/EC2", "CPUUtilization", {}) is None
    assert opened_world.metric_series("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "other"}) is None
    assert opened_world.metric_series("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "chat-large"}) is not None


def test_all_metrics_can_be_listed(opened_world: World) -> None:
    metrics = opened_world.metrics()
    assert len(set(metrics)) == len(metrics) > 30
    assert all(opened_world.metric_series(m.namespace, m.name, dict(m.dimensions)) is not None for m in metrics)
