"""Every source against the sandbox cloud, with its own configuration, and what its faults do to a fleet or a source."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headroom.sandbox
from headroom.config import load_events, load_fleets, load_sources
from headroom.domain.window import DAY, HOUR, Window
from headroom.extract.billing import list_periods, read_period
from headroom.extract.catalogue import read_instance_types, read_on_demand_prices
from headroom.extract.clients import BotoClients
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.extract.cloudwatch import read_metrics
from headroom.extract.errors import SourceError
from headroom.extract.spot_prices import read_spot_prices
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

CONFIG = Path(headroom.sandbox.__file__).parent / "config"
FLEETS = load_fleets(CONFIG / "fleets.yaml")
REGION = "us-east-1"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def clients(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoClients]:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    sandbox.clear_calls()
    yield BotoClients()
    sandbox.clear_faults()


@pytest.fixture
def hour(sandbox: SandboxProcess) -> Window:
    return Window.hour_of(sandbox.clock() - HOUR)


def test_its_configuration_is_one_that_loads() -> None:
    ids = [fleet.id for fleet in FLEETS]
    assert len(ids) >= 4
    assert load_events(CONFIG / "events.yaml", fleet_ids=ids)
    assert {export.format for export in load_sources(CONFIG / "sources.yaml").billing} == {"focus", "cur2"}


def test_the_clock_is_the_sandboxs_and_not_this_machines(sandbox: SandboxProcess, clients: BotoClients) -> None:
    assert read_cloud_clock_utc(clients, region=REGION) == sandbox.clock()


def test_an_hour_of_every_fleet_is_there_and_nothing_was_written_to_the_cloud(
    sandbox: SandboxProcess, clients: BotoClients, hour: Window
) -> None:
    table, failures = read_metrics(clients, FLEETS, hour)
    assert failures == {}
    demand = Counter(table.filter(pc.equal(table["metric"], "demand_count"))["fleet_id"].to_pylist())
    assert set(demand) == {fleet.id for fleet in FLEETS}
    assert max(demand.values()) == 12  # 60 minutes / 5
    assert sandbox.calls(is_write=True) == []
    latency = table.filter(pc.equal(table["metric"], "latency_p95_seconds"))
    assert pc.max(latency["value"]).as_py() < 60  # SageMaker's microseconds would stand out


def test_a_day_comes_in_one_call_for_each_place(sandbox: SandboxProcess, clients: BotoClients, hour: Window) -> None:
    table, failures = read_metrics(clients, FLEETS, Window.day_of(hour.start_utc - DAY))
    assert failures == {}
    assert table.num_rows > len(FLEETS) * 200
    assert len(sandbox.calls(service="cloudwatch")) == 1


def test_a_fleet_whose_metrics_are_refused_fails_alone(
    sandbox: SandboxProcess, clients: BotoClients, hour: Window
) -> None:
    refused = FLEETS[1]
    sandbox.add_fault(
        service="cloudwatch",
        operation="GetMetricData",
        match=refused.demand.metric.name if refused.demand.metric.name != FLEETS[0].demand.metric.name else refused.id,
        status=403,
        count=None,
    )
    table, failures = read_metrics(clients, FLEETS, hour)
    assert refused.id in failures
    assert "AccessDenied (HTTP 403)" in failures[refused.id]
    assert refused.id not in set(table["fleet_id"].to_pylist())
    assert set(table["fleet_id"].to_pylist()) == {fleet.id for fleet in FLEETS} - set(failures)
    assert table.num_rows > 0


def test_a_source_that_fails_once_is_asked_again(sandbox: SandboxProcess, clients: BotoClients, hour: Window) -> None:
    sandbox.add_fault(service="cloudwatch", operation="GetMetricData", status=503, count=1)
    _, failures = read_metrics(clients, FLEETS, hour)
    assert failures == {}


def test_a_connection_that_drops_while_the_clock_is_read_is_tried_again(
    sandbox: SandboxProcess, clients: BotoClients
) -> None:
    sandbox.add_fault(service="sts", is_connection_dropped=True, count=1)
    assert read_cloud_clock_utc(clients, region=REGION) == sandbox.clock()


def test_spot_prices_stand_from_before_the_hour_for_every_pool(clients: BotoClients, hour: Window) -> None:
    names = sorted({option.name for fleet in FLEETS for option in fleet.instance_types})
    table = read_spot_prices(clients, region=REGION, instance_types=names, window=hour)
    first: dict[tuple[str, str], list[object]] = defaultdict(list)
    for row in table.to_pylist():
        first[(row["instance_type"], row["availability_zone"])].append(row["timestamp_utc"])
        assert 0 < row["spot_usd_per_hour"] < Decimal(1000)
    assert len(first) >= 3
    assert all(min(moments) <= hour.start_utc for moments in first.values())  # type: ignore[type-var, operator]


def test_every_type_a_fleet_may_run_on_is_described_and_priced(clients: BotoClients, hour: Window) -> None:
    names = sorted({option.name for fleet in FLEETS for option in fleet.instance_types})
    types = read_instance_types(clients, region=REGION, names=names, day=hour.day)
    prices = read_on_demand_prices(clients, region=REGION, names=names, day=hour.day)
    assert types["instance_type"].to_pylist() == names
    assert sorted(prices["instance_type"].to_pylist()) == names


def test_both_bills_agree_for_every_hour_and_resource(clients: BotoClients) -> None:
    totals: dict[str, list[pa.Table]] = defaultdict(list)
    for export in load_sources(CONFIG / "sources.yaml").billing:
        for manifest in list_periods(clients, export):
            lines = read_period(clients, export, manifest)
            assert lines.num_rows > 0
            grouped = lines.group_by(["ChargePeriodStart", "ResourceId", "PricingCategory", "Tags"]).aggregate(
                [(name, "sum") for name in ("BilledCost", "EffectiveCost", "ListCost", "ConsumedQuantity")],
            )
            order = [(name, "ascending") for name in ("ChargePeriodStart", "ResourceId", "PricingCategory", "Tags")]
            totals[export.format].append(grouped.sort_by(order))
    assert len(totals["focus"]) == len(totals["cur2"]) >= 2
    for focus, cur2 in zip(totals["focus"], totals["cur2"], strict=True):
        assert focus.equals(cur2)


def test_a_bucket_that_refuses_is_a_source_error(sandbox: SandboxProcess, clients: BotoClients) -> None:
    sandbox.add_fault(service="s3", status=403, count=None)
    export = load_sources(CONFIG / "sources.yaml").billing[0]
    with pytest.raises(SourceError, match=r"S3 ListObjectsV2 of s3://.* did not answer: AccessDenied \(HTTP 403\)"):
        list_periods(clients, export)


def test_a_day_later_the_bill_is_a_new_delivery(sandbox: SandboxProcess, clients: BotoClients) -> None:
    export = load_sources(CONFIG / "sources.yaml").billing[0]
    before = list_periods(clients, export)
    sandbox.advance(timedelta(days=1))
    after = list_periods(clients, export)
    assert before[-1].fingerprint != after[-1].fingerprint
    assert before[0].fingerprint == after[0].fingerprint  # a period that is closed is not delivered again
    assert read_period(clients, export, after[-1]).num_rows > 0
