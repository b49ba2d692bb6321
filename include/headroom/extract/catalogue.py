"""The catalogue: what instance types are made of (EC2) and what they cost on demand (Price List Query API)."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from headroom.domain.window import as_utc
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, answering
from headroom.lake.tables import TABLES
from headroom.units import MEGABITS_PER_GIGABIT

PRICING_REGION = "us-east-1"
"""The Price List Query API answers in three regions, for all of them."""
SAGEMAKER_PREFIX = "ml."
_NAMES_PER_CALL = 100
_WHOLE_REGION_FROM = 20
"""From this many types on, reading a region's whole price list takes fewer calls than one call a type."""
_GIGABITS = re.compile(r"(?:(\d+)x )?(\d+(?:\.\d+)?) Gigabit")


@dataclass(frozen=True, slots=True)
class _PriceList:
    """Which products of a service are instances on demand, and which attribute names their type."""

    service: str
    service_code: str
    name_attribute: str
    filters: dict[str, str]


_EC2 = _PriceList(
    "ec2",
    "AmazonEC2",
    "instanceType",
    {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "operation": "RunInstances",
    },
)
_SAGEMAKER = _PriceList("sagemaker", "AmazonSageMaker", "instanceName", {"component": "Hosting"})


def read_instance_types(
    clients: Clients,
    *,
    region: str,
    names: Sequence[str] | None,
    day: date,
    families: Sequence[str] = (),
) -> pa.Table:
    """Return raw.instance_type rows of `names` and of whole `families` (g5, c7i), as observed on `day`.

    With `names` None it is every type the region offers.

    A SageMaker type (`ml.`) is made of what the EC2 type of the same name is made of. A name the region does not offer
    has no row. SourceError when EC2 does not answer.
    """
    schema = TABLES["instance_type"].schema
    if names is not None and not names and not families:
        return schema.empty_table()
    client = clients.client("ec2", region=region)
    # The filter takes wildcards (EC2 API reference, DescribeInstanceTypes, filter instance-type).
    patterns = [f"{family}.*" for family in families]
    wanted = None if names is None else sorted({*(name.removeprefix(SAGEMAKER_PREFIX) for name in names), *patterns})
    described: dict[str, dict[str, Any]] = {}
    with answering(f"EC2 DescribeInstanceTypes in {region}"):
        for item in _describe(client, wanted):
            described[item["InstanceType"]] = _type_row(item, region, day)
    asked = sorted(described) if names is None else sorted({*names, *_of_families(described, families)})
    rows = [
        {**described[name.removeprefix(SAGEMAKER_PREFIX)], "instance_type": name}
        for name in asked
        if name.removeprefix(SAGEMAKER_PREFIX) in described
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def _of_families(described: Iterable[str], families: Sequence[str]) -> set[str]:
    return {name for name in described if name.split(".")[0] in families}


def _describe(client: Any, wanted: list[str] | None) -> Iterator[dict[str, Any]]:  # noqa: ANN401, boto3 makes client classes at run time
    # By filter, not by InstanceTypes: there one name the region does not know fails the whole call.
    batches: list[dict[str, Any]] = [{}]
    if wanted is not None:
        starts = range(0, len(wanted), _NAMES_PER_CALL)
        batches = [
            {"Filters": [{"Name": "instance-type", "Values": wanted[start : start + _NAMES_PER_CALL]}]}
            for start in starts
        ]
    for batch in batches:
        for page in client.get_paginator("describe_instance_types").paginate(**batch):
            yield from page["InstanceTypes"]


def _type_row(item: dict[str, Any], region: str, day: date) -> dict[str, Any]:
    gpu_info = item.get("GpuInfo") or {}
    gpus = gpu_info.get("Gpus") or []
    first = gpus[0] if gpus else {}
    return {
        "region": region,
        "instance_type": item["InstanceType"],
        "day_utc": day,
        "vcpus": item["VCpuInfo"]["DefaultVCpus"],
        "memory_mib": item["MemoryInfo"]["SizeInMiB"],
        "architecture": _architecture(item),
        "gpu_name": first.get("Name"),
        "gpu_manufacturer": first.get("Manufacturer"),
        "gpu_count": sum(gpu.get("Count", 0) for gpu in gpus) if gpus else None,
        "gpu_memory_mib": gpu_info.get("TotalGpuMemoryInMiB") if gpus else None,
        "network_mbps": network_mbps(item.get("NetworkInfo") or {}),
    }


def _architecture(item: dict[str, Any]) -> str | None:
    supported = (item.get("ProcessorInfo") or {}).get("SupportedArchitectures") or []
    for architecture in ("x86_64", "arm64"):
        if architecture in supported:
            return architecture
    return supported[0] if supported else None


def network_mbps(network_info: dict[str, Any]) -> float | None:
    """Return the bandwidth that can be held, in Mbit/s; None where only a burst ("Up to 10 Gigabit") is known.

    >>> network_mbps({"NetworkPerformance": "4x 100 Gigabit"})
    400000.0
    >>> network_mbps({"NetworkPerformance": "Up to 10 Gigabit"})
    """
    cards = network_info.get("NetworkCards") or []
    baselines = [card.get("BaselineBandwidthInGbps") for card in cards]
    if baselines and None not in baselines:
        return float(sum(baselines)) * MEGABITS_PER_GIGABIT
    matched = _GIGABITS.fullmatch(network_info.get("NetworkPerformance", ""))
    if matched is None:
        return None
    return int(matched[1] or 1) * float(matched[2]) * MEGABITS_PER_GIGABIT


def read_on_demand_prices(clients: Clients, *, region: str, names: Sequence[str] | None, day: date) -> pa.Table:
    """Return raw.on_demand_price rows (Linux, shared tenancy, no licence) of `names`, or of every type, on `day`.

    `ml.` types are priced as SageMaker hosting. A type without a price has no row. SourceError when the Price List does
    not answer, or gives one type two prices in force.
    """
    ec2 = None if names is None else sorted({name for name in names if not name.startswith(SAGEMAKER_PREFIX)})
    sagemaker = None if names is None else sorted({name for name in names if name.startswith(SAGEMAKER_PREFIX)})
    client = clients.client("pricing", region=PRICING_REGION)
    rows = [
        *_prices(client, _EC2, region=region, names=ec2, day=day),
        *_prices(client, _SAGEMAKER, region=region, names=sagemaker, day=day),
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["on_demand_price"].schema)


def _prices(
    client: Any,  # noqa: ANN401, as above
    price_list: _PriceList,
    *,
    region: str,
    names: list[str] | None,
    day: date,
) -> Iterator[dict[str, Any]]:
    if names is not None and not names:
        return
    source = f"the Price List of {price_list.service_code} for {region}"
    is_by_name = names is not None and len(names) < _WHOLE_REGION_FROM
    asked = [{price_list.name_attribute: name} for name in names or ()] if is_by_name else [{}]
    found: dict[str, set[tuple[Decimal, datetime]]] = defaultdict(set)
    for own in asked:
        for product in _products(
            client, source, price_list.service_code, {"regionCode": region, **price_list.filters, **own}
        ):
            attributes = product.get("product", {}).get("attributes", {})
            name = attributes.get(price_list.name_attribute)
            # Capacity Blocks stand under the same attributes, but for this one.
            is_on_demand = attributes.get("marketoption", "OnDemand") == "OnDemand"
            if name is not None and is_on_demand and (names is None or name in names):
                found[name].update(_hourly_usd(product, source, name))
    for name, prices in sorted(found.items()):
        if len({price for price, _ in prices}) > 1:
            listed = ", ".join(str(price) for price, _ in sorted(prices))
            raise SourceError(f"{source} gives {name} more than one on-demand price: {listed} USD per hour")
        for price, effective_from in sorted(prices)[:1]:
            yield {
                "region": region,
                "instance_type": name,
                "service": price_list.service,
                "day_utc": day,
                "on_demand_usd_per_hour": price,
                "effective_from_utc": effective_from,
            }


def _products(client: Any, source: str, service_code: str, terms: dict[str, str]) -> list[dict[str, Any]]:  # noqa: ANN401, as above
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in terms.items()]
    with answering(source):
        pages = client.get_paginator("get_products").paginate(ServiceCode=service_code, Filters=filters)
        texts = [text for page in pages for text in page["PriceList"]]
    try:
        return [json.loads(text) for text in texts]
    except json.JSONDecodeError as error:
        raise SourceError(f"{source} gave a product that is no JSON: {error}") from error


def _hourly_usd(product: dict[str, Any], source: str, name: str) -> Iterator[tuple[Decimal, datetime]]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = dimension.get("pricePerUnit", {}).get("USD")
            if usd is None or not dimension.get("unit", "").lower().startswith(("hr", "hour")):
                continue
            try:
                price = Decimal(usd)
                effective_from = as_utc(datetime.fromisoformat(term["effectiveDate"]))
            except (ArithmeticError, KeyError, ValueError) as error:
                raise SourceError(f"{source} gives {name} a price that cannot be read: {error!r}") from error
            if price > 0:  # products that are part of a reservation stand at 0
                yield price, effective_from
