"""CUR 2.0 and FOCUS lines as raw.billing_line: every line item type, tags, types, spot, and the public sample."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.unit.extract.bills import (
    CUR2_SCHEMA,
    FOCUS_SCHEMA,
    HOUR_START,
    PLAN,
    RESERVATION,
    cur2_line,
    focus_line,
)

from headroom.extract import billing_cur2, billing_focus
from headroom.extract.billing_columns import BillBatch, instance_type_of
from headroom.extract.errors import BadExport

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "billing" / "focus_1.0_aws_half.csv"


def from_cur2(*lines: dict[str, Any], schema: pa.Schema = CUR2_SCHEMA) -> list[dict[str, Any]]:
    batch = BillBatch(pa.Table.from_pylist(list(lines), schema=schema), file="f.parquet")
    return list(billing_cur2.convert(batch).to_pylist())


def from_focus(*lines: dict[str, Any], schema: pa.Schema = FOCUS_SCHEMA) -> list[dict[str, Any]]:
    batch = BillBatch(pa.Table.from_pylist(list(lines), schema=schema), file="f.parquet")
    return list(billing_focus.convert(batch).to_pylist())


def costs(line: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return line["BilledCost"], line["EffectiveCost"], line["ListCost"], line["ContractedCost"]


def test_an_on_demand_hour_is_the_same_line_from_either_format() -> None:
    (cur,) = from_cur2(cur2_line())
    (focus,) = from_focus(focus_line())
    assert cur == focus
    assert costs(cur) == (Decimal("5.672"),) * 4
    assert cur["ChargePeriodStart"] == HOUR_START
    assert cur["BillingPeriodEnd"] == datetime(2026, 12, 1, tzinfo=UTC)
    assert (cur["PricingCategory"], cur["x_InstanceType"], cur["Tags"]) == (
        "Standard",
        "g5.12xlarge",
        '{"fleet": "chat-large"}',
    )


def test_spot_is_told_by_the_usage_type() -> None:
    (line,) = from_cur2(cur2_line(line_item_usage_type="USE1-SpotUsage:g5.12xlarge", line_item_unblended_cost=2.3))
    assert (line["PricingCategory"], line["ChargeCategory"]) == ("Dynamic", "Usage")
    assert costs(line) == (Decimal("2.3"), Decimal("2.3"), Decimal("5.672"), Decimal("2.3"))


def test_usage_a_savings_plan_covers_is_not_billed_and_costs_its_share_in_effect() -> None:
    covered = cur2_line(
        "SavingsPlanCoveredUsage",
        savings_plan_savings_plan_effective_cost=3.4,
        savings_plan_savings_plan_a_r_n=PLAN,
    )
    negation = cur2_line("SavingsPlanNegation", line_item_unblended_cost=-5.672, line_item_usage_amount=1.0)
    (line,) = from_cur2(covered, negation)
    assert costs(line) == (Decimal(0), Decimal("3.4"), Decimal("5.672"), Decimal("5.672"))
    assert (line["PricingCategory"], line["CommitmentDiscountStatus"], line["CommitmentDiscountId"]) == (
        "Committed",
        "Used",
        PLAN,
    )
    assert line["ConsumedQuantity"] == 1.0


def test_a_savings_plans_fee_is_billed_and_what_was_not_used_is_a_line_of_its_own() -> None:
    fee = cur2_line(
        "SavingsPlanRecurringFee",
        line_item_unblended_cost=10.0,
        line_item_resource_id=PLAN,
        pricing_public_on_demand_cost=0.0,
        savings_plan_total_commitment_to_date=10.0,
        savings_plan_used_commitment=7.5,
        savings_plan_savings_plan_a_r_n=PLAN,
    )
    purchase, unused = from_cur2(fee)
    assert (purchase["ChargeCategory"], purchase["BilledCost"], purchase["EffectiveCost"]) == ("Purchase", 10, 0)
    # 10.0 committed - 7.5 used = 2.5 paid for nothing
    assert (unused["ChargeCategory"], unused["CommitmentDiscountStatus"]) == ("Usage", "Unused")
    assert costs(unused) == (Decimal(0), Decimal("2.5"), Decimal(0), Decimal(0))
    assert (purchase["ConsumedQuantity"], unused["ConsumedQuantity"]) == (None, None)


def test_a_plan_used_whole_leaves_nothing_unused() -> None:
    fee = cur2_line(
        "SavingsPlanRecurringFee",
        savings_plan_total_commitment_to_date=10.0,
        savings_plan_used_commitment=10.0,
    )
    assert len(from_cur2(fee)) == 1


def test_reserved_usage_and_its_fee() -> None:
    used = cur2_line(
        "DiscountedUsage",
        line_item_unblended_cost=0.0,
        reservation_effective_cost=2.9,
        reservation_reservation_a_r_n=RESERVATION,
    )
    fee = cur2_line(
        "RIFee",
        line_item_unblended_cost=744.0,
        reservation_unused_amortized_upfront_fee_for_billing_period=1.25,
        reservation_unused_recurring_fee=0.5,
        reservation_reservation_a_r_n=RESERVATION,
    )
    usage, purchase, unused = from_cur2(used, fee)
    assert costs(usage) == (Decimal(0), Decimal("2.9"), Decimal("5.672"), Decimal("5.672"))
    assert usage["CommitmentDiscountId"] == RESERVATION
    assert (purchase["BilledCost"], purchase["EffectiveCost"]) == (744, 0)
    assert unused["EffectiveCost"] == Decimal("1.75")  # 1.25 + 0.5


def test_a_reservation_without_upfront_has_only_a_recurring_part() -> None:
    fee = cur2_line("RIFee", reservation_unused_recurring_fee=0.5)
    assert [line["EffectiveCost"] for line in from_cur2(fee)] == [0, Decimal("0.5")]


def test_a_reservations_upfront_fee_costs_nothing_in_effect_and_any_other_fee_does() -> None:
    upfront = cur2_line("Fee", line_item_unblended_cost=1000.0, reservation_reservation_a_r_n=RESERVATION)
    support = cur2_line("Fee", line_item_unblended_cost=100.0)
    first, second = from_cur2(upfront, support)
    assert (first["BilledCost"], first["EffectiveCost"], first["PricingCategory"]) == (1000, 0, "Committed")
    assert (second["BilledCost"], second["EffectiveCost"], second["PricingCategory"]) == (100, 100, "Standard")


@pytest.mark.parametrize(
    ("kind", "amount", "category", "charge_class"),
    [
        ("Tax", 0.4, "Tax", None),
        ("Credit", -3.0, "Credit", None),
        ("Refund", -2.0, "Adjustment", "Correction"),
        ("EdpDiscount", -0.5, "Adjustment", None),
        ("PrivateRateDiscount", -0.5, "Adjustment", None),
        ("SavingsPlanUpfrontFee", 50.0, "Purchase", None),
    ],
)
def test_other_line_item_types_keep_their_amount_and_have_no_quantity(
    kind: str, amount: float, category: str, charge_class: str | None
) -> None:
    (line,) = from_cur2(
        cur2_line(
            kind, line_item_unblended_cost=amount, pricing_public_on_demand_cost=None, line_item_usage_amount=1.0
        ),
    )
    assert (line["ChargeCategory"], line["ChargeClass"], line["ConsumedQuantity"]) == (category, charge_class, None)
    assert line["BilledCost"] == line["ListCost"] == Decimal(str(amount))
    assert line["EffectiveCost"] == (0 if category == "Purchase" else Decimal(str(amount)))


def test_every_rule_is_known_under_its_name() -> None:
    assert len(billing_cur2.RULES) == 11
    for kind in billing_cur2.RULES:
        extra = {"savings_plan_savings_plan_effective_cost": 1.0, "reservation_effective_cost": 1.0}
        assert len(from_cur2(cur2_line(kind, **extra))) == 1


def test_a_line_item_type_nobody_knows_is_named() -> None:
    with pytest.raises(
        BadExport, match=r"f\.parquet: column line_item_line_item_type: unknown line item type Gift; known"
    ):
        from_cur2(cur2_line("Gift"))


def test_private_discounts_count_in_both_costs() -> None:
    (line,) = from_cur2(cur2_line(line_item_net_unblended_cost=5.1048))  # 5.672 less 10 %
    assert costs(line) == (Decimal("5.1048"), Decimal("5.1048"), Decimal("5.672"), Decimal("5.1048"))


def test_lines_that_split_a_containers_host_are_not_counted_again() -> None:
    assert len(from_cur2(cur2_line(), cur2_line(split_line_item_parent_resource_id="i-1"))) == 1


def test_commitments_written_as_texts_are_amounts_too() -> None:
    texts = ("savings_plan_total_commitment_to_date", "savings_plan_used_commitment")
    schema = pa.schema([pa.field(f.name, pa.string()) if f.name in texts else f for f in CUR2_SCHEMA])
    fee = cur2_line(
        "SavingsPlanRecurringFee",
        savings_plan_total_commitment_to_date="10.5",
        savings_plan_used_commitment="10",
    )
    assert [line["EffectiveCost"] for line in from_cur2(fee, cur2_line(), schema=schema)][-1] == Decimal("0.5")


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("SavingsPlanCoveredUsage", "savings_plan_savings_plan_effective_cost"),
        ("DiscountedUsage", "reservation_effective_cost"),
        ("SavingsPlanRecurringFee", "savings_plan_total_commitment_to_date"),
        ("RIFee", "reservation_unused_recurring_fee"),
    ],
)
def test_a_column_that_only_some_lines_need_is_named_when_they_come(kind: str, column: str) -> None:
    schema = pa.schema([field for field in CUR2_SCHEMA if field.name != column])
    assert len(from_cur2(cur2_line(), schema=schema)) == 1
    with pytest.raises(BadExport, match=f"column {column}: is missing"):
        from_cur2(cur2_line(kind), schema=schema)


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        (pa.map_(pa.string(), pa.string()), [("user_fleet", "a"), ("user_team", "b")], '{"fleet": "a", "team": "b"}'),
        (pa.map_(pa.string(), pa.string()), [("aws_created_by", "x"), ("user_fleet", "")], '{"aws_created_by": "x"}'),
        (pa.map_(pa.string(), pa.string()), [], None),
        (pa.map_(pa.string(), pa.string()), None, None),
        (pa.string(), '{"user_team": "b", "user_fleet": "a"}', '{"fleet": "a", "team": "b"}'),
        (pa.string(), "", None),
        (pa.string(), "{}", None),
        (pa.struct([("user_fleet", pa.string())]), {"user_fleet": "a"}, '{"fleet": "a"}'),
    ],
)
def test_tags_are_json_however_they_were_written(kind: pa.DataType, written: Any, expected: str | None) -> None:
    schema = pa.schema([pa.field(f.name, kind) if f.name == "resource_tags" else f for f in CUR2_SCHEMA])
    assert from_cur2(cur2_line(resource_tags=written), schema=schema)[0]["Tags"] == expected


def test_tags_may_be_columns_of_their_own() -> None:
    flat = [pa.field("resource_tags_user_fleet", pa.string()), pa.field("resource_tags_user_team", pa.string())]
    schema = pa.schema([*(field for field in CUR2_SCHEMA if field.name != "resource_tags"), *flat])
    line = cur2_line(resource_tags_user_fleet="a", resource_tags_user_team="")
    assert from_cur2(line, schema=schema)[0]["Tags"] == '{"fleet": "a"}'


@pytest.mark.parametrize(
    ("usage_type", "named", "expected"),
    [
        ("BoxUsage:g5.12xlarge", None, "g5.12xlarge"),
        ("USE1-BoxUsage:g5.12xlarge", None, "g5.12xlarge"),
        ("EUW1-SpotUsage:p5.48xlarge", None, "p5.48xlarge"),
        ("USE1-Host:ml.g5.2xlarge", "ml.g5.2xlarge-Hosting", "ml.g5.2xlarge"),
        ("BoxUsage:m7i.metal-24xl", None, "m7i.metal-24xl"),
        ("BoxUsage:u-6tb1.metal", None, "u-6tb1.metal"),
        ("SomethingNew", "g6.xlarge", "g6.xlarge"),
        ("SomethingNew", "ml.g5.2xlarge-Hosting", "ml.g5.2xlarge"),
        ("EBS:VolumeUsage.gp3", None, None),
        ("USE1-DataTransfer-Out-Bytes", None, None),
        ("BoxUsage", None, None),
        (None, None, None),
    ],
)
def test_the_instance_type_stands_in_the_usage_type(
    usage_type: str | None, named: str | None, expected: str | None
) -> None:
    found = instance_type_of(pa.array([usage_type], pa.string()), pa.array([named], pa.string()))
    assert found.to_pylist() == [expected]


@pytest.mark.parametrize(
    "line",
    [
        focus_line(SkuMeter="SpotUsage:g5.12xlarge"),
        focus_line(SkuMeter=None, SkuPriceDetails=[("InstanceType", "g5.12xlarge")]),
        focus_line(SkuMeter="Hours", SkuPriceDetails=[("x_InstanceType", "g5.12xlarge")]),
    ],
)
def test_focus_names_the_instance_type_in_its_meter_or_its_details(line: dict[str, Any]) -> None:
    assert from_focus(line)[0]["x_InstanceType"] == "g5.12xlarge"


def test_focus_1_0_names_it_in_the_usage_type() -> None:
    schema = pa.schema([f if f.name != "SkuMeter" else pa.field("x_UsageType", pa.string()) for f in FOCUS_SCHEMA])
    line = {**focus_line(), "x_UsageType": "BoxUsage:g6.xlarge"}
    assert from_focus(line, schema=schema)[0]["x_InstanceType"] == "g6.xlarge"


def test_focus_columns_that_are_not_needed_may_be_left_out() -> None:
    optional = ("ContractedCost", "PricingQuantity", "SkuMeter", "SkuPriceDetails", "SubAccountId", "AvailabilityZone")
    schema = pa.schema([field for field in FOCUS_SCHEMA if field.name not in optional])
    (line,) = from_focus(focus_line(), schema=schema)
    assert (line["ContractedCost"], line["PricingQuantity"], line["AvailabilityZone"]) == (None, None, None)


def test_decimals_and_zoned_timestamps_are_read_as_well_as_what_aws_writes() -> None:
    kinds = {
        "BilledCost": pa.decimal128(30, 15),
        "ListCost": pa.int64(),
        "ChargePeriodStart": pa.timestamp("ns", "UTC"),
    }
    schema = pa.schema([pa.field(f.name, kinds.get(f.name, f.type)) for f in FOCUS_SCHEMA])
    line = focus_line(BilledCost=Decimal("5.672000000000123"), ListCost=6, ChargePeriodStart=HOUR_START)
    (read,) = from_focus(line, schema=schema)
    assert (read["BilledCost"], read["ListCost"], read["ChargePeriodStart"]) == (Decimal("5.672"), 6, HOUR_START)


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"the public FOCUS 1.0 sample is not at {SAMPLE}")
def test_the_public_focus_1_0_sample_keeps_its_totals() -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pa.table({name: _typed(name, [row[name] for row in rows]) for name in rows[0]})
    lines = billing_focus.convert(BillBatch(table, file=SAMPLE.name))
    assert lines.num_rows == 471
    for name in ("BilledCost", "EffectiveCost", "ListCost"):
        # Every line is rounded at the tenth digit, so 471 lines may differ by 471 x 5e-11.
        assert abs(pc.sum(lines[name]).as_py() - sum(Decimal(row[name]) for row in rows)) <= Decimal("2.4e-8")
    assert pc.sum(pc.is_valid(lines["Tags"])).as_py() == sum(row["Tags"] != "NULL" for row in rows)
    assert sorted(set(lines["ChargeCategory"].to_pylist())) == ["Credit", "Usage"]


def _typed(name: str, texts: list[str]) -> pa.Array:
    column = pa.array([None if text == "NULL" else text for text in texts], pa.string())
    if name.endswith(("Cost", "Price", "Quantity")):
        return column.cast(pa.float64())
    if name.endswith(("PeriodStart", "PeriodEnd")):
        return pc.strptime(column, format="%Y-%m-%d %H:%M:%S", unit="ms")
    return column
