"""Hand-written stand-ins for boto3 clients: they keep AWS's limits and refuse what AWS refuses."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

Sample = tuple[datetime, float]
MetricKey = tuple[str, str, tuple[tuple[str, str], ...]]


def client_error(
    code: str, message: str = "refused", *, status: int = 400, operation: str = "Operation"
) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )


class FakeClients:
    """Gives the client made for a (service, region, account); a (service,) entry serves every region and account."""

    def __init__(self, clients: Mapping[Any, Any]) -> None:
        self._clients = clients
        self.asked: list[tuple[str, str, str | None]] = []

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        self.asked.append((service, region, account))
        found = self._clients.get((service, region, account), self._clients.get(service))
        if isinstance(found, Exception):
            raise found
        return found


class Pager:
    """What `client.get_paginator(operation)` gives: pages by the operation's NextToken, as botocore walks them."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self._operation = operation

    def paginate(self, *, PaginationConfig: dict[str, int] | None = None, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: N803, botocore's
        if PaginationConfig:
            request["MaxResults"] = PaginationConfig["PageSize"]
        while True:
            page = self._operation(**request)
            yield page
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]


@dataclass
class Tokens:
    """Page tokens that are good once, and for the request they were given for only."""

    given: dict[str, tuple[str, int]] = field(default_factory=dict)

    def start_of(self, token: str | None, request: Mapping[str, Any]) -> int:
        if token is None:
            return 0
        shape, start = self.given.pop(token, (None, 0))
        if shape != self._shape(request):
            raise client_error("InvalidNextToken", "The token is not valid for this request")
        return start

    def give(self, request: Mapping[str, Any], start: int) -> str:
        token = hashlib.sha256(f"{self._shape(request)}{start}{len(self.given)}".encode()).hexdigest()[:24]
        self.given[token] = (self._shape(request), start)
        return token

    @staticmethod
    def _shape(request: Mapping[str, Any]) -> str:
        return json.dumps(request, sort_keys=True, default=str)


class FakeCloudWatch:
    """GetMetricData over given samples; pages hold `page_points` data points, as AWS's MaxDatapoints does."""

    STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?")
    QUERY_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")

    def __init__(self, *, page_points: int = 100_800) -> None:
        self.samples: dict[tuple[MetricKey, str], list[Sample]] = {}
        self.page_points = page_points
        self.calls: list[list[dict[str, Any]]] = []
        self.errors: dict[str, ClientError] = {}
        """By metric name: a call that asks for it is refused."""
        self.statuses: dict[str, list[str]] = {}
        """By metric name: the statuses its results get, one a call, the last one for good."""
        self.forgotten: set[str] = set()
        """Metric names for which no result comes back at all."""
        self.global_messages: list[dict[str, str]] = []
        self._tokens = Tokens()

    def put(self, namespace: str, name: str, statistic: str, samples: list[Sample], **dimensions: str) -> None:
        self.samples[((namespace, name, tuple(sorted(dimensions.items()))), statistic)] = samples

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        token = request.pop("NextToken", None)
        queries = request["MetricDataQueries"]
        self._refuse(request, queries)
        if token is None:
            self.calls.append(queries)
        results = [self._result(query, request) for query in queries]
        flat = [(position, point) for position, (_, points) in enumerate(results) for point in points]
        start = self._tokens.start_of(token, request)
        page, rest = flat[start : start + self.page_points], flat[start + self.page_points :]
        unfinished = {position for position, _ in rest}
        answers = []
        for position, (answer, _) in enumerate(results):
            points = [point for at, point in page if at == position]
            if queries[position]["MetricStat"]["Metric"]["MetricName"] in self.forgotten:
                continue
            status = "PartialData" if position in unfinished else answer["StatusCode"]
            answers.append(
                {
                    **answer,
                    "StatusCode": status,
                    "Timestamps": [t for t, _ in points],
                    "Values": [v for _, v in points],
                },
            )
        body: dict[str, Any] = {"MetricDataResults": answers, "Messages": self.global_messages}
        if rest:
            body["NextToken"] = self._tokens.give(request, start + self.page_points)
        return body

    def _refuse(self, request: dict[str, Any], queries: list[dict[str, Any]]) -> None:
        ids = [query["Id"] for query in queries]
        if len(queries) > 500:
            raise client_error(
                "ValidationError", "The collection MetricDataQueries must not have a size greater than 500"
            )
        if len(set(ids)) < len(ids) or not all(self.QUERY_ID.fullmatch(one) for one in ids):
            raise client_error("ValidationError", "The values for parameter id must be unique and start with a letter")
        if request["StartTime"] >= request["EndTime"]:
            raise client_error("ValidationError", "The parameter StartTime must be less than the parameter EndTime")
        for query in queries:
            stat = query["MetricStat"]
            name = stat["Metric"]["MetricName"]
            if name in self.errors:
                raise self.errors[name]
            if not self.STATISTIC.fullmatch(stat["Stat"]) or stat["Period"] % 60:
                raise client_error("ValidationError", f"The value {stat['Stat']} for parameter Stat is not supported")

    def _result(self, query: dict[str, Any], request: dict[str, Any]) -> tuple[dict[str, Any], list[Sample]]:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = tuple(sorted((one["Name"], one["Value"]) for one in metric["Dimensions"]))
        key = ((metric["Namespace"], metric["MetricName"], dimensions), stat["Stat"])
        samples = [s for s in self.samples.get(key, []) if request["StartTime"] <= s[0] < request["EndTime"]]
        statuses = self.statuses.get(metric["MetricName"], ["Complete"])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        messages = [] if status == "Complete" else [{"Code": status, "Value": "try again"}]
        return {"Id": query["Id"], "Label": "x", "StatusCode": status, "Messages": messages}, samples


class FakeEc2:
    """DescribeSpotPriceHistory and DescribeInstanceTypes."""

    def __init__(
        self, *, prices: list[dict[str, Any]] | None = None, types: list[dict[str, Any]] | None = None
    ) -> None:
        self.prices = prices or []
        self.types = types or []
        self.page_rows = 1000
        self.calls = 0
        self._tokens = Tokens()

    def get_paginator(self, operation: str) -> Pager:
        return Pager(getattr(self, operation))

    def describe_spot_price_history(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        token = request.pop("NextToken", None)
        if not 1 <= request["MaxResults"] <= 1000:
            raise client_error("InvalidParameterValue", "Value for MaxResults must be between 1 and 1000")
        rows = []
        for pool in {(row["InstanceType"], row["AvailabilityZone"]) for row in self.prices}:
            if pool[0] not in request["InstanceTypes"]:
                continue
            own = sorted(
                (row for row in self.prices if (row["InstanceType"], row["AvailabilityZone"]) == pool),
                key=lambda row: row["Timestamp"],
            )
            before = [row for row in own if row["Timestamp"] < request["StartTime"]][-1:]
            rows += before + [row for row in own if request["StartTime"] <= row["Timestamp"] <= request["EndTime"]]
        rows = [row for row in rows if row["ProductDescription"] in request["ProductDescriptions"]]
        rows.sort(key=lambda row: (row["Timestamp"], row["AvailabilityZone"]), reverse=True)
        return self._page("SpotPriceHistory", rows, token, request)

    def describe_instance_types(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        token = request.pop("NextToken", None)
        rows = self.types
        for one in request.get("Filters", ()):
            if len(one["Values"]) > 200:
                raise client_error("FilterLimitExceeded", "The maximum number of filter values is 200")
            rows = [row for row in rows if row["InstanceType"] in one["Values"]]
        return self._page("InstanceTypes", rows, token, request)

    def _page(self, key: str, rows: list[Any], token: str | None, request: dict[str, Any]) -> dict[str, Any]:
        start = self._tokens.start_of(token, request)
        page: dict[str, Any] = {key: rows[start : start + self.page_rows]}
        if start + self.page_rows < len(rows):
            page["NextToken"] = self._tokens.give(request, start + self.page_rows)
        return page


class FakePricing:
    """GetProducts with TERM_MATCH filters: a product without the attribute does not match."""

    def __init__(self, products: dict[str, list[dict[str, Any]]]) -> None:
        self.products = products
        self.page_rows = 100
        self.calls = 0
        self._tokens = Tokens()

    def get_paginator(self, operation: str) -> Pager:
        return Pager(getattr(self, operation))

    def get_products(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        token = request.pop("NextToken", None)
        texts = []
        for product in self.products.get(request["ServiceCode"], []):
            attributes = product["product"]["attributes"] if isinstance(product, dict) else None
            if attributes is None or all(attributes.get(one["Field"]) == one["Value"] for one in request["Filters"]):
                texts.append(json.dumps(product) if isinstance(product, dict) else product)
        start = self._tokens.start_of(token, request)
        page: dict[str, Any] = {"PriceList": texts[start : start + self.page_rows]}
        if start + self.page_rows < len(texts):
            page["NextToken"] = self._tokens.give(request, start + self.page_rows)
        return page


class FakeS3:
    """One bucket: ListObjectsV2 by page, GetObject with IfMatch, and answers cut short as by a lost connection."""

    def __init__(self, bucket: str = "bills") -> None:
        self.bucket = bucket
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.now = datetime(2026, 11, 18, 6, tzinfo=UTC)
        self.page_rows = 2
        self.cut: dict[str, int] = {}
        """By key: how many answers are still to be cut short."""
        self.got: list[str] = []
        self._tokens = Tokens()

    def put(self, key: str, content: bytes) -> None:
        self.now += timedelta(seconds=1)
        self.objects[key] = (content, self.now)

    def get_paginator(self, operation: str) -> Pager:
        assert operation == "list_objects_v2"
        return Pager(self.list_objects_v2)

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        token = request.pop("NextToken", None)
        if request["Bucket"] != self.bucket:
            raise client_error("NoSuchBucket", "The specified bucket does not exist", status=404)
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        start = self._tokens.start_of(token, request)
        page: dict[str, Any] = {}
        if keys[start:]:
            page["Contents"] = [
                {"Key": key, "ETag": f'"{self.etag(key)}"', "LastModified": self.objects[key][1]}
                for key in keys[start : start + self.page_rows]
            ]
        if start + self.page_rows < len(keys):
            page["NextToken"] = self._tokens.give(request, start + self.page_rows)
        return page

    def etag(self, key: str) -> str:
        return hashlib.sha256(self.objects[key][0]).hexdigest()[:32]

    def get_object(self, **request: Any) -> dict[str, Any]:
        key = request["Key"]
        self.got.append(key)
        if key not in self.objects:
            raise client_error("NoSuchKey", "The specified key does not exist.", status=404)
        if request.get("IfMatch", f'"{self.etag(key)}"') != f'"{self.etag(key)}"':
            raise client_error("PreconditionFailed", "At least one of the pre-conditions did not hold", status=412)
        content = self.objects[key][0]
        sent = content
        if self.cut.get(key, 0) > 0:
            self.cut[key] -= 1
            sent = content[: len(content) // 2]
        return {"Body": StreamingBody(_Raw(sent), len(content))}


class _Raw:
    """The least of a urllib3 response that botocore's StreamingBody reads from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, amt: int | None = None) -> bytes:
        size = len(self._content) if amt is None else amt
        chunk, self._content = self._content[:size], self._content[size:]
        return chunk
