"""CloudWatch's GetMetricData and ListMetrics, answered from the world's arrays.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html. Metric math and SEARCH are
refused: the sandbox has none. Results come page by page: a query whose values go on on the next page has StatusCode
PartialData, one that has not begun yet is not on the page.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.domain.account import Place
from headroom.domain.window import Window
from headroom.sandbox.api_paging import page_of, place_of, token_of
from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError, render_result
from headroom.sandbox.world_interface import SandboxWorld
from headroom.sandbox.world_metrics import statistics_of

MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
LIST_PAGE = 500
QUERY_ID_PATTERN = re.compile(r"[a-z][a-zA-Z0-9_]*")
SUB_MINUTE_PERIODS = frozenset({1, 5, 10, 20, 30})

Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryResult:
    """One query's whole answer: epoch seconds and values, in the asked order."""

    id: str
    label: str
    seconds: Seconds
    values: npt.NDArray[np.float64]


def get_metric_data(world: SandboxWorld, call: AwsCall) -> Answer:
    """GetMetricData: every statistic, any period, paged by MaxDatapoints; nothing after the sandbox's now."""
    parameters = call.parameters
    window = _window(parameters, now_utc=world.now_utc)
    is_descending = _is_descending(parameters)
    results = [
        _answer_query(world, query, place=call.place, window=window, is_descending=is_descending)
        for query in _checked_queries(parameters)
        if query.get("ReturnData", True)
    ]
    max_datapoints = parameters.get("MaxDatapoints", MAX_DATAPOINTS)
    if not 1 <= max_datapoints <= MAX_DATAPOINTS:
        raise AwsError("ValidationError", f"MaxDatapoints must lie between 1 and {MAX_DATAPOINTS}")
    token = parameters.get("NextToken")
    start = place_of(token, code="InvalidNextToken", count=2) if token else (0, 0)
    rows, next_place = _page(results, start, max_datapoints)
    result: dict[str, Any] = {"MetricDataResults": rows, "Messages": []}
    if next_place is not None:
        result["NextToken"] = token_of(*next_place)
    if call.protocol == "json":  # botocore's choice; written directly, since large answers have 100,000 numbers
        return Answer(HTTPStatus.OK, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(result).encode())
    return render_result(call, result)


def list_metrics(world: SandboxWorld, call: AwsCall) -> Mapping[str, Any]:
    """ListMetrics: by namespace, name and dimensions."""
    parameters = call.parameters
    filters = [(item["Name"], item.get("Value")) for item in parameters.get("Dimensions", [])]
    rows = [
        {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        for metric in world.metrics(call.place)
        if parameters.get("Namespace") in (None, metric.namespace)
        and parameters.get("MetricName") in (None, metric.name)
        and all(
            any(name == wanted and value in (None, found) for wanted, found in metric.dimensions)
            for name, value in filters
        )
    ]
    page, token = page_of(
        rows,
        token=parameters.get("NextToken"),
        size=None,
        default_size=LIST_PAGE,
        max_size=LIST_PAGE,
        token_error="InvalidParameterValue",  # noqa: S106, an error code
    )
    return {"Metrics": page, "NextToken": token}


def _window(parameters: Mapping[str, Any], *, now_utc: datetime) -> Window | None:
    """Return the asked window up to now, None where all of it lies after now."""
    start, end = parameters.get("StartTime"), parameters.get("EndTime")
    if start is None or end is None:
        raise AwsError("ValidationError", "StartTime and EndTime must be given")
    if end <= start:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return Window(start, min(end, now_utc)) if start < now_utc else None


def _is_descending(parameters: Mapping[str, Any]) -> bool:
    scan_by = parameters.get("ScanBy", "TimestampDescending")
    if scan_by not in ("TimestampDescending", "TimestampAscending"):
        raise AwsError("ValidationError", f"ScanBy cannot be {scan_by!r}")
    return bool(scan_by == "TimestampDescending")


def _checked_queries(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    queries: list[dict[str, Any]] = parameters.get("MetricDataQueries", [])
    if not 1 <= len(queries) <= MAX_QUERIES:
        raise AwsError("ValidationError", f"The request must have 1 to {MAX_QUERIES} metric data queries")
    ids = [str(query.get("Id", "")) for query in queries]
    if len(set(ids)) != len(ids):
        raise AwsError("ValidationError", "The Ids of the metric data queries must be unique")
    for query_id, query in zip(ids, queries, strict=True):
        if QUERY_ID_PATTERN.fullmatch(query_id) is None:
            raise AwsError("ValidationError", f"Id {query_id!r} must match {QUERY_ID_PATTERN.pattern}")
        if "MetricStat" not in query:
            raise AwsError("ValidationError", f"query {query_id}: the sandbox has no metric math and no SEARCH")
        period = query["MetricStat"].get("Period", 0)
        if period not in SUB_MINUTE_PERIODS and (period <= 0 or period % 60 != 0):
            raise AwsError("ValidationError", f"Period {period} is none of 1, 5, 10, 20, 30 or a multiple of 60")
    return queries


def _answer_query(
    world: SandboxWorld, query: Mapping[str, Any], *, place: Place, window: Window | None, is_descending: bool
) -> QueryResult:
    metric_stat = query["MetricStat"]
    metric, statistic = metric_stat["Metric"], str(metric_stat.get("Stat", ""))
    series = world.metric_series(
        str(metric.get("Namespace", "")),
        str(metric.get("MetricName", "")),
        {item["Name"]: item["Value"] for item in metric.get("Dimensions", [])},
        place=place,
    )
    label = str(query.get("Label") or metric.get("MetricName", ""))
    nothing = QueryResult(str(query["Id"]), label, np.empty(0, np.int64), np.empty(0))
    unit = metric_stat.get("Unit")
    if series is None or window is None or (unit is not None and unit != series.unit):
        return nothing
    try:
        moments, values = statistics_of(
            series, statistic=statistic, period_seconds=max(60, metric_stat["Period"]), window=window
        )
    except ValueError as error:
        raise AwsError("ValidationError", f"query {query['Id']}: {error}") from error
    seconds = moments.astype("datetime64[s]").astype(np.int64)
    order = slice(None, None, -1 if is_descending else 1)
    return QueryResult(str(query["Id"]), label, seconds[order], values[order])


def _page(
    results: list[QueryResult], start: tuple[int, ...], max_datapoints: int
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """Return the results from (query, point) on, at most `max_datapoints` of them, and where the next page starts."""
    rows: list[dict[str, Any]] = []
    room = max_datapoints
    first_query, first_point = start
    for index in range(first_query, len(results)):
        result = results[index]
        begin = first_point if index == first_query else 0
        stop = min(len(result.values), begin + room)
        if room == 0 and len(result.values) > 0:
            return rows, (index, 0)
        is_complete = stop == len(result.values)
        rows.append(
            {
                "Id": result.id,
                "Label": result.label,
                "Timestamps": result.seconds[begin:stop].tolist(),
                "Values": result.values[begin:stop].tolist(),
                "StatusCode": "Complete" if is_complete else "PartialData",
            }
        )
        room -= stop - begin
        if not is_complete:
            return rows, (index, stop)
    return rows, None
