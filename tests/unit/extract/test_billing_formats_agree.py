"""The same usage in CUR 2.0 and in FOCUS gives the same totals for every hour and resource.

Invariants, for any bill of on-demand, spot, reserved and Savings-Plan hours with their fees:
- effective, billed and list cost and consumed hours agree per hour and resource, to the last of ten digits;
- so do they per purchase option (PricingCategory), instance type and tag;
- what CUR bills in all (the invoice) is what the lines' BilledCost add up to: negations and coverage cancel out.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.extract.bills import (
    CUR2_SCHEMA,
    FOCUS_SCHEMA,
    PLAN,
    RESERVATION,
    cur2_line,
    focus_line,
)

from headroom.extract import billing_cur2, billing_focus
from headroom.extract.billing_columns import BillBatch

TYPES = {"g5.xlarge": Decimal("1.006"), "g5.12xlarge": Decimal("5.672"), "p5.48xlarge": Decimal("55.04")}
COSTS = ("BilledCost", "EffectiveCost", "ListCost")


@dataclass(frozen=True)
class Usage:
    """An instance in an hour: how much of it ran, bought how, at which fraction of the list price in effect."""

    hour: int
    resource: str
    instance_type: str
    bought: str
    hours: Decimal
    price_fraction: Decimal
    tag: str | None

    @property
    def list_cost(self) -> Decimal:
        return (TYPES[self.instance_type] * self.hours).quantize(Decimal("1e-10"))

    @property
    def effective_cost(self) -> Decimal:
        fraction = Decimal(1) if self.bought == "on_demand" else self.price_fraction
        return (self.list_cost * fraction).quantize(Decimal("1e-10"))


@dataclass(frozen=True)
class Fee:
    """An hour's fee of a commitment, of which a part was not used."""

    hour: int
    kind: str
    amount: Decimal
    unused: Decimal


USAGES = st.builds(
    Usage,
    hour=st.integers(0, 23),
    resource=st.sampled_from(["i-1", "i-2", "i-3"]),
    instance_type=st.sampled_from(sorted(TYPES)),
    bought=st.sampled_from(["on_demand", "spot", "savings_plan", "reservation"]),
    hours=st.decimals("0.0001", "1", places=4),
    price_fraction=st.decimals("0.10", "0.99", places=2),
    tag=st.sampled_from([None, "chat-large", "vision-batch"]),
)
FEES = st.builds(
    Fee,
    hour=st.integers(0, 23),
    kind=st.sampled_from(["savings_plan", "reservation"]),
    amount=st.decimals("1", "100", places=3),
    unused=st.decimals("0", "1", places=3),
)


def as_cur2(bill: list[Usage | Fee]) -> list[dict[str, Any]]:
    lines = []
    for item in bill:
        if isinstance(item, Fee):
            lines.append(_cur2_fee(item))
            continue
        listed, effective = float(item.list_cost), float(item.effective_cost)
        common: dict[str, Any] = {
            "line_item_resource_id": item.resource,
            "line_item_usage_amount": float(item.hours),
            "line_item_usage_type": f"{'Spot' if item.bought == 'spot' else 'Box'}Usage:{item.instance_type}",
            "pricing_public_on_demand_cost": listed,
            "resource_tags": [("user_fleet", item.tag)] if item.tag else [],
            "hour": item.hour,
        }
        if item.bought == "savings_plan":
            lines.append(
                cur2_line(
                    "SavingsPlanCoveredUsage",
                    line_item_unblended_cost=listed,
                    savings_plan_savings_plan_effective_cost=effective,
                    savings_plan_savings_plan_a_r_n=PLAN,
                    **common,
                ),
            )
            lines.append(cur2_line("SavingsPlanNegation", line_item_unblended_cost=-listed, **common))
        elif item.bought == "reservation":
            reserved = {"reservation_effective_cost": effective, "reservation_reservation_a_r_n": RESERVATION}
            lines.append(cur2_line("DiscountedUsage", line_item_unblended_cost=0.0, **reserved, **common))
        else:
            lines.append(cur2_line(line_item_unblended_cost=effective, **common))
    return lines


def _cur2_fee(fee: Fee) -> dict[str, Any]:
    is_plan = fee.kind == "savings_plan"
    own = (
        {
            "savings_plan_total_commitment_to_date": float(fee.amount),
            "savings_plan_used_commitment": float(fee.amount - fee.unused),
        }
        if is_plan
        else {
            "reservation_unused_amortized_upfront_fee_for_billing_period": 0.0,
            "reservation_unused_recurring_fee": float(fee.unused),
        }
    )
    return cur2_line(
        "SavingsPlanRecurringFee" if is_plan else "RIFee",
        hour=fee.hour,
        line_item_unblended_cost=float(fee.amount),
        line_item_resource_id=PLAN if is_plan else RESERVATION,
        line_item_usage_type="ComputeSP:1yrNoUpfront" if is_plan else "HeavyUsage:g5.xlarge",
        pricing_public_on_demand_cost=0.0,
        resource_tags=[],
        **own,
    )


def as_focus(bill: list[Usage | Fee]) -> list[dict[str, Any]]:
    lines = []
    for item in bill:
        if isinstance(item, Fee):
            lines += _focus_fee(item)
            continue
        is_committed = item.bought in ("savings_plan", "reservation")
        category = {"on_demand": "Standard", "spot": "Dynamic"}.get(item.bought, "Committed")
        lines.append(
            focus_line(
                hour=item.hour,
                ResourceId=item.resource,
                BilledCost=0.0 if is_committed else float(item.effective_cost),
                EffectiveCost=float(item.effective_cost),
                ListCost=float(item.list_cost),
                ConsumedQuantity=float(item.hours),
                PricingCategory=category,
                CommitmentDiscountStatus="Used" if is_committed else None,
                SkuMeter=f"{'Spot' if item.bought == 'spot' else 'Box'}Usage:{item.instance_type}",
                Tags=[("fleet", item.tag)] if item.tag else None,
            ),
        )
    return lines


def _focus_fee(fee: Fee) -> list[dict[str, Any]]:
    is_plan = fee.kind == "savings_plan"
    common: dict[str, Any] = {
        "hour": fee.hour,
        "ResourceId": PLAN if is_plan else RESERVATION,
        "PricingCategory": "Committed",
        "SkuMeter": "ComputeSP:1yrNoUpfront" if is_plan else "HeavyUsage:g5.xlarge",
        "ListCost": 0.0,
        "ConsumedQuantity": None,
        "Tags": None,
    }
    purchase = focus_line(ChargeCategory="Purchase", BilledCost=float(fee.amount), EffectiveCost=0.0, **common)
    unused = focus_line(CommitmentDiscountStatus="Unused", BilledCost=0.0, EffectiveCost=float(fee.unused), **common)
    return [purchase, unused] if fee.unused else [purchase]


def totals(lines: pa.Table, *by: str) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * (len(COSTS) + 1))
    for line in lines.to_pylist():
        row = sums[tuple(line[name] for name in by)]
        for position, name in enumerate(COSTS):
            row[position] += line[name]
        row[-1] += Decimal(str(line["ConsumedQuantity"] or 0))
    return {key: tuple(row) for key, row in sums.items()}


@given(st.lists(st.one_of(USAGES, FEES), max_size=12))
@settings(max_examples=60, deadline=None)
def test_both_formats_of_the_same_usage_give_the_same_totals(bill: list[Usage | Fee]) -> None:
    in_cur2 = as_cur2(bill)
    cur2 = billing_cur2.convert(BillBatch(pa.Table.from_pylist(in_cur2, schema=CUR2_SCHEMA), file="cur"))
    focus = billing_focus.convert(BillBatch(pa.Table.from_pylist(as_focus(bill), schema=FOCUS_SCHEMA), file="focus"))
    for by in (
        ("ChargePeriodStart", "ResourceId"),
        ("ChargeCategory", "PricingCategory", "CommitmentDiscountStatus", "x_InstanceType", "Tags"),
    ):
        assert totals(cur2, *by) == totals(focus, *by)
    invoice = sum((Decimal(str(line["line_item_unblended_cost"])) for line in in_cur2), Decimal(0))
    assert sum(cur2["BilledCost"].to_pylist(), Decimal(0)) == invoice
