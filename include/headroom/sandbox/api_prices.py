"""EC2's DescribeSpotPriceHistory and the price list's GetProducts, answered from the world's prices.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html and
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from headroom.domain.window import Window
from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.prices import REGION_NAMES, USAGE_PREFIXES
from headroom.sandbox.world_interface import OnDemandPrice, SandboxWorld, SpotPrice

MAX_SPOT_PAGE = 1000
MAX_PRODUCTS_PAGE = 100
SPOT_HISTORY = timedelta(days=90)
SERVICE_CODES = {"AmazonEC2": "ec2", "AmazonSageMaker": "sagemaker"}
FIELDS_OF_SPOT_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "instance-type": "InstanceType",
    "product-description": "ProductDescription",
    "spot-price": "SpotPrice",
}


def describe_spot_price_history(world: SandboxWorld, call: AwsCall) -> Mapping[str, Any]:
    """DescribeSpotPriceHistory: changes in the window and the last price before it, newest first, 90 days at most."""
    parameters = call.parameters
    filters = {str(item.get("Name")): set(item.get("Values", [])) for item in parameters.get("Filters", [])}
    unknown = sorted(set(filters) - set(FIELDS_OF_SPOT_FILTERS) - {"timestamp"})
    if unknown:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    zone = parameters.get("AvailabilityZone")
    descriptions = set(parameters.get("ProductDescriptions", []))
    rows = [
        row
        for price in world.spot_prices(
            instance_types=parameters.get("InstanceTypes") or None,
            availability_zones=[zone] if zone else None,
            window=_spot_window(parameters, world.now_utc),
        )
        if price.availability_zone.startswith(call.region) and (row := _spot_row(price))
        if (not descriptions or row["ProductDescription"] in descriptions)
        and all(row[FIELDS_OF_SPOT_FILTERS[name]] in values for name, values in filters.items() if name != "timestamp")
    ]
    page, token = page_of(
        rows,
        token=parameters.get("NextToken"),
        size=parameters.get("MaxResults"),
        default_size=MAX_SPOT_PAGE,
        max_size=MAX_SPOT_PAGE,
        token_error="InvalidPaginationToken",  # noqa: S106, an error code
        size_error="InvalidParameterValue",
    )
    return {"SpotPriceHistory": page, "NextToken": token or ""}


def get_products(
    world: SandboxWorld, call: AwsCall, *, specifications: Mapping[str, Mapping[str, str]]
) -> Mapping[str, Any]:
    """GetProducts of AmazonEC2 and AmazonSageMaker; `specifications` adds attributes (vcpu, memory ...) by EC2 type."""
    parameters = call.parameters
    code = parameters.get("ServiceCode")
    if code not in SERVICE_CODES:
        raise AwsError("InvalidParameterException", f"The sandbox has no prices of service code {code!r}")
    products = [
        product
        for price in world.on_demand_prices(service=SERVICE_CODES[code])
        if (product := _product(str(code), price, specifications))
        and all(_is_match(product, item) for item in parameters.get("Filters", []))
    ]
    page, token = page_of(
        products,
        token=parameters.get("NextToken"),
        size=parameters.get("MaxResults"),
        default_size=MAX_PRODUCTS_PAGE,
        max_size=MAX_PRODUCTS_PAGE,
        token_error="InvalidNextTokenException",  # noqa: S106, an error code
        size_error="InvalidParameterException",
    )
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(product) for product in page], "NextToken": token}


def _spot_window(parameters: Mapping[str, Any], now_utc: datetime) -> Window:
    start = max(parameters.get("StartTime", now_utc), now_utc - SPOT_HISTORY)
    end = min(parameters.get("EndTime", now_utc), now_utc)
    if parameters.get("EndTime", now_utc) < parameters.get("StartTime", parameters.get("EndTime", now_utc)):
        raise AwsError("InvalidParameterValue", "The end time lies before the start time")
    return Window(min(start, now_utc), max(end, min(start, now_utc) + timedelta(seconds=1)))


def _spot_row(price: SpotPrice) -> dict[str, Any]:
    return {
        "AvailabilityZone": price.availability_zone,
        "InstanceType": price.instance_type,
        "ProductDescription": price.product_description,
        "SpotPrice": f"{price.usd_per_hour:.6f}",
        "Timestamp": price.timestamp_utc,
    }


def _product(code: str, price: OnDemandPrice, specifications: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return a price as the price list gives it: one product with one OnDemand term with one dimension."""
    attributes = {
        **specifications.get(price.instance_type.removeprefix("ml."), {}),
        "instanceType": price.instance_type,
        "location": REGION_NAMES[price.region],
        "locationType": "AWS Region",
        "regionCode": price.region,
        "servicecode": code,
    }
    prefix = USAGE_PREFIXES[price.region]
    if code == "AmazonEC2":
        family = "Compute Instance"
        attributes |= {
            "capacitystatus": "Used",
            "licenseModel": "No License required",
            "marketoption": "OnDemand",
            "operatingSystem": "Linux",
            "operation": "RunInstances",
            "preInstalledSw": "NA",
            "servicename": "Amazon Elastic Compute Cloud",
            "tenancy": "Shared",
            "usagetype": f"{prefix}BoxUsage:{price.instance_type}",
        }
        description = f"${price.usd_per_hour:.10g} per On Demand Linux {price.instance_type} Instance Hour"
    else:
        family = "ML Instance"
        attributes |= {
            "component": "Hosting",
            "instanceName": price.instance_type,
            "operation": "RunInstance",
            "platoinstancename": price.instance_type,
            "platoinstancetype": "Hosting",
            "servicename": "Amazon SageMaker",
            "usagetype": f"{prefix or 'USE1-'}Host:{price.instance_type}",
        }
        description = f"${price.usd_per_hour:.10g} per Hosting {price.instance_type} hour"
    sku = hashlib.sha256(f"{code}/{price.region}/{price.instance_type}".encode()).hexdigest()[:16].upper()
    term, dimension = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    effective = f"{price.effective_from_utc:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "product": {"productFamily": family, "attributes": attributes, "sku": sku},
        "serviceCode": code,
        "terms": {
            "OnDemand": {
                term: {
                    "priceDimensions": {
                        dimension: {
                            "unit": "Hrs",
                            "endRange": "Inf",
                            "description": description,
                            "appliesTo": [],
                            "rateCode": dimension,
                            "beginRange": "0",
                            "pricePerUnit": {"USD": f"{price.usd_per_hour:.10f}"},
                        }
                    },
                    "sku": sku,
                    "effectiveDate": effective,
                    "offerTermCode": "JRTCKXETXF",
                    "termAttributes": {},
                }
            }
        },
        "version": f"{price.effective_from_utc:%Y%m%d%H%M%S}",
        "publicationDate": effective,
    }


def _is_match(product: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Tell whether a product meets a filter; a field that it does not have matches nothing, as on AWS."""
    name, kind, wanted = str(condition.get("Field")), condition.get("Type", "TERM_MATCH"), str(condition.get("Value"))
    values: Mapping[str, str] = {
        **product["product"]["attributes"],
        "productFamily": product["product"]["productFamily"],
        "sku": product["product"]["sku"],
        "ServiceCode": product["serviceCode"],
    }
    found = values.get(name)
    if found is None:
        return False
    options: Sequence[str] = wanted.split(",")
    matches = {
        "TERM_MATCH": found == wanted,
        "EQUALS": found == wanted,
        "CONTAINS": wanted in found,
        "ANY_OF": found in options,
        "NONE_OF": found not in options,
    }
    if kind not in matches:
        raise AwsError("InvalidParameterException", f"Filter type {kind!r} is none of {', '.join(matches)}")
    return matches[kind]
