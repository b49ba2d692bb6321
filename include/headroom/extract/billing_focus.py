"""FOCUS 1.2 exports ("FOCUS 1.2 with AWS columns", and 1.0) -> raw.billing_line: the same columns, typed."""

import json
from typing import Final

import pyarrow as pa

from headroom.extract.billing_columns import BillBatch, instance_type_of
from headroom.lake.tables import TABLES

_SCHEMA: Final = TABLES["billing_line"].schema
_MOMENTS: Final = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
_MONEY: Final = {"BilledCost": True, "EffectiveCost": True, "ListCost": True, "ContractedCost": False}
"""Whether the export must have the column."""
_QUANTITIES: Final = {"ConsumedQuantity": True, "PricingQuantity": False}
_REQUIRED_TEXTS: Final = ("BillingCurrency", "ChargeCategory", "PricingCategory", "ResourceId")
_USAGE_TYPES: Final = ("SkuMeter", "x_UsageType")
"""AWS's usage type: SkuMeter in FOCUS 1.2, x_UsageType in 1.0 ("Migrating from FOCUS 1.0 to FOCUS 1.2", AWS, 2026)."""
_TAGS: Final = "Tags"
_DETAILS: Final = "SkuPriceDetails"

USED_COLUMNS: Final = frozenset({*_SCHEMA.names, *_USAGE_TYPES, _DETAILS})


def is_used(column: str) -> bool:
    """Return whether a column of the export is read at all."""
    return column in USED_COLUMNS


def convert(batch: BillBatch) -> pa.Table:
    """Return the batch as raw.billing_line rows; BadExport names the column that is missing or of another type."""
    columns: dict[str, pa.Array] = {}
    for name in _MOMENTS:
        columns[name] = batch.moments(name)
    for name, is_required in _MONEY.items():
        columns[name] = batch.money(name, is_required=is_required)
    for name, is_required in _QUANTITIES.items():
        columns[name] = batch.quantities(name, is_required=is_required)
    columns[_TAGS] = batch.tags(_TAGS, own_prefix="user:", is_required=True)
    columns["x_InstanceType"] = instance_type_of(
        batch.texts(*_USAGE_TYPES),
        batch.texts("x_InstanceType"),
        _instance_type_in_details(batch),
    )
    for name in _SCHEMA.names:
        if name not in columns:
            columns[name] = batch.texts(name, is_required=name in _REQUIRED_TEXTS)
    return pa.table({name: columns[name] for name in _SCHEMA.names}, schema=_SCHEMA)


def _instance_type_in_details(batch: BillBatch) -> pa.Array:
    details = batch.tags(_DETAILS, own_prefix="x_").dictionary_encode()
    types = [json.loads(text).get("InstanceType") for text in details.dictionary.to_pylist()]
    return pa.array(types, pa.string()).take(details.indices)
