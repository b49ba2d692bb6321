"""read_metrics: what becomes a row, what fails a fleet, and that it fails that fleet alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.extract.fake_aws import FakeClients, FakeCloudWatch, client_error

from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Target, TargetKind
from headroom.domain.serving import Objective, Slots
from headroom.domain.window import Window
from headroom.extract.cloudwatch import read_metrics
from headroom.extract.errors import SourceError
from headroom.lake.tables import TABLES

START = datetime(2026, 11, 18, 5, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
STEP = timedelta(minutes=5)


def fleet(name: str, *, region: str = "us-east-1", account: str | None = None, **metrics: MetricReference) -> Fleet:
    return Fleet(
        id=name,
        account=account,
        region=region,
        target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
        demand=DemandSource(metric=MetricReference(namespace="App", name=f"{name}-requests", statistic="Sum")),
        objective=Objective(latency_seconds=1.0),
        serving=Slots(service_seconds=0.5),
        instance_types=(InstanceOption(name="g5.xlarge"),),
        lead_time_seconds=300,
        bounds=Bounds(min_instances=1, max_instances=9),
        metrics=metrics,
    )


def samples(*values: float) -> list[tuple[datetime, float]]:
    return [(START + position * STEP, value) for position, value in enumerate(values)]


def read(clients: Any, *fleets: Fleet) -> tuple[list[tuple[str, str, datetime, float]], dict[str, str], list[float]]:
    pauses: list[float] = []
    table, failures = read_metrics(clients, fleets, HOUR, pause=pauses.append)
    assert table.schema == TABLES["metric_sample"].schema
    rows = [(r["fleet_id"], r["metric"], r["timestamp_utc"], r["value"]) for r in table.to_pylist()]
    return rows, failures, pauses


def test_samples_become_rows_and_missing_ones_are_simply_not_there() -> None:
    cloud = FakeCloudWatch()
    gapped = [samples(10.0, 20.0, 30.0)[0], samples(10.0, 20.0, 30.0)[2]]  # 05:05 was never delivered
    cloud.put("App", "a-requests", "Sum", gapped)
    rows, failures, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"))
    assert rows == [("a", "demand_count", START, 10.0), ("a", "demand_count", START + 2 * STEP, 30.0)]
    assert failures == {}


def test_a_metric_nobody_ever_wrote_gives_no_row_and_no_failure() -> None:
    rows, failures, _ = read(FakeClients({"cloudwatch": FakeCloudWatch()}), fleet("a"))
    assert (rows, failures) == ([], {})


def test_no_fleet_gives_an_empty_table() -> None:
    assert read(FakeClients({}))[:2] == ([], {})


def test_the_period_and_the_schema_are_those_asked_for() -> None:
    cloud = FakeCloudWatch()
    cloud.put("App", "a-requests", "Sum", samples(1.0))
    table, _ = read_metrics(FakeClients({"cloudwatch": cloud}), [fleet("a")], HOUR, period_seconds=60)
    assert table["period_seconds"].to_pylist() == [60]
    assert cloud.calls[0][0]["MetricStat"]["Period"] == 60


def test_the_window_is_half_open() -> None:
    cloud = FakeCloudWatch()
    around = [(START - STEP, 1.0), (START, 2.0), (HOUR.end_utc - STEP, 3.0), (HOUR.end_utc, 4.0)]
    cloud.put("App", "a-requests", "Sum", around)
    rows, _, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"))
    assert [value for *_, value in rows] == [2.0, 3.0]


def test_sagemaker_latency_comes_in_microseconds_and_becomes_seconds() -> None:
    cloud = FakeCloudWatch()
    place = {"EndpointName": "e", "VariantName": "v"}
    cloud.put("AWS/SageMaker", "ModelLatency", "p95", samples(250_000.0), **place)  # 250,000 us / 1e6 = 0.25 s
    cloud.put("AWS/ApplicationELB", "TargetResponseTime", "p99", samples(0.25))
    one = fleet(
        "a",
        latency_p95_seconds=MetricReference(
            namespace="AWS/SageMaker", name="ModelLatency", dimensions=place, statistic="p95"
        ),
        latency_p99_seconds=MetricReference(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p99"),
    )
    rows, _, _ = read(FakeClients({"cloudwatch": cloud}), one)
    assert {metric: value for _, metric, _, value in rows} == {"latency_p95_seconds": 0.25, "latency_p99_seconds": 0.25}


@pytest.mark.parametrize(
    ("given_statistic", "asked"), [("Average", "Sum"), ("Sum", "Sum"), ("SampleCount", "SampleCount")]
)
def test_demand_is_asked_for_as_a_count_of_work(given_statistic: str, asked: str) -> None:
    cloud = FakeCloudWatch()
    one = fleet("a")
    reference = MetricReference(namespace="AWS/SageMaker", name="ModelLatency", statistic=given_statistic)
    counted = replace(one, demand=DemandSource(metric=reference))
    cloud.put("AWS/SageMaker", "ModelLatency", asked, samples(1200.0))
    rows, _, _ = read(FakeClients({"cloudwatch": cloud}), counted)
    assert [value for *_, value in rows] == [1200.0]


def test_more_than_500_metrics_are_asked_for_in_several_calls() -> None:
    cloud = FakeCloudWatch()
    fleets = [fleet(f"f{number}") for number in range(1001)]
    for one in fleets:
        cloud.put("App", f"{one.id}-requests", "Sum", samples(1.0))
    rows, failures, _ = read(FakeClients({"cloudwatch": cloud}), *fleets)
    assert [len(call) for call in cloud.calls] == [500, 500, 1]
    assert len(rows) == 1001
    assert failures == {}


@given(page_points=st.integers(min_value=1, max_value=40), lengths=st.lists(st.integers(0, 12), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_however_the_pages_fall_every_sample_comes_once(page_points: int, lengths: list[int]) -> None:
    cloud = FakeCloudWatch(page_points=page_points)
    expected = []
    fleets = [fleet(f"f{number}") for number in range(len(lengths))]
    for one, length in zip(fleets, lengths, strict=True):
        own = samples(*(float(n) for n in range(length)))
        cloud.put("App", f"{one.id}-requests", "Sum", own)
        expected += [(one.id, "demand_count", moment, value) for moment, value in own]
    rows, failures, _ = read(FakeClients({"cloudwatch": cloud}), *fleets)
    assert rows == expected
    assert failures == {}


def test_fleets_are_read_where_they_are() -> None:
    here, there = FakeCloudWatch(), FakeCloudWatch()
    here.put("App", "a-requests", "Sum", samples(1.0))
    there.put("App", "b-requests", "Sum", samples(2.0))
    clients = FakeClients(
        {("cloudwatch", "us-east-1", None): here, ("cloudwatch", "eu-west-1", "210987654321"): there},
    )
    rows, _, _ = read(clients, fleet("a"), fleet("b", region="eu-west-1", account="210987654321"))
    assert [(fleet_id, value) for fleet_id, _, _, value in rows] == [("a", 1.0), ("b", 2.0)]


def test_an_account_that_cannot_be_entered_fails_its_fleets_alone() -> None:
    cloud = FakeCloudWatch()
    cloud.put("App", "a-requests", "Sum", samples(1.0))
    closed = SourceError("account 210987654321 is not the account of these credentials")
    clients = FakeClients({"cloudwatch": cloud, ("cloudwatch", "us-east-1", "210987654321"): closed})
    rows, failures, _ = read(clients, fleet("a"), fleet("b", account="210987654321"))
    assert [row[0] for row in rows] == ["a"]
    assert failures == {"b": str(closed)}


@pytest.mark.parametrize(
    "refusal",
    [
        client_error("AccessDenied", "User is not authorized to perform: cloudwatch:GetMetricData", status=403),
        client_error("ValidationError", "The value p950 for parameter Stat is not supported"),
    ],
)
def test_a_refused_metric_fails_its_fleet_and_the_others_go_on(refusal: Exception) -> None:
    cloud = FakeCloudWatch()
    for name in "abc":
        cloud.put("App", f"{name}-requests", "Sum", samples(1.0, 2.0))
    cloud.errors["b-requests"] = refusal  # type: ignore[assignment]
    rows, failures, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"), fleet("b"), fleet("c"))
    assert sorted({row[0] for row in rows}) == ["a", "c"]
    assert list(failures) == ["b"]
    assert failures["b"].startswith("CloudWatch GetMetricData in us-east-1 did not answer: ")
    assert str(refusal).rsplit(": ", maxsplit=1)[-1] in failures["b"]


def test_throttling_that_outlasts_botocore_is_not_made_worse_by_asking_for_each_fleet() -> None:
    cloud = FakeCloudWatch()
    cloud.errors["a-requests"] = client_error("Throttling", "Rate exceeded")
    _, failures, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"), fleet("b"))
    cause = "CloudWatch GetMetricData in us-east-1 did not answer: Throttling (HTTP 400): Rate exceeded"
    assert failures == {"a": cause, "b": cause}


def test_a_cloud_that_cannot_be_reached_fails_the_fleets_of_the_place() -> None:
    class Unreachable:
        def get_metric_data(self, **_: Any) -> dict[str, Any]:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")

    rows, failures, _ = read(FakeClients({"cloudwatch": Unreachable()}), fleet("a"), fleet("b"))
    assert rows == []
    assert set(failures) == {"a", "b"}
    assert "EndpointConnectionError: Could not connect to the endpoint URL" in failures["a"]


def test_partial_data_at_the_end_fails_the_fleet_and_keeps_none_of_its_rows() -> None:
    cloud = FakeCloudWatch()
    cpu = MetricReference(namespace="App", name="cpu")
    cloud.put("App", "a-requests", "Sum", samples(1.0))
    cloud.put("App", "b-requests", "Sum", samples(2.0))
    cloud.put("App", "cpu", "Average", samples(50.0))
    cloud.statuses["cpu"] = ["PartialData"]
    rows, failures, pauses = read(
        FakeClients({"cloudwatch": cloud}), fleet("a", cpu_utilization_percent=cpu), fleet("b")
    )
    assert [row[0] for row in rows] == ["b"]
    assert list(failures) == ["a"]
    assert failures["a"].endswith("gave PartialData for cpu_utilization_percent (PartialData: try again)")
    assert pauses == []


def test_an_internal_error_is_asked_for_again_alone() -> None:
    cloud = FakeCloudWatch()
    cloud.put("App", "a-requests", "Sum", samples(1.0))
    cloud.put("App", "b-requests", "Sum", samples(2.0))
    cloud.statuses["b-requests"] = ["InternalError", "Complete"]
    rows, failures, pauses = read(FakeClients({"cloudwatch": cloud}), fleet("a"), fleet("b"))
    assert [(row[0], row[3]) for row in rows] == [("a", 1.0), ("b", 2.0)]
    assert failures == {}
    assert [len(call) for call in cloud.calls] == [2, 1]
    assert pauses == [2.0]


def test_an_internal_error_that_stays_fails_the_fleet_after_three_rounds() -> None:
    cloud = FakeCloudWatch()
    cloud.statuses["a-requests"] = ["InternalError"]
    _, failures, pauses = read(FakeClients({"cloudwatch": cloud}), fleet("a"))
    assert "gave InternalError for demand_count" in failures["a"]
    assert len(cloud.calls) == 3
    assert pauses == [2.0, 4.0]  # doubling


def test_a_metric_left_out_of_the_answer_fails_its_fleet() -> None:
    cloud = FakeCloudWatch()
    cloud.forgotten.add("a-requests")
    _, failures, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"), fleet("b"))
    assert failures == {"a": "CloudWatch GetMetricData in us-east-1 gave no result for demand_count"}


def test_a_message_about_the_whole_call_means_it_is_incomplete() -> None:
    cloud = FakeCloudWatch()
    cloud.put("App", "a-requests", "Sum", samples(1.0))
    cloud.global_messages = [{"Code": "MaxMetricsExceeded", "Value": "Maximum number of allowed metrics exceeded"}]
    rows, failures, _ = read(FakeClients({"cloudwatch": cloud}), fleet("a"))
    assert rows == []
    assert failures["a"].endswith(
        "gave an incomplete answer for demand_count (MaxMetricsExceeded: Maximum number of allowed metrics exceeded)"
    )
