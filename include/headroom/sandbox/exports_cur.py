"""Bill lines -> CUR 2.0: the columns an hourly export with resource ids selects, AWS's names and line item types.

Covered usage stands at its on-demand amount and is taken back by a SavingsPlanNegation line, as AWS writes it; the
commitment is a SavingsPlanRecurringFee line that says how much of it was used.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from headroom.domain.window import Window
from headroom.sandbox.billing_lines import BillLines, LineKind, LineTemplate
from headroom.sandbox.exports_columns import TEXT_MAP, LineColumns, amounts, texts_where
from headroom.sandbox.exports_focus import describe, sku
from headroom.sandbox.prices import REGION_NAMES, SAGEMAKER_PREFIX, SAVINGS_PLAN_FRACTION

_LINE_TYPES: Final = {
    LineKind.USAGE.value: "Usage",
    LineKind.COVERED.value: "SavingsPlanCoveredUsage",
    LineKind.FEE.value: "SavingsPlanRecurringFee",
}
_NEGATION: Final = "SavingsPlanNegation"


def cur_columns(lines: BillLines, period: Window) -> dict[str, pa.Array]:
    """Return the period's lines as CUR 2.0 columns, by name."""
    kinds = np.array([template.kind.value for template in lines.templates])[lines.template]
    negated = np.flatnonzero(kinds == LineKind.COVERED.value)
    rows = np.concatenate([np.arange(len(lines)), negated])
    is_negation = np.arange(len(rows)) >= len(lines)
    build = LineColumns(lines, rows, period)
    is_fee = kinds[rows] == LineKind.FEE.value
    is_covered = (kinds[rows] == LineKind.COVERED.value) & ~is_negation
    of_plan = is_fee | is_covered | is_negation
    rate = build.numbers(lambda template: template.usd_per_hour)
    cost = build.quantity() * rate
    unblended = np.where(is_negation, -cost, cost)
    types = np.where(is_negation, _NEGATION, np.array([_LINE_TYPES[kind] for kind in kinds])[rows])
    hours, bounds = build.hours(), build.period()
    arn = texts_where(of_plan, lines.savings_plan_arn, None)
    nothing = build.same(None)
    columns = {
        "bill_bill_type": build.same("Anniversary"),
        "bill_billing_entity": build.same("AWS"),
        "bill_billing_period_end_date": bounds[1],
        "bill_billing_period_start_date": bounds[0],
        "bill_invoice_id": nothing,
        "bill_invoicing_entity": build.same("Amazon Web Services, Inc."),
        "bill_payer_account_id": build.same(lines.account),
        "bill_payer_account_name": build.same("Sandbox"),
        "cost_category": pa.nulls(len(rows), TEXT_MAP),
        "discount": pa.nulls(len(rows), TEXT_MAP),
        "identity_line_item_id": build.identities(np.where(is_negation, "n", "").tolist()),
        "identity_time_interval": build.intervals(),
        "line_item_availability_zone": build.texts(lambda template: template.availability_zone),
        "line_item_blended_cost": amounts(unblended),
        "line_item_blended_rate": build.texts(_rate_text),
        "line_item_currency_code": build.same("USD"),
        "line_item_legal_entity": build.same("Amazon Web Services, Inc."),
        "line_item_line_item_description": build.texts(describe),
        "line_item_line_item_type": pa.array(types, pa.string()),
        "line_item_operation": build.texts(lambda template: template.operation),
        "line_item_product_code": build.texts(lambda template: template.product_code),
        "line_item_resource_id": build.texts(lambda template: template.resource_id),
        "line_item_unblended_cost": amounts(unblended),
        "line_item_unblended_rate": build.texts(_rate_text),
        "line_item_usage_account_id": build.texts(lambda template: template.account),
        "line_item_usage_account_name": build.same("Sandbox"),
        "line_item_usage_amount": amounts(build.quantity()),
        "line_item_usage_end_date": hours[1],
        "line_item_usage_start_date": hours[0],
        "line_item_usage_type": build.texts(lambda template: template.usage_type),
        "pricing_currency": build.same("USD"),
        "pricing_public_on_demand_cost": amounts(cost, there=~is_fee & ~is_negation),
        "pricing_public_on_demand_rate": build.texts(_rate_text),
        "pricing_term": build.same("OnDemand"),
        "pricing_unit": build.same("Hrs"),
        "product": build.maps(lambda template: {"region": template.region}),
        "product_instance_family": build.texts(_family),
        "product_instance_type": build.texts(lambda template: template.instance_type),
        "product_location": build.texts(lambda template: REGION_NAMES[template.region]),
        "product_operation": build.texts(lambda template: template.operation),
        "product_product_family": build.texts(_product_family),
        "product_region_code": build.texts(lambda template: template.region),
        "product_servicecode": build.texts(lambda template: template.product_code),
        "product_sku": build.texts(sku),
        "product_usagetype": build.texts(lambda template: template.usage_type),
        "resource_tags": build.maps(lambda template: {f"user_{key}": value for key, value in template.tags.items()}),
        "savings_plan_offering_type": texts_where(of_plan, "ComputeSavingsPlans", None),
        "savings_plan_payment_option": texts_where(of_plan, "No Upfront", None),
        "savings_plan_purchase_term": texts_where(of_plan, "1yr", None),
        "savings_plan_savings_plan_arn": arn,
        "savings_plan_savings_plan_effective_cost": amounts(cost * SAVINGS_PLAN_FRACTION, there=is_covered),
        "savings_plan_total_commitment_to_date": amounts(cost, there=is_fee),
        "savings_plan_used_commitment": amounts(build.used_usd(), there=is_fee),
    }
    return dict(sorted(columns.items()))


def _rate_text(template: LineTemplate) -> str:
    return f"{template.usd_per_hour:.10f}"


def _family(template: LineTemplate) -> str | None:
    if template.instance_type is None:
        return None
    return template.instance_type.removeprefix(SAGEMAKER_PREFIX).split(".", maxsplit=1)[0]


def _product_family(template: LineTemplate) -> str | None:
    if template.kind is LineKind.FEE:
        return None
    if template.product_code == "AmazonSageMaker":
        return "ML Instance"
    return "Compute Instance" if template.instance_type else "NAT Gateway"
