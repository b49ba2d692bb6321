"""CloudWatch from the world's arrays: statistics, periods, order, paging, refusals. Through boto3 over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from headroom.config import load_fleets
from headroom.sandbox.scenarios.demo import CONFIG_FOLDER

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
CPU = {
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "chat-large"}],
}
REQUESTS = {
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "RequestCount",
}


@pytest.fixture
def client(sandbox: Any) -> Any:
    return sandbox.control.client("cloudwatch")


@pytest.fixture
def requests_metric(client: Any) -> dict[str, Any]:
    metrics = client.list_metrics(**REQUESTS)["Metrics"]
    return next(metric for metric in metrics if "chat-large" in metric["Dimensions"][0]["Value"])


def query(
    metric: dict[str, Any], statistic: str, *, query_id: str = "q", period: int = 300, **more: Any
) -> dict[str, Any]:
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic, **more}}


def read(client: Any, start: datetime, end: datetime, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return every page's values by query id, in the order of the pages."""
    results: dict[str, Any] = {}
    pages = client.get_paginator("get_metric_data").paginate(
        StartTime=start, EndTime=end, MetricDataQueries=list(queries), **{"ScanBy": "TimestampAscending", **more}
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            kept = results.setdefault(result["Id"], {"times": [], "values": [], "codes": []})
            kept["times"] += result["Timestamps"]
            kept["values"] += result["Values"]
            kept["codes"].append(result["StatusCode"])
    return results


def test_hourly_statistics_are_those_of_the_five_minute_samples(
    sandbox: Any, client: Any, requests_metric: dict[str, Any]
) -> None:
    end = sandbox.now.replace(minute=0)
    window = (end - DAY, end)
    samples = np.array(read(client, *window, query(requests_metric, "Sum"))["q"]["values"]).reshape(24, 12)

    hourly = read(
        client,
        *window,
        *[
            query(requests_metric, statistic, query_id=statistic.lower(), period=3600)
            for statistic in ("Sum", "Average", "Maximum", "Minimum", "SampleCount")
        ],
    )

    np.testing.assert_allclose(hourly["sum"]["values"], samples.sum(axis=1))
    means = np.array(hourly["sum"]["values"]) / np.array(hourly["samplecount"]["values"])
    np.testing.assert_allclose(hourly["average"]["values"], means)
    assert hourly["sum"]["times"] == [window[0] + timedelta(hours=hour) for hour in range(24)]
    assert all(np.array(hourly["minimum"]["values"]) <= np.array(hourly["maximum"]["values"]))


def test_percentiles_are_the_worlds_and_lie_between_its_samples(sandbox: Any, client: Any) -> None:
    (fleet,) = [fleet for fleet in load_fleets(CONFIG_FOLDER / "fleets.yaml") if fleet.id == "chat-large"]
    reference = fleet.metrics["latency_p95_seconds"]
    metric = {
        "Namespace": reference.namespace,
        "MetricName": reference.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in reference.dimensions.items()],
    }
    window = (sandbox.now - DAY, sandbox.now)
    found = read(
        client,
        *window,
        *[query(metric, f"p{level}", query_id=f"p{level}") for level in (50, 90, 95, 99)],
        query(metric, "p92.5", query_id="between"),
        query(metric, "p95", query_id="hourly", period=3600),
    )
    series = sandbox.world.metric_series(reference.namespace, reference.name, reference.dimensions)
    inside = series.timestamps >= np.datetime64(window[0].replace(tzinfo=None), "s")

    for level in (50, 90, 95, 99):
        np.testing.assert_allclose(found[f"p{level}"]["values"], series.percentiles[level / 100][inside])
    ladder = np.array([found[name]["values"] for name in ("p50", "p90", "between", "p95", "p99")])
    assert (np.diff(ladder, axis=0) >= 0).all()
    by_hour: dict[Any, list[float]] = {}
    for moment, value in zip(found["p95"]["times"], found["p95"]["values"], strict=True):
        by_hour.setdefault(moment.replace(minute=0), []).append(value)
    for moment, value in zip(found["hourly"]["times"], found["hourly"]["values"], strict=True):
        assert min(by_hour[moment]) - 1e-9 <= value <= max(by_hour[moment]) + 1e-9


def test_nothing_is_known_of_what_lies_after_now(sandbox: Any, client: Any, requests_metric: dict[str, Any]) -> None:
    found = read(client, sandbox.now - timedelta(hours=1), sandbox.now + DAY, query(requests_metric, "Sum"))["q"]
    # 05:05 to 06:05: twelve whole samples, the newest the one from 06:00.
    assert found["times"][-1] == sandbox.now - timedelta(minutes=5)
    assert len(found["values"]) == 12
    assert read(client, sandbox.now, sandbox.now + DAY, query(requests_metric, "Sum"))["q"]["values"] == []


def test_values_come_newest_first_unless_asked_otherwise(
    sandbox: Any, client: Any, requests_metric: dict[str, Any]
) -> None:
    window = (sandbox.now - DAY, sandbox.now)
    ascending = read(client, *window, query(requests_metric, "Sum"))["q"]
    answer = client.get_metric_data(
        StartTime=window[0], EndTime=window[1], MetricDataQueries=[query(requests_metric, "Sum")]
    )
    (descending,) = answer["MetricDataResults"]

    assert descending["Values"] == ascending["values"][::-1]
    assert descending["Timestamps"] == ascending["times"][::-1]
    assert descending["Label"] == "RequestCount"


@pytest.mark.parametrize("max_datapoints", [1, 7, 12, 13, 1000])
def test_pages_join_to_the_whole(
    sandbox: Any, client: Any, requests_metric: dict[str, Any], max_datapoints: int
) -> None:
    window = (sandbox.now - timedelta(hours=1), sandbox.now)
    queries = [query(requests_metric, "Sum", query_id="a"), query(CPU, "Average", query_id="b")]
    queries.append(query({"Namespace": "No/Such", "MetricName": "Metric"}, "Sum", query_id="c"))
    whole = read(client, *window, *queries)

    paged = read(client, *window, *queries, MaxDatapoints=max_datapoints)

    for query_id in "abc":
        assert paged[query_id]["values"] == whole[query_id]["values"]
        assert paged[query_id]["times"] == whole[query_id]["times"]
        assert set(paged[query_id]["codes"][:-1]) <= {"PartialData"}
        assert paged[query_id]["codes"][-1] == "Complete"
    assert whole["c"]["values"] == []


def test_a_day_of_500_queries_is_answered_in_seconds(sandbox: Any, client: Any) -> None:
    metrics = client.list_metrics()["Metrics"]
    queries = [query(metrics[number % len(metrics)], "Average", query_id=f"q{number}") for number in range(500)]

    found = read(client, sandbox.now - DAY, sandbox.now, *queries)

    # 500 x 288 points, gaps aside, are more than the 100,800 of one page.
    assert 100_800 < sum(len(result["values"]) for result in found.values()) <= 144_000
    assert len(found) == 500


def test_a_query_may_stay_silent_ask_for_a_unit_and_carry_a_label(
    sandbox: Any, client: Any, requests_metric: dict[str, Any]
) -> None:
    answer = client.get_metric_data(
        StartTime=sandbox.now - timedelta(hours=1),
        EndTime=sandbox.now,
        MetricDataQueries=[
            {**query(requests_metric, "Sum", query_id="silent"), "ReturnData": False},
            query(requests_metric, "Sum", query_id="other_unit", Unit="Bytes"),
            {**query(requests_metric, "Sum", query_id="labelled", Unit="Count"), "Label": "served"},
        ],
    )

    found = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert set(found) == {"other_unit", "labelled"}
    assert found["other_unit"]["Values"] == []
    assert (found["labelled"]["Label"], len(found["labelled"]["Values"])) == ("served", 12)


BAD_QUERIES: list[tuple[str, list[dict[str, Any]]]] = [
    ("no query", []),
    ("501 queries", [query(CPU, "Sum", query_id=f"q{number}") for number in range(501)]),
    ("two of one id", [query(CPU, "Sum"), query(CPU, "Average")]),
    ("an id in capitals", [query(CPU, "Sum", query_id="Q")]),
    ("metric math", [{"Id": "q", "Expression": "SEARCH('CPUUtilization', 'Average', 300)"}]),
    ("a period of 90 s", [query(CPU, "Sum", period=90)]),
    ("an unknown statistic", [query(CPU, "Middle")]),
]


@pytest.mark.parametrize(("wrong", "queries"), BAD_QUERIES, ids=[row[0] for row in BAD_QUERIES])
def test_bad_queries_are_refused(sandbox: Any, client: Any, wrong: str, queries: list[dict[str, Any]]) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    with pytest.raises(ClientError) as caught:
        client.get_metric_data(StartTime=sandbox.now - DAY, EndTime=sandbox.now, MetricDataQueries=queries)
    assert caught.value.response["Error"]["Code"] == "ValidationError", wrong


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"NextToken": "?"}, "InvalidNextToken"),
        ({"MaxDatapoints": 0}, "ValidationError"),
        ({"MaxDatapoints": 100_801}, "ValidationError"),
        ({"ScanBy": "Random"}, "ValidationError"),
        ({"StartTime": datetime.fromisoformat("2026-11-19T00:00:00Z")}, "ValidationError"),
    ],
)
def test_a_bad_request_is_refused(sandbox: Any, client: Any, more: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        client.get_metric_data(
            **{
                "StartTime": sandbox.now - DAY,
                "EndTime": sandbox.now,
                "MetricDataQueries": [query(CPU, "Average")],
                **more,
            }
        )
    assert caught.value.response["Error"]["Code"] == code


def test_metrics_are_listed_by_namespace_name_and_dimension(client: Any) -> None:
    by_group = client.list_metrics(Dimensions=[{"Name": "AutoScalingGroupName", "Value": "chat-large"}])["Metrics"]
    any_group = client.list_metrics(Dimensions=[{"Name": "AutoScalingGroupName"}])["Metrics"]

    assert {"AWS/EC2", "AWS/AutoScaling"} <= {metric["Namespace"] for metric in by_group}
    assert len(any_group) > len(by_group)
    assert client.list_metrics(Namespace="No/Such")["Metrics"] == []
    assert len(client.list_metrics(Namespace="AWS/EC2", MetricName="CPUUtilization")["Metrics"]) == 2
