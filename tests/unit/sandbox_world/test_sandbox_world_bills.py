import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from headroom.domain.window import Window
from headroom.extract import billing_cur2, billing_focus
from headroom.extract.billing_columns import BillBatch
from headroom.sandbox.billing_lines import LineKind, bill_lines
from headroom.sandbox.exports import BillingExporter, Delivery, billing_periods
from headroom.sandbox.exports_focus import focus_columns
from headroom.sandbox.world import DEFAULT_NOW, World
from headroom.sandbox.world_interface import DueAction

BILLING = Path(__file__).resolve().parents[4] / "shared" / "data" / "billing"
DAY = timedelta(days=1)
SHORT = timedelta(days=3)
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
YESTERDAY = Window(datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC))


class Bucket:
    """Keeps what was put into it, and in which order."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []

    def put(self, bucket: str, key: str, content: bytes) -> None:
        assert bucket == "headroom-billing"
        self.objects[key] = content
        self.puts.append(key)

    def table(self, delivery: Delivery) -> pa.Table:
        return pq.read_table(io.BytesIO(self.objects[delivery.data_keys[0]]))


@pytest.fixture(scope="module")
def first_delivery(opened_world: World) -> tuple[Bucket, tuple[Delivery, ...]]:
    bucket = Bucket()
    return bucket, BillingExporter(opened_world, bucket.put).deliver()


def test_the_chat_is_billed_fifty_instances_for_24_hours(opened_world: World) -> None:
    lines = bill_lines(opened_world, YESTERDAY)
    mine = [place for place, template in enumerate(lines.templates) if template.tags == {"fleet": "chat-large"}]
    assert len(mine) == 50
    quantity = lines.quantity[np.isin(lines.template, mine)]
    assert len(quantity) == 50 * 24
    assert (quantity == 1.0).all()


def test_instance_hours_on_the_bill_are_those_that_ran(opened_world: World) -> None:
    lines = bill_lines(opened_world, YESTERDAY)
    minutes = slice(41 * 1440, 42 * 1440)  # the world starts 42 days before the 18th
    for fleet in opened_world.fleets:
        mine = [place for place, template in enumerate(lines.templates) if template.tags.get("fleet") == fleet.id]
        billed = lines.quantity[np.isin(lines.template, mine)].sum()
        ran = sum(opened_world.fleet_world(fleet.id).capacity.running_counts[minutes]) / 60.0
        assert billed == pytest.approx(ran, abs=1e-6), fleet.id


def test_what_starts_inside_an_hour_is_billed_from_its_launch() -> None:
    world = World(history=SHORT)
    at = datetime(2026, 11, 18, 8, 45, tzinfo=UTC)
    world.advance_to(DEFAULT_NOW + DAY, [DueAction(fleet_id="chat-large", name="up", at_utc=at, desired_instances=51)])
    lines = bill_lines(world, Window(at.replace(minute=0), at.replace(minute=0) + timedelta(hours=2)))
    newest = max(world.fleet_world("chat-large").capacity.running, key=lambda run: run.number)
    name = world.fleet_world("chat-large").instance_id(newest)
    (place,) = [place for place, template in enumerate(lines.templates) if template.resource_id == name]
    assert lines.quantity[lines.template == place].tolist() == [0.25, 1.0]


def test_the_savings_plan_pays_for_two_instances_every_hour(opened_world: World) -> None:
    lines = bill_lines(opened_world, YESTERDAY)
    kinds = np.array([template.kind for template in lines.templates])[lines.template]
    covered = lines.quantity[kinds == LineKind.COVERED]
    assert covered.sum() == pytest.approx(2 * 24)
    fees = kinds == LineKind.FEE
    assert fees.sum() == 24
    # 2 x .8048 x .72 a hour, all of it used.
    np.testing.assert_allclose(lines.used_usd[fees], 1.158912)


def test_a_commitment_that_is_not_used_is_a_line_of_its_own() -> None:
    world = World(history=SHORT)
    world.set_capacity("embed-search", min_instances=0, max_instances=1)
    world.advance_to(DEFAULT_NOW + DAY)
    window = Window(datetime(2026, 11, 18, 7, tzinfo=UTC), datetime(2026, 11, 18, 8, tzinfo=UTC))
    rows = pa.table(focus_columns(bill_lines(world, window), NOVEMBER)).to_pylist()
    (unused,) = [row for row in rows if row["CommitmentDiscountStatus"] == "Unused"]
    # One instance of the two runs: half of 1.158912.
    assert unused["EffectiveCost"] == pytest.approx(0.579456)
    assert (unused["BilledCost"], unused["ChargeCategory"]) == (0.0, "Usage")
    effective = sum(row["EffectiveCost"] for row in rows if row["PricingCategory"] == "Committed")
    billed = sum(row["BilledCost"] for row in rows if row["PricingCategory"] == "Committed")
    assert effective == pytest.approx(billed) == pytest.approx(1.158912)


def test_an_endpoint_is_one_resource_without_a_zone(opened_world: World) -> None:
    rows = pa.table(focus_columns(bill_lines(opened_world, YESTERDAY), NOVEMBER))
    mine = rows.filter(pc.equal(rows["ServiceName"], "Amazon SageMaker"))
    assert mine.num_rows == 24
    assert mine["AvailabilityZone"].null_count == 24
    assert set(mine["ResourceId"].to_pylist()) == {"arn:aws:sagemaker:us-east-1:123456789012:endpoint/rerank-prod"}


def test_both_periods_are_delivered_in_both_formats_the_manifest_last(
    first_delivery: tuple[Bucket, tuple[Delivery, ...]],
) -> None:
    bucket, deliveries = first_delivery
    assert [(one.export_name, one.period_start) for one in deliveries] == [
        ("focus-hourly", date(2026, 10, 1)),
        ("cur2-hourly", date(2026, 10, 1)),
        ("focus-hourly", date(2026, 11, 1)),
        ("cur2-hourly", date(2026, 11, 1)),
    ]
    assert bucket.puts[:2] == [
        "exports/focus-hourly/data/BILLING_PERIOD=2026-10/focus-hourly-00001.snappy.parquet",
        "exports/focus-hourly/metadata/BILLING_PERIOD=2026-10/focus-hourly-Manifest.json",
    ]
    manifest = json.loads(bucket.objects[deliveries[2].manifest_key])
    assert manifest["executionId"] == deliveries[2].execution_id
    assert manifest["dataFiles"] == [f"s3://headroom-billing/{deliveries[2].data_keys[0]}"]
    assert [column["name"] for column in manifest["columns"]] == bucket.table(deliveries[2]).column_names
    assert len({one.execution_id for one in deliveries}) == 4


def test_both_formats_tell_the_same_bill(first_delivery: tuple[Bucket, tuple[Delivery, ...]]) -> None:
    bucket, deliveries = first_delivery
    focus, cur = (bucket.table(one) for one in deliveries[2:])
    one, other = (
        billing_focus.convert(BillBatch(focus, file="focus")),
        billing_cur2.convert(BillBatch(cur, file="cur2")),
    )
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert pc.sum(one[name]) == pc.sum(other[name]), name
    # The plan's fee goes under another service name in each, as on AWS; usage is the same line for line.
    order = [(name, "ascending") for name in ("ChargePeriodStart", "ResourceId", "EffectiveCost", "PricingCategory")]
    one, other = (lines.filter(pc.equal(lines["ChargeCategory"], "Usage")).sort_by(order) for lines in (one, other))
    assert one.num_rows > 25_000
    for name in one.column_names:
        assert one[name].equals(other[name]), name


def test_costs_come_as_doubles_and_line_ids_are_unique(first_delivery: tuple[Bucket, tuple[Delivery, ...]]) -> None:
    bucket, deliveries = first_delivery
    focus, cur = (bucket.table(one) for one in deliveries[2:])
    assert focus.schema.field("BilledCost").type == pa.float64()
    assert cur.schema.field("line_item_unblended_cost").type == pa.float64()
    assert pa.types.is_string(focus.schema.field("ServiceName").type)
    assert pc.count_distinct(cur["identity_line_item_id"]).as_py() == cur.num_rows
    assert max(focus["ChargePeriodEnd"].to_pylist()) == datetime(2026, 11, 18)  # noqa: DTZ001, AWS writes no zone


@pytest.mark.skipif(not BILLING.exists(), reason=f"column lists are not at {BILLING}; see its README")
def test_focus_has_all_columns_of_the_specification_and_cur_only_aws_s(
    first_delivery: tuple[Bucket, tuple[Delivery, ...]],
) -> None:
    bucket, deliveries = first_delivery
    focus, cur = (bucket.table(one) for one in deliveries[2:])
    with (BILLING / "focus_1.2_columns.csv").open() as file:
        specified = list(csv.DictReader(file))
    assert {row["column_id"] for row in specified} <= set(focus.column_names)
    for row in specified:
        if row["allows_nulls"] == "False" and row["feature_level"] == "Mandatory":
            assert focus[row["column_id"]].null_count == 0, row["column_id"]
    with (BILLING / "aws_cur2_columns.csv").open() as file:
        assert set(cur.column_names) <= {row["column"] for row in csv.DictReader(file)}


def test_a_new_day_delivers_the_whole_period_again_under_a_new_id() -> None:
    world, bucket = World(history=SHORT), Bucket()
    exporter = BillingExporter(world, bucket.put)
    first = {one.period_start: one for one in exporter.deliver() if one.export_name == "focus-hourly"}
    world.advance_to(datetime(2026, 11, 18, 23, 59, tzinfo=UTC))
    assert exporter.deliver() == ()
    world.advance_to(datetime(2026, 11, 19, 0, 5, tzinfo=UTC))
    focus, _ = exporter.deliver()
    assert focus.period_start == date(2026, 11, 1)
    assert focus.execution_id != first[date(2026, 11, 1)].execution_id
    assert focus.row_count > first[date(2026, 11, 1)].row_count
    assert exporter.deliver() == ()


def test_a_period_is_restated_for_some_days_after_its_end() -> None:
    world, bucket = World(now_utc=datetime(2026, 11, 30, 12, tzinfo=UTC), history=SHORT), Bucket()
    exporter = BillingExporter(world, bucket.put)
    exporter.deliver()
    delivered = []
    for day in range(1, 9):
        world.advance_to(datetime(2026, 12, day, 6, tzinfo=UTC))
        delivered.append([one.period_start.month for one in exporter.deliver() if one.export_name == "focus-hourly"])
    assert delivered[0] == [11]  # nothing of December is over yet
    assert delivered[1] == [11, 12]
    assert delivered[-1] == [12]


def test_periods_are_calendar_months() -> None:
    window = Window(datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, 1, tzinfo=UTC))
    assert [period.start_utc.month for period in billing_periods(window)] == [12, 1]


def test_the_same_seed_delivers_the_same_bytes_and_another_one_others() -> None:
    buckets = []
    for seed in (0, 0, 1):
        buckets.append(Bucket())
        BillingExporter(World(seed=seed, history=SHORT), buckets[-1].put).deliver()
    same, again, other = (bucket.objects for bucket in buckets)
    assert again == same
    assert list(other) == list(same)
    assert other != same
