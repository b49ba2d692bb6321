"""CloudWatch: a window of every fleet's metrics by GetMetricData; one fleet's failure is that fleet's alone."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from headroom.columns import METRICS
from headroom.domain.fleet import Fleet, MetricReference
from headroom.domain.window import Window, as_utc
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, describe_failure, is_refusal
from headroom.extract.metric_units import divisor_of
from headroom.lake.tables import TABLES

QUERIES_PER_CALL = 500
"""The most metrics one GetMetricData call takes (CloudWatch API reference, 2026)."""
ROUNDS = 3
"""How often a metric that came back as InternalError is asked for, in all."""
BACKOFF_SECONDS = 2.0
_MAX_PAGES = 10_000
_DEMAND = METRICS["demand_count"]
_DEMAND_STATISTICS = ("Sum", "SampleCount")


@dataclass(frozen=True, slots=True)
class _Query:
    """One metric of one fleet; `statistic` is what is asked for."""

    fleet_id: str
    metric: str
    reference: MetricReference
    statistic: str


@dataclass(slots=True)
class _Answer:
    """What came back for one query: samples by time, and its last status with what CloudWatch said about it."""

    status: str = "no result"
    messages: list[str] = field(default_factory=list)
    samples: list[tuple[datetime, float]] = field(default_factory=list)


def read_metrics(
    clients: Clients,
    fleets: Sequence[Fleet],
    window: Window,
    *,
    period_seconds: int = 300,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[pa.Table, dict[str, str]]:
    """Return raw.metric_sample rows of every fleet that could be read whole, and for each other fleet its cause.

    A sample that CloudWatch does not have is simply no row. A fleet of which any metric was refused, failed or came
    incomplete gives no row at all: half of a fleet's truth is worse than the last whole one. `pause` takes seconds and
    is called between attempts.
    """
    rows: list[tuple[str, str, datetime, float]] = []
    failures: dict[str, str] = {}
    for (account, region), members in _by_place(fleets).items():
        try:
            client = clients.client("cloudwatch", region=region, account=account)
        except SourceError as error:
            failures.update(dict.fromkeys((fleet.id for fleet in members), str(error)))
            continue
        reader = _Reader(client, region, window, period_seconds, pause)
        for batch in _batches([query for fleet in members for query in _queries_of(fleet)]):
            read, failed = reader.read(batch)
            rows.extend(read)
            for fleet_id, cause in failed.items():
                failures.setdefault(fleet_id, cause)
    return _as_table([row for row in rows if row[0] not in failures], period_seconds), failures


def _by_place(fleets: Iterable[Fleet]) -> dict[tuple[str | None, str], list[Fleet]]:
    places: dict[tuple[str | None, str], list[Fleet]] = defaultdict(list)
    for fleet in fleets:
        places[(fleet.account, fleet.region)].append(fleet)
    return places


def _queries_of(fleet: Fleet) -> Iterator[_Query]:
    demand = fleet.demand.metric
    # Work offered is a sum, or the number of samples (of a latency, say); no other statistic of a metric counts work.
    statistic = demand.statistic if demand.statistic in _DEMAND_STATISTICS else _DEMAND.statistic
    yield _Query(fleet.id, _DEMAND.name, demand, statistic)
    for metric, reference in sorted(fleet.metrics.items()):
        yield _Query(fleet.id, metric, reference, reference.statistic)


def _batches(queries: Sequence[_Query]) -> Iterator[list[_Query]]:
    for start in range(0, len(queries), QUERIES_PER_CALL):
        yield list(queries[start : start + QUERIES_PER_CALL])


class _Reader:
    """Reads batches of queries in one account and region."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401, boto3 makes client classes at run time
        region: str,
        window: Window,
        period_seconds: int,
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._source = f"CloudWatch GetMetricData in {region}"
        self._window = window
        self._period_seconds = period_seconds
        self._pause = pause

    def read(self, batch: list[_Query]) -> tuple[list[tuple[str, str, datetime, float]], dict[str, str]]:
        """Return (fleet, metric, time, value) rows of the batch and the failures by fleet."""
        try:
            answers = self._ask_until_settled(batch)
        except (ClientError, BotoCoreError) as error:
            fleet_ids = list(dict.fromkeys(query.fleet_id for query in batch))
            if len(fleet_ids) == 1 or not is_refusal(error):
                cause = f"{self._source} did not answer: {describe_failure(error)}"
                return [], dict.fromkeys(fleet_ids, cause)
            # One refused query fails the whole call: ask for each fleet alone, to fail only those it belongs to.
            parts = [self.read([query for query in batch if query.fleet_id == one]) for one in fleet_ids]
            return [row for rows, _ in parts for row in rows], {k: v for _, failed in parts for k, v in failed.items()}
        rows: list[tuple[str, str, datetime, float]] = []
        failures: dict[str, str] = {}
        for query, answer in zip(batch, answers, strict=True):
            if answer.status != "Complete":
                said = f" ({'; '.join(answer.messages)})" if answer.messages else ""
                failures.setdefault(query.fleet_id, f"{self._source} gave {answer.status} for {query.metric}{said}")
                continue
            divisor = divisor_of(query.metric, query.reference)
            rows.extend(
                (query.fleet_id, query.metric, moment, value / divisor)
                for moment, value in answer.samples
                if self._window.start_utc <= moment < self._window.end_utc
            )
        return rows, failures

    def _ask_until_settled(self, batch: list[_Query]) -> list[_Answer]:
        answers = [_Answer() for _ in batch]
        open_positions = list(range(len(batch)))
        for attempt in range(ROUNDS):
            if attempt:
                self._pause(BACKOFF_SECONDS * 2 ** (attempt - 1))
            for position in open_positions:
                answers[position] = _Answer()
            self._ask(batch, open_positions, answers)
            open_positions = [position for position in open_positions if answers[position].status == "InternalError"]
            if not open_positions:
                break
        return answers

    def _ask(self, batch: list[_Query], positions: list[int], answers: list[_Answer]) -> None:
        request: dict[str, Any] = {
            "MetricDataQueries": [self._as_request(position, batch[position]) for position in positions],
            "StartTime": self._window.start_utc,
            "EndTime": self._window.end_utc,
            "ScanBy": "TimestampAscending",
        }
        by_id = {_id_of(position): answers[position] for position in positions}
        said: list[str] = []
        for _ in range(_MAX_PAGES):
            page = self._client.get_metric_data(**request)
            said.extend(_messages(page.get("Messages")))
            for result in page.get("MetricDataResults", ()):
                answer = by_id.get(result["Id"])
                if answer is not None:
                    answer.status = result.get("StatusCode", "Complete")
                    answer.messages.extend(_messages(result.get("Messages")))
                    moments = [as_utc(moment) for moment in result["Timestamps"]]
                    answer.samples.extend(zip(moments, result["Values"], strict=True))
            token = page.get("NextToken")
            if not token:
                break
            request["NextToken"] = token
        else:
            for answer in by_id.values():
                answer.status = f"no end after {_MAX_PAGES} pages"
        for answer in by_id.values():
            # A message about the whole call means that not all of it was carried out, whatever the results say.
            if said:
                answer.messages.extend(said)
                answer.status = answer.status if answer.status != "Complete" else "an incomplete answer"

    def _as_request(self, position: int, query: _Query) -> dict[str, Any]:
        return {
            "Id": _id_of(position),
            "MetricStat": {
                "Metric": {
                    "Namespace": query.reference.namespace,
                    "MetricName": query.reference.name,
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in sorted(query.reference.dimensions.items())
                    ],
                },
                "Period": self._period_seconds,
                "Stat": query.statistic,
            },
            "ReturnData": True,
        }


def _id_of(position: int) -> str:
    return f"q{position}"  # CloudWatch wants a lower-case letter first


def _messages(messages: Iterable[dict[str, str]] | None) -> list[str]:
    return [f"{message.get('Code', '')}: {message.get('Value', '')}" for message in messages or ()]


def _as_table(rows: list[tuple[str, str, datetime, float]], period_seconds: int) -> pa.Table:
    schema = TABLES["metric_sample"].schema
    fleet_ids, metrics, moments, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {
        "fleet_id": fleet_ids,
        "metric": metrics,
        "timestamp_utc": moments,
        "period_seconds": [period_seconds] * len(rows),
        "value": values,
    }
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)
