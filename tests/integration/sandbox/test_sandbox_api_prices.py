"""Spot price history, the price list and the catalogue of types: paging, filters, refusals. Through boto3 over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


@pytest.fixture
def ec2(sandbox: Any) -> Any:
    return sandbox.control.client("ec2")


@pytest.fixture
def pricing(sandbox: Any) -> Any:
    return sandbox.control.client("pricing")


def spot_prices(ec2: Any, page_size: int | None = None, **arguments: Any) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        **arguments, PaginationConfig={"PageSize": page_size} if page_size else {}
    )
    return [item for page in pages for item in page["SpotPriceHistory"]]


def test_spot_prices_are_changes_and_the_last_price_before_newest_first(sandbox: Any, ec2: Any) -> None:
    start, end = sandbox.now - DAY, sandbox.now
    prices = spot_prices(
        ec2, InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"], StartTime=start, EndTime=end
    )

    times = [item["Timestamp"] for item in prices]
    assert times == sorted(times, reverse=True)
    assert max(times) <= end
    for zone in {item["AvailabilityZone"] for item in prices}:
        before = [item for item in prices if item["AvailabilityZone"] == zone and item["Timestamp"] < start]
        assert len(before) == 1, zone  # the price that was in force at the start
    assert all(0 < float(item["SpotPrice"]) < 1.1 for item in prices)  # on demand it costs 1.006


def test_spot_pages_join_to_the_whole(sandbox: Any, ec2: Any) -> None:
    arguments = {"InstanceTypes": ["g5.xlarge", "g6.xlarge"], "StartTime": sandbox.now - 7 * DAY}
    whole = spot_prices(ec2, **arguments)

    assert spot_prices(ec2, 7, **arguments) == whole
    assert {item["InstanceType"] for item in whole} == {"g5.xlarge", "g6.xlarge"}


def test_spot_prices_are_filtered_by_zone_and_reach_back_90_days_at_most(sandbox: Any, ec2: Any) -> None:
    arguments = {"InstanceTypes": ["g5.xlarge"], "StartTime": sandbox.now - 400 * DAY}
    zone = "us-east-1b"

    by_argument = spot_prices(ec2, **arguments, AvailabilityZone=zone)
    by_filter = spot_prices(ec2, **arguments, Filters=[{"Name": "availability-zone", "Values": [zone]}])

    assert by_argument == by_filter
    assert {item["AvailabilityZone"] for item in by_argument} == {zone}
    assert sum(item["Timestamp"] < sandbox.now - 90 * DAY for item in by_argument) <= 1
    assert spot_prices(ec2, **arguments, ProductDescriptions=["Windows"]) == []


def test_without_a_start_only_the_prices_in_force_come(ec2: Any) -> None:
    prices = spot_prices(ec2, InstanceTypes=["g5.xlarge"])
    zones = [item["AvailabilityZone"] for item in prices]
    assert len(set(zones)) == len(zones) > 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"NextToken": "?"}, "InvalidPaginationToken"),
        ({"Filters": [{"Name": "color", "Values": ["red"]}]}, "InvalidParameterValue"),
        ({"StartTime": "2026-11-18T00:00:00Z", "EndTime": "2026-11-17T00:00:00Z"}, "InvalidParameterValue"),
    ],
)
def test_bad_spot_requests_are_refused(ec2: Any, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        ec2.describe_spot_price_history(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def products(pricing: Any, service_code: str, **terms: str) -> list[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in terms.items()]
    pages = pricing.get_paginator("get_products").paginate(ServiceCode=service_code, Filters=filters)
    return [json.loads(item) for page in pages for item in page["PriceList"]]


def price_of(product: dict[str, Any]) -> float:
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["unit"] == "Hrs"
    return float(dimension["pricePerUnit"]["USD"])


def test_an_on_demand_price_is_found_by_the_usual_filters(pricing: Any) -> None:
    (product,) = products(
        pricing,
        "AmazonEC2",
        instanceType="g5.12xlarge",
        regionCode="us-east-1",
        location="US East (N. Virginia)",
        operatingSystem="Linux",
        tenancy="Shared",
        preInstalledSw="NA",
        capacitystatus="Used",
    )
    assert price_of(product) == 5.672
    assert product["product"]["attributes"]["vcpu"] == "48"
    assert product["product"]["attributes"]["memory"] == "192 GiB"
    assert products(pricing, "AmazonEC2", instanceType="g5.12xlarge", operatingSystem="Windows") == []
    assert products(pricing, "AmazonEC2", noSuchField="x") == []


def test_sagemaker_hosting_has_prices_of_its_own(pricing: Any) -> None:
    (hosting,) = products(pricing, "AmazonSageMaker", instanceName="ml.g5.2xlarge", component="Hosting")
    (machine,) = products(pricing, "AmazonEC2", instanceType="g5.2xlarge")

    assert price_of(hosting) > price_of(machine)
    assert hosting["product"]["productFamily"] == "ML Instance"


def test_products_come_in_pages_and_under_other_filters(pricing: Any) -> None:
    everything = products(pricing, "AmazonEC2")
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", PaginationConfig={"PageSize": 3})
    assert sum(len(page["PriceList"]) for page in pages) == len(everything)

    def count(kind: str, value: str) -> int:
        filters = [{"Type": kind, "Field": "instanceType", "Value": value}]
        return len(pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"])

    assert count("ANY_OF", "g5.xlarge,g6.xlarge") == 2
    assert count("NONE_OF", "g5.xlarge,g6.xlarge") == len(everything) - 2
    assert count("CONTAINS", "g5.1") == len([item for item in everything if "g5.1" in str(item["product"])])
    assert count("EQUALS", "g5.xlarge") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ServiceCode": "AmazonRDS"}, "InvalidParameterException"),
        ({"ServiceCode": "AmazonEC2", "NextToken": "?"}, "InvalidNextTokenException"),
        ({"ServiceCode": "AmazonEC2", "MaxResults": 101}, "InvalidParameterException"),
        (
            {"ServiceCode": "AmazonEC2", "Filters": [{"Type": "LIKE", "Field": "instanceType", "Value": "g5"}]},
            "InvalidParameterException",
        ),
    ],
)
def test_bad_price_requests_are_refused(pricing: Any, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        pricing.get_products(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_the_catalogue_comes_in_pages_of_100_at_most(ec2: Any) -> None:
    first = ec2.describe_instance_types()
    assert len(first["InstanceTypes"]) == 100
    with pytest.raises(ClientError, match="page size"):
        ec2.describe_instance_types(MaxResults=101)

    filters = [{"Name": "instance-type", "Values": ["g5.*"]}]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=filters, PaginationConfig={"PageSize": 5})
    names = {item["InstanceType"] for page in pages for item in page["InstanceTypes"]}
    assert {"g5.xlarge", "g5.12xlarge", "g5.48xlarge"} <= names
    assert all(name.startswith("g5.") for name in names)


def test_a_type_is_described_with_its_gpus(ec2: Any) -> None:
    (found,) = ec2.describe_instance_types(InstanceTypes=["g5.12xlarge"])["InstanceTypes"]
    # 4 x A10G of 22,888 MiB
    assert found["GpuInfo"]["TotalGpuMemoryInMiB"] == 4 * found["GpuInfo"]["Gpus"][0]["MemoryInfo"]["SizeInMiB"]
    assert found["VCpuInfo"]["DefaultVCpus"] == 48


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"InstanceTypes": ["g5.tiny"]}, "InvalidInstanceType"),
        ({"InstanceTypes": ["g5.xlarge"], "MaxResults": 5}, "InvalidParameterCombination"),
        ({"InstanceTypes": ["g5.xlarge"] * 101}, "InvalidParameterValue"),
    ],
)
def test_bad_catalogue_requests_are_refused(ec2: Any, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        ec2.describe_instance_types(**arguments)
    assert caught.value.response["Error"]["Code"] == code
