"""CUR 2.0 exports -> raw.billing_line under FOCUS names.

How a line becomes FOCUS depends on its line item type (RULES). `net` columns are there where the account has a private
discount; they stand for the plain ones then. Sources: FOCUS 1.2 specification; AWS, "Line item details", "Savings Plans
details", "Reservation details" and "FOCUS 1.2 with AWS columns" (Data Exports user guide, read 2026-11); FinOps
Foundation, focus_converters (conversion plans for AWS).

- Covered usage is billed with the commitment: it costs 0 on the invoice, and its share of the commitment in effect.
  CUR writes the on-demand amount and takes it back in a SavingsPlanNegation line: such lines are dropped.
- A fee line is billed and costs 0 in effect (its usage lines carry it); what of the commitment was not used becomes a
  line of its own, status Unused, that is not on the invoice.
- Lines that split a container's host (split cost allocation data) repeat their host's cost: they are dropped.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headroom.extract.billing_columns import BillBatch, instance_type_of
from headroom.extract.exact_money import MONEY, SUMMABLE
from headroom.lake.tables import TABLES

_SCHEMA: Final = TABLES["billing_line"].schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a line item type is in FOCUS; `effective` and `billed` say where the two costs come from."""

    charge_category: str
    pricing_category: str | None = None
    billed: str = "unblended"
    effective: str = "unblended"
    status: str | None = None
    has_quantity: bool = False
    charge_class: str | None = None


RULES: Final = {
    "Usage": Rule(charge_category="Usage", pricing_category="Standard", has_quantity=True),
    "DiscountedUsage": Rule(
        charge_category="Usage",
        pricing_category="Committed",
        billed="nothing",
        effective="reservation",
        status="Used",
        has_quantity=True,
    ),
    "SavingsPlanCoveredUsage": Rule(
        charge_category="Usage",
        pricing_category="Committed",
        billed="nothing",
        effective="savings plan",
        status="Used",
        has_quantity=True,
    ),
    "RIFee": Rule(charge_category="Purchase", pricing_category="Committed", effective="nothing"),
    "SavingsPlanRecurringFee": Rule(charge_category="Purchase", pricing_category="Committed", effective="nothing"),
    "SavingsPlanUpfrontFee": Rule(charge_category="Purchase", pricing_category="Committed", effective="nothing"),
    "Fee": Rule(charge_category="Purchase", pricing_category="Standard"),
    "Tax": Rule(charge_category="Tax"),
    "Credit": Rule(charge_category="Credit"),
    "Refund": Rule(charge_category="Adjustment", charge_class="Correction"),
    "Discount": Rule(charge_category="Adjustment"),
}
"""Every type that ends in Discount (EdpDiscount, PrivateRateDiscount, BundledDiscount ...) is a Discount here."""
DROPPED: Final = ("SavingsPlanNegation",)
_UPFRONT_RESERVATION: Final = "Fee for a reservation"
_RULES: Final = {
    **RULES,
    _UPFRONT_RESERVATION: Rule(charge_category="Purchase", pricing_category="Committed", effective="nothing"),
}
SPOT_USAGE: Final = "SpotUsage"

_UNITS: Final = {"Hrs": "Hours"}
"""CUR's unit -> the one FOCUS exports of AWS have."""
_SERVICES: Final = {
    "AmazonEC2": "Amazon Elastic Compute Cloud",
    "AmazonECS": "Amazon Elastic Container Service",
    "AmazonEKS": "Amazon Elastic Container Service for Kubernetes",
    "AmazonSageMaker": "Amazon SageMaker",
}
"""Product code -> ServiceName in FOCUS exports of AWS; another code stands as it is."""
_TAG_COLUMN: Final = "resource_tags"
_FLAT_TAGS: Final = "resource_tags_"
_OWNERS_TAG: Final = "user_"
"""What CUR puts before the key of a tag that is not AWS's own."""
_SAVINGS_PLAN_ARN: Final = ("savings_plan_savings_plan_a_r_n", "savings_plan_savings_plan_arn")
_RESERVATION_ARN: Final = ("reservation_reservation_a_r_n", "reservation_reservation_arn")
_SAVINGS_PLAN_COST: Final = "savings_plan_savings_plan_effective_cost"
_RESERVATION_COST: Final = "reservation_effective_cost"
_COMMITMENT: Final = "savings_plan_total_commitment_to_date"
_USED_COMMITMENT: Final = "savings_plan_used_commitment"
_UNUSED_FEES: Final = ("unused_amortized_upfront_fee_for_billing_period", "unused_recurring_fee")

USED_COLUMNS: Final = frozenset(
    {
        "bill_billing_period_start_date",
        "bill_billing_period_end_date",
        "bill_payer_account_id",
        "line_item_availability_zone",
        "line_item_currency_code",
        "line_item_line_item_description",
        "line_item_line_item_type",
        "line_item_net_unblended_cost",
        "line_item_product_code",
        "line_item_resource_id",
        "line_item_unblended_cost",
        "line_item_usage_account_id",
        "line_item_usage_amount",
        "line_item_usage_end_date",
        "line_item_usage_start_date",
        "line_item_usage_type",
        "pricing_public_on_demand_cost",
        "pricing_unit",
        "product_instance_type",
        "product_region_code",
        "product_sku",
        "savings_plan_net_savings_plan_effective_cost",
        "reservation_net_effective_cost",
        "split_line_item_parent_resource_id",
        _TAG_COLUMN,
        _SAVINGS_PLAN_COST,
        _RESERVATION_COST,
        _COMMITMENT,
        _USED_COMMITMENT,
        *_SAVINGS_PLAN_ARN,
        *_RESERVATION_ARN,
        *(f"reservation_{net}{fee}" for net in ("", "net_") for fee in _UNUSED_FEES),
    },
)


def is_used(column: str) -> bool:
    """Return whether a column of the export is read at all."""
    return column in USED_COLUMNS or column.startswith(_FLAT_TAGS)


def convert(batch: BillBatch) -> pa.Table:
    """Return the batch as raw.billing_line rows; BadExport names the column that is missing or not understood."""
    kinds = _kinds_of(batch)
    lines = _lines(batch, kinds)
    is_kept = pc.and_(
        pc.invert(pc.is_in(kinds, pa.array(DROPPED))),
        pc.is_null(batch.texts("split_line_item_parent_resource_id")),
    )
    return pa.concat_tables([lines.filter(is_kept), _unused(batch, kinds, lines)])


def _kinds_of(batch: BillBatch) -> pa.Array:
    """Return each line's key in _RULES (or a dropped type); BadExport where a type is none we know."""
    types = batch.texts("line_item_line_item_type", is_required=True)
    kinds = pc.if_else(pc.ends_with(types, "Discount"), "Discount", types)
    known = pa.array([*RULES, *DROPPED])
    unknown = pc.unique(kinds.filter(pc.invert(pc.is_in(kinds, known)))).to_pylist()
    if unknown:
        listed = ", ".join(str(name) for name in sorted(unknown, key=str))
        raise batch.fault("line_item_line_item_type", f"unknown line item type {listed}; known are {', '.join(RULES)}")
    is_upfront = pc.and_(pc.equal(kinds, "Fee"), pc.is_valid(batch.texts(*_RESERVATION_ARN)))
    return pc.if_else(is_upfront, _UPFRONT_RESERVATION, kinds)


def _of_rule(kinds: pa.Array, attribute: str) -> pa.Array:
    """Return an attribute of each line's rule as texts."""
    names = list(_RULES)
    values = pa.array([getattr(_RULES[name], attribute) for name in names])
    return values.take(pc.index_in(kinds, pa.array(names)))


def _lines(batch: BillBatch, kinds: pa.Array) -> pa.Table:
    usage_types = batch.texts("line_item_usage_type", is_required=True)
    nothing = pa.scalar(0).cast(MONEY)
    plain = batch.money("line_item_unblended_cost", is_required=True)
    unblended = pc.coalesce(batch.money("line_item_net_unblended_cost"), plain)
    billed = pc.if_else(pc.equal(_of_rule(kinds, "billed"), "nothing"), nothing, unblended)
    listed = batch.money("pricing_public_on_demand_cost", is_required=True)
    contracted = pc.if_else(pc.equal(kinds, "DiscountedUsage"), listed, unblended)
    is_spot = pc.and_(pc.equal(kinds, "Usage"), pc.fill_null(pc.match_substring(usage_types, SPOT_USAGE), False))  # noqa: FBT003, Arrow's argument
    has_quantity = _of_rule(kinds, "has_quantity")
    quantities = batch.quantities("line_item_usage_amount", is_required=True)
    quantities = pc.if_else(has_quantity, quantities, pa.scalar(None, pa.float64()))
    units = _renamed(batch.texts("pricing_unit"), _UNITS)
    columns = {
        "BillingPeriodStart": batch.moments("bill_billing_period_start_date"),
        "BillingPeriodEnd": batch.moments("bill_billing_period_end_date"),
        "ChargePeriodStart": batch.moments("line_item_usage_start_date"),
        "ChargePeriodEnd": batch.moments("line_item_usage_end_date"),
        "BilledCost": billed,
        "EffectiveCost": _effective(batch, kinds, unblended),
        "ListCost": pc.coalesce(listed, pc.if_else(has_quantity, contracted, billed)),
        "ContractedCost": contracted,
        "ConsumedQuantity": quantities,
        "PricingQuantity": quantities,
        "BillingCurrency": batch.texts("line_item_currency_code", is_required=True),
        "BillingAccountId": batch.texts("bill_payer_account_id"),
        "SubAccountId": batch.texts("line_item_usage_account_id"),
        "ChargeCategory": _of_rule(kinds, "charge_category"),
        "ChargeClass": _of_rule(kinds, "charge_class"),
        "ChargeDescription": batch.texts("line_item_line_item_description"),
        "CommitmentDiscountId": pc.coalesce(batch.texts(*_SAVINGS_PLAN_ARN), batch.texts(*_RESERVATION_ARN)),
        "CommitmentDiscountStatus": _of_rule(kinds, "status"),
        "ConsumedUnit": pc.if_else(has_quantity, units, pa.scalar(None, pa.string())),
        "PricingCategory": pc.if_else(is_spot, "Dynamic", _of_rule(kinds, "pricing_category")),
        "PricingUnit": units,
        "ProviderName": pa.array(["AWS"] * batch.row_count, pa.string()),
        "RegionId": batch.texts("product_region_code"),
        "AvailabilityZone": batch.texts("line_item_availability_zone"),
        "ResourceId": batch.texts("line_item_resource_id", is_required=True),
        "ServiceName": _renamed(batch.texts("line_item_product_code"), _SERVICES),
        "SkuId": batch.texts("product_sku"),
        "x_InstanceType": instance_type_of(usage_types, batch.texts("product_instance_type")),
        "Tags": _tags(batch),
    }
    return pa.table({name: columns[name] for name in _SCHEMA.names}, schema=_SCHEMA)


def _effective(batch: BillBatch, kinds: pa.Array, unblended: pa.Array) -> pa.Array:
    source = _of_rule(kinds, "effective")
    effective = pc.if_else(pc.equal(source, "nothing"), pa.scalar(0).cast(MONEY), unblended)
    for name, column, net_column in (
        ("savings plan", _SAVINGS_PLAN_COST, "savings_plan_net_savings_plan_effective_cost"),
        ("reservation", _RESERVATION_COST, "reservation_net_effective_cost"),
    ):
        is_meant = pc.fill_null(pc.equal(source, name), False)  # noqa: FBT003, Arrow's argument
        needed = pc.any(is_meant, min_count=0).as_py()
        cost = pc.coalesce(batch.money(net_column), batch.money(column, is_required=needed))
        effective = pc.if_else(is_meant, cost, effective)
    return effective


def _unused(batch: BillBatch, kinds: pa.Array, lines: pa.Table) -> pa.Table:
    """Return, for every fee line, the line of what was not used of its commitment, where that is not nothing."""
    nothing = pa.scalar(0).cast(MONEY)
    is_plan = pc.equal(kinds, "SavingsPlanRecurringFee")
    is_reservation = pc.equal(kinds, "RIFee")
    has_plan = pc.any(is_plan, min_count=0).as_py()
    has_reservation = pc.any(is_reservation, min_count=0).as_py()
    of_plan = _sum(
        batch.money(_COMMITMENT, is_required=has_plan),
        pc.negate(batch.money(_USED_COMMITMENT, is_required=has_plan)),
    )
    # An all-upfront reservation has no recurring fee and a no-upfront one no upfront: the part that is not there is 0.
    parts = [
        pc.coalesce(
            batch.money(f"reservation_net_{fee}"),
            batch.money(f"reservation_{fee}", is_required=has_reservation),
            nothing,
        )
        for fee in _UNUSED_FEES
    ]
    amount = pc.if_else(is_plan, of_plan, pc.if_else(is_reservation, _sum(*parts), nothing))
    is_there = pc.not_equal(amount, nothing)
    changed: dict[str, pa.Array] = {
        "EffectiveCost": amount,
        "CommitmentDiscountStatus": pa.array(["Unused"] * batch.row_count, pa.string()),
        "ChargeCategory": pa.array(["Usage"] * batch.row_count, pa.string()),
        **dict.fromkeys(("BilledCost", "ListCost", "ContractedCost"), pa.repeat(nothing, batch.row_count)),
    }
    table = pa.table({name: changed.get(name, lines[name]) for name in _SCHEMA.names}, schema=_SCHEMA)
    return table.filter(is_there)


def _sum(first: pa.Array, second: pa.Array) -> pa.Array:
    return pc.add(first.cast(SUMMABLE), second.cast(SUMMABLE)).cast(MONEY)


def _renamed(texts: pa.Array, names: dict[str, str]) -> pa.Array:
    new = pa.array(list(names.values())).take(pc.index_in(texts, pa.array(list(names))))
    return pc.coalesce(new, texts)


def _tags(batch: BillBatch) -> pa.Array:
    if batch.has(_TAG_COLUMN):
        return batch.tags(_TAG_COLUMN, own_prefix=_OWNERS_TAG)
    tags = batch.tags_from_columns(column_prefix=_FLAT_TAGS, own_prefix=_OWNERS_TAG)
    if len(tags) != batch.row_count:
        raise batch.fault(_TAG_COLUMN, "is missing; the export must select it, or columns resource_tags_<key>")
    return tags
