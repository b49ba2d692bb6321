"""The catalogue: what types are made of and what they cost, from what the APIs really answer."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.extract.fake_aws import FakeClients, FakeEc2, FakePricing, client_error

from headroom.extract.catalogue import network_mbps, read_instance_types, read_on_demand_prices
from headroom.extract.errors import SourceError
from headroom.lake.tables import TABLES

DAY = date(2026, 11, 18)


def ec2_type(name: str, **more: Any) -> dict[str, Any]:
    return {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": 48},
        "MemoryInfo": {"SizeInMiB": 196_608},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "NetworkInfo": {"NetworkPerformance": "40 Gigabit"},
        **more,
    }


A10G = {
    "GpuInfo": {
        "Gpus": [{"Name": "A10G", "Manufacturer": "NVIDIA", "Count": 4, "MemoryInfo": {"SizeInMiB": 24_576}}],
        "TotalGpuMemoryInMiB": 98_304,
    },
}


def read_types(ec2: FakeEc2, names: list[str] | None) -> list[dict[str, Any]]:
    table = read_instance_types(FakeClients({"ec2": ec2}), region="us-east-1", names=names, day=DAY)
    assert table.schema == TABLES["instance_type"].schema
    return list(table.to_pylist())


def test_a_gpu_type_is_described_whole() -> None:
    assert read_types(FakeEc2(types=[ec2_type("g5.12xlarge", **A10G)]), ["g5.12xlarge"]) == [
        {
            "region": "us-east-1",
            "instance_type": "g5.12xlarge",
            "day_utc": DAY,
            "vcpus": 48,
            "memory_mib": 196_608,
            "architecture": "x86_64",
            "gpu_name": "A10G",
            "gpu_manufacturer": "NVIDIA",
            "gpu_count": 4,
            "gpu_memory_mib": 98_304,
            "network_mbps": 40_000.0,
        },
    ]


def test_what_a_type_does_not_have_is_null() -> None:
    (row,) = read_types(FakeEc2(types=[ec2_type("c7g.xlarge", ProcessorInfo={}, NetworkInfo={})]), None)
    assert [row[name] for name in ("gpu_name", "gpu_count", "gpu_memory_mib", "architecture", "network_mbps")] == [
        None
    ] * 5


def test_a_sagemaker_type_is_made_of_what_its_ec2_twin_is() -> None:
    rows = read_types(FakeEc2(types=[ec2_type("g5.2xlarge", **A10G)]), ["ml.g5.2xlarge"])
    assert [(row["instance_type"], row["gpu_memory_mib"]) for row in rows] == [("ml.g5.2xlarge", 98_304)]


def test_a_name_the_region_does_not_offer_has_no_row_and_the_others_have() -> None:
    ec2 = FakeEc2(types=[ec2_type("g5.xlarge")])
    assert [row["instance_type"] for row in read_types(ec2, ["g5.xlarge", "g99.xlarge"])] == ["g5.xlarge"]


def test_all_types_of_a_region_come_over_several_pages() -> None:
    ec2 = FakeEc2(types=[ec2_type(f"c{n}.large") for n in range(25)])
    ec2.page_rows = 10
    assert len(read_types(ec2, None)) == 25
    assert ec2.calls == 3


def test_many_names_are_asked_for_in_batches_and_none_for_nothing() -> None:
    ec2 = FakeEc2(types=[ec2_type(f"c{n}.large") for n in range(250)])
    assert len(read_types(ec2, [f"c{n}.large" for n in range(250)])) == 250
    assert ec2.calls == 3  # 100 + 100 + 50
    assert read_types(ec2, []) == []
    assert ec2.calls == 3


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"NetworkPerformance": "10 Gigabit"}, 10_000.0),
        ({"NetworkPerformance": "12.5 Gigabit"}, 12_500.0),
        ({"NetworkPerformance": "4x 100 Gigabit"}, 400_000.0),
        ({"NetworkPerformance": "Up to 25 Gigabit"}, None),  # a burst, not what can be held
        ({"NetworkPerformance": "Moderate"}, None),
        ({}, None),
        ({"NetworkCards": [{"BaselineBandwidthInGbps": 5.0}], "NetworkPerformance": "Up to 25 Gigabit"}, 5_000.0),
        ({"NetworkCards": [{"BaselineBandwidthInGbps": 100.0}] * 2}, 200_000.0),
    ],
)
def test_bandwidth_is_what_can_be_held(info: dict[str, Any], expected: float | None) -> None:
    assert network_mbps(info) == expected


def product(name: str, usd: str = "5.6720000000", **attributes: str) -> dict[str, Any]:
    is_sagemaker = name.startswith("ml.")
    ec2 = {
        "instanceType": name,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "operation": "RunInstances",
        "marketoption": "OnDemand",
    }
    sagemaker = {"instanceName": name, "instanceType": f"{name}-Hosting", "component": "Hosting"}
    return {
        "product": {"attributes": {**(sagemaker if is_sagemaker else ec2), "regionCode": "us-east-1", **attributes}},
        "terms": {
            "OnDemand": {
                "SKU.TERM": {
                    "effectiveDate": "2026-11-01T00:00:00Z",
                    "priceDimensions": {"SKU.TERM.RATE": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}},
                },
            },
        },
    }


def pricing(*products: Any) -> FakePricing:
    def is_ml(one: Any) -> bool:
        return isinstance(one, dict) and one["product"]["attributes"].get("component") is not None

    return FakePricing(
        {"AmazonEC2": [p for p in products if not is_ml(p)], "AmazonSageMaker": [p for p in products if is_ml(p)]},
    )


def read_prices(client: FakePricing, names: list[str] | None) -> list[tuple[str, str, Decimal]]:
    clients = FakeClients({"pricing": client})
    table = read_on_demand_prices(clients, region="us-east-1", names=names, day=DAY)
    assert table.schema == TABLES["on_demand_price"].schema
    assert {region for _, region, _ in clients.asked} == {"us-east-1"}
    return [(r["service"], r["instance_type"], r["on_demand_usd_per_hour"]) for r in table.to_pylist()]


def test_ec2_and_sagemaker_prices_come_from_their_own_lists() -> None:
    client = pricing(product("g5.2xlarge", "1.2120000000"), product("ml.g5.2xlarge", "1.5150000000"))
    assert read_prices(client, ["ml.g5.2xlarge", "g5.2xlarge"]) == [
        ("ec2", "g5.2xlarge", Decimal("1.2120000000")),
        ("sagemaker", "ml.g5.2xlarge", Decimal("1.5150000000")),
    ]


def test_a_price_carries_the_day_it_took_effect() -> None:
    clients = FakeClients({"pricing": pricing(product("g5.xlarge"))})
    (row,) = read_on_demand_prices(clients, region="us-east-1", names=["g5.xlarge"], day=DAY).to_pylist()
    assert row["effective_from_utc"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert row["day_utc"] == DAY


@pytest.mark.parametrize(
    "other",
    [
        {"tenancy": "Dedicated"},
        {"operatingSystem": "Windows"},
        {"preInstalledSw": "SQL Std"},
        {"capacitystatus": "UnusedCapacityReservation"},
        {"marketoption": "CapacityBlock"},
        {"regionCode": "eu-west-1"},
    ],
)
def test_only_plain_linux_on_demand_counts(other: dict[str, str]) -> None:
    client = pricing(product("g5.xlarge", "1.0060"), product("g5.xlarge", "9.9900", **other))
    assert read_prices(client, ["g5.xlarge"]) == [("ec2", "g5.xlarge", Decimal("1.0060000000"))]


def test_few_types_are_asked_for_by_name_and_many_by_the_whole_region() -> None:
    client = pricing(*(product(f"c{n}.large", f"{n + 1}.5") for n in range(120)))
    assert len(read_prices(client, ["c1.large", "c2.large"])) == 2
    assert client.calls == 2
    client.calls = 0
    assert len(read_prices(client, [f"c{n}.large" for n in range(30)])) == 30
    assert client.calls == 2  # 120 products / 100 a page


def test_every_price_of_a_region() -> None:
    client = pricing(product("c7i.large"), product("ml.g5.2xlarge"))
    assert [name for _, name, _ in read_prices(client, None)] == ["c7i.large", "ml.g5.2xlarge"]


def test_a_type_without_a_price_has_no_row() -> None:
    free = product("g5.xlarge", "0.0000000000")
    assert read_prices(pricing(free), ["g5.xlarge", "g6.xlarge"]) == []


def test_two_prices_for_one_type_are_an_error_not_a_choice() -> None:
    client = pricing(product("g5.xlarge", "1.0"), product("g5.xlarge", "2.0"))
    with pytest.raises(SourceError, match=r"gives g5\.xlarge more than one on-demand price: 1\.0, 2\.0 USD per hour"):
        read_prices(client, ["g5.xlarge"])


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("{not json", "gave a product that is no JSON"),
        (product("g5.xlarge", "cheap"), "a price that cannot be read"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(bad: Any, expected: str) -> None:
    with pytest.raises(SourceError, match=f"the Price List of AmazonEC2 for us-east-1 .*{expected}"):
        read_prices(pricing(bad), ["g5.xlarge"])


def test_a_source_that_does_not_answer_is_named() -> None:
    class Down(FakePricing):
        def get_products(self, **_: Any) -> dict[str, Any]:
            raise client_error("InternalErrorException", "An error", status=500)

    with pytest.raises(SourceError, match=r"the Price List of AmazonEC2 for us-east-1 did not answer: InternalError"):
        read_prices(Down({}), ["g5.xlarge"])
