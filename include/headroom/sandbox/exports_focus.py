"""Bill lines -> "FOCUS 1.2 with AWS columns": all 57 columns of the specification and AWS's own three.

Covered usage is invoiced with the commitment (BilledCost 0) and carries its share of it (EffectiveCost); the
commitment's purchase is the other way round; what was not used of it is a line of its own, status Unused.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.window import Window
from headroom.sandbox.billing_lines import (
    AMOUNT_DIGITS,
    BillLines,
    LineKind,
    LineTemplate,
)
from headroom.sandbox.exports_columns import TEXT_MAP, LineColumns, amounts, texts_where
from headroom.sandbox.prices import REGION_NAMES, SAVINGS_PLAN_FRACTION

_SERVICES: Final = {
    "AmazonEC2": ("Amazon Elastic Compute Cloud", "Compute", "Virtual Machines"),
    "AmazonSageMaker": ("Amazon SageMaker", "AI and Machine Learning", "AI Platforms"),
    "ComputeSavingsPlans": ("Savings Plans for AWS Compute usage", "Compute", "Other (Compute)"),
}
_PROVIDER: Final = "AWS"


def focus_columns(lines: BillLines, period: Window) -> dict[str, pa.Array]:
    """Return the period's lines as FOCUS columns, in the specification's order."""
    kinds = np.array([template.kind.value for template in lines.templates])[lines.template]
    committed = np.array([template.usd_per_hour for template in lines.templates])[lines.template]
    left = np.where(kinds == LineKind.FEE.value, np.round(committed - lines.used_usd, AMOUNT_DIGITS), 0.0)
    unused = np.flatnonzero(left > 0.0)
    rows = np.concatenate([np.arange(len(lines)), unused])
    is_unused = np.arange(len(rows)) >= len(lines)
    build = LineColumns(lines, rows, period)
    is_fee = (kinds[rows] == LineKind.FEE.value) & ~is_unused
    is_covered = kinds[rows] == LineKind.COVERED.value
    has_quantity = ~(is_fee | is_unused)
    listed = np.where(is_unused, 0.0, build.quantity() * build.numbers(lambda template: template.usd_per_hour))
    effective = np.where(is_fee, 0.0, np.where(is_covered, listed * SAVINGS_PLAN_FRACTION, listed))
    effective = np.where(is_unused, left[rows], effective)
    is_committed = is_fee | is_covered | is_unused
    hours = build.hours()
    bounds = build.period()
    rates = amounts(build.numbers(lambda template: template.usd_per_hour), there=~is_unused)
    quantity = amounts(build.quantity(), there=has_quantity)
    unit = texts_where(has_quantity, "Hours", None)
    commitment = texts_where(is_committed, lines.savings_plan_arn, None)
    status = pc.coalesce(texts_where(is_covered, "Used", None), texts_where(is_unused, "Unused", None))
    nothing = build.same(None)
    return {
        "AvailabilityZone": build.texts(lambda template: template.availability_zone),
        "BilledCost": amounts(np.where(is_covered | is_unused, 0.0, listed)),
        "BillingAccountId": build.same(lines.account),
        "BillingAccountName": build.same("Sandbox"),
        "BillingAccountType": build.same("Management"),
        "BillingCurrency": build.same("USD"),
        "BillingPeriodEnd": bounds[1],
        "BillingPeriodStart": bounds[0],
        "CapacityReservationId": nothing,
        "CapacityReservationStatus": nothing,
        "ChargeCategory": texts_where(is_fee, "Purchase", "Usage"),
        "ChargeClass": nothing,
        "ChargeDescription": build.texts(describe),
        "ChargeFrequency": texts_where(is_fee, "Recurring", "Usage-Based"),
        "ChargePeriodEnd": hours[1],
        "ChargePeriodStart": hours[0],
        "CommitmentDiscountCategory": texts_where(is_committed, "Spend", None),
        "CommitmentDiscountId": commitment,
        "CommitmentDiscountName": nothing,
        "CommitmentDiscountQuantity": amounts(
            np.where(is_fee, listed, effective),
            there=is_committed,
        ),
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountType": texts_where(is_committed, "ComputeSavingsPlans", None),
        "CommitmentDiscountUnit": texts_where(is_committed, "USD", None),
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ContractedCost": amounts(listed),
        "ContractedUnitPrice": rates,
        "EffectiveCost": amounts(effective),
        "InvoiceId": nothing,
        "InvoiceIssuerName": build.same("Amazon Web Services, Inc."),
        "ListCost": amounts(listed),
        "ListUnitPrice": rates,
        "PricingCategory": texts_where(is_committed, "Committed", "Standard"),
        "PricingCurrency": build.same("USD"),
        "PricingCurrencyContractedUnitPrice": rates,
        "PricingCurrencyEffectiveCost": amounts(effective),
        "PricingCurrencyListUnitPrice": rates,
        "PricingQuantity": quantity,
        "PricingUnit": build.same("Hours"),
        "ProviderName": build.same(_PROVIDER),
        "PublisherName": build.same(_PROVIDER),
        "RegionId": build.texts(lambda template: template.region),
        "RegionName": build.texts(lambda template: REGION_NAMES[template.region]),
        "ResourceId": build.texts(lambda template: template.resource_id),
        "ResourceName": nothing,
        "ResourceType": build.texts(_resource_type),
        "ServiceCategory": build.texts(lambda template: _SERVICES[template.product_code][1]),
        "ServiceName": build.texts(lambda template: _SERVICES[template.product_code][0]),
        "ServiceSubcategory": build.texts(lambda template: _SERVICES[template.product_code][2]),
        "SkuId": build.texts(sku),
        "SkuMeter": build.texts(lambda template: template.usage_type),
        "SkuPriceDetails": build.maps(_price_details),
        "SkuPriceId": build.texts(lambda template: f"{sku(template)}.JRTCKXETXF.6YS6EN2CT7"),
        "SubAccountId": build.texts(lambda template: template.account),
        "SubAccountName": build.same("Sandbox"),
        "SubAccountType": build.same("Member"),
        "Tags": build.maps(lambda template: dict(template.tags)),
        "x_Discounts": pa.nulls(len(rows), TEXT_MAP),
        "x_Operation": build.texts(lambda template: template.operation),
        "x_ServiceCode": build.texts(lambda template: template.product_code),
    }


def describe(template: LineTemplate) -> str:
    """Return a line's description as the bill prints it."""
    if template.kind is LineKind.FEE:
        return "1 year No Upfront Compute Savings Plan"
    what = f"On Demand Linux {template.instance_type} Instance Hour" if template.instance_type else "NAT Gateway Hour"
    covered = ", covered by Compute Savings Plans" if template.kind is LineKind.COVERED else ""
    return f"${template.usd_per_hour:.10g} per {what}{covered}"


def sku(template: LineTemplate) -> str:
    """Return a stable SKU: resources with the same usage type share it."""
    return "".join(character for character in template.usage_type.upper() if character.isalnum())[-16:]


def _price_details(template: LineTemplate) -> dict[str, str] | None:
    return {"InstanceType": template.instance_type, "OperatingSystem": "Linux"} if template.instance_type else None


def _resource_type(template: LineTemplate) -> str:
    if template.kind is LineKind.FEE:
        return "savingsplan"
    if template.product_code == "AmazonSageMaker":
        return "endpoint"
    return "instance" if template.instance_type else "natgateway"
