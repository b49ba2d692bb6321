"""list_periods and read_period: finding deliveries, and what a broken one is told."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.extract.bills import CUR2, CUR2_SCHEMA, FOCUS, FOCUS_SCHEMA, cur2_line, deliver, focus_line, parquet
from tests.unit.extract.fake_aws import FakeClients, FakeS3, client_error

from headroom.config.sources import BillingExport
from headroom.extract.billing import ExportManifest, fetch_file, list_periods, read_period, read_period_batches
from headroom.extract.errors import BadExport, SourceError
from headroom.lake.tables import TABLES

GOOD = parquet([focus_line()], FOCUS_SCHEMA)


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


def periods(s3: Any, export: BillingExport = FOCUS) -> list[ExportManifest]:
    return list_periods(FakeClients({"s3": s3}), export)


def read(s3: Any, export: BillingExport = FOCUS) -> pa.Table:
    (manifest,) = periods(s3, export)
    return read_period(FakeClients({"s3": s3}), export, manifest)


def test_before_the_first_delivery_there_is_no_period(s3: FakeS3) -> None:
    assert periods(s3) == []


def test_every_period_comes_once_oldest_first(s3: FakeS3) -> None:
    for period in ("2026-11", "2026-09", "2026-10"):
        deliver(s3.put, FOCUS, [GOOD, GOOD, GOOD], period=period, execution_id=f"e-{period}")
    found = periods(s3)
    assert [manifest.period_start for manifest in found] == [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
    assert found[0].assembly_id == "e-2026-09"
    assert [key.rsplit("/", maxsplit=1)[-1] for key in found[0].files] == [
        f"focus-0000{n}.snappy.parquet" for n in (1, 2, 3)
    ]
    assert found[0].etags == tuple(s3.etag(key) for key in found[0].files)


def test_an_export_that_overwrites_shows_its_new_delivery_by_id_and_etags(s3: FakeS3) -> None:
    deliver(s3.put, FOCUS, [GOOD], execution_id="first")
    (before,) = periods(s3)
    deliver(s3.put, FOCUS, [parquet([focus_line(hour=6)], FOCUS_SCHEMA)], execution_id="second")
    (after,) = periods(s3)
    assert (before.assembly_id, after.assembly_id) == ("first", "second")
    assert before.files == after.files
    assert before.etags != after.etags
    assert before.fingerprint != after.fingerprint
    assert periods(s3) == [after]


def test_an_export_that_creates_new_files_is_read_at_its_newest_delivery(s3: FakeS3) -> None:
    first, second = "2026-11-17T20:16:37.306Z-aaa/", "2026-11-18T03:16:37.306Z-bbb/"
    deliver(s3.put, FOCUS, [GOOD], execution_id="aaa", folder=first)
    deliver(s3.put, FOCUS, [GOOD, GOOD], execution_id="bbb", folder=second)
    (manifest,) = periods(s3)
    assert manifest.assembly_id == "bbb"
    assert all(second in key for key in manifest.files)
    assert read(s3).num_rows == 2  # the first delivery's lines are not counted again


def test_an_export_whose_name_begins_as_another_one_is_left_alone(s3: FakeS3) -> None:
    other = BillingExport(format="focus", bucket="bills", prefix="exports", export_name="focus-old")
    deliver(s3.put, other, [GOOD])
    assert periods(s3) == []


@pytest.mark.parametrize("prefix", ["", "a/b", "ends/"])
def test_the_prefix_is_taken_as_the_export_has_it(s3: FakeS3, prefix: str) -> None:
    export = BillingExport(format="focus", bucket="bills", prefix=prefix, export_name="focus")
    (key,) = deliver(s3.put, export, [GOOD])
    assert key.startswith(f"{prefix}/focus/data/" if prefix else "focus/data/")
    assert read(s3, export).num_rows == 1


def test_all_files_of_a_delivery_are_read_and_only_those(s3: FakeS3) -> None:
    keys = deliver(s3.put, FOCUS, [GOOD, parquet([focus_line(hour=6), focus_line(hour=7)], FOCUS_SCHEMA)])
    s3.put(keys[0].replace("00001", "00009"), GOOD)  # left over from an older, longer delivery
    table = read(s3)
    assert table.schema == TABLES["billing_line"].schema
    assert sorted(moment.hour for moment in table["ChargePeriodStart"].to_pylist()) == [5, 6, 7]


def test_a_delivery_without_lines_is_an_empty_table(s3: FakeS3) -> None:
    deliver(s3.put, FOCUS, [parquet([], FOCUS_SCHEMA)])
    table = read(s3)
    assert (table.num_rows, table.schema) == (0, TABLES["billing_line"].schema)
    deliver(s3.put, FOCUS, [])
    assert read(s3).num_rows == 0


def test_lines_come_in_batches_however_large_the_file(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headroom.extract.billing.ROWS_PER_BATCH", 10)
    lines = [focus_line(hour=n % 24) for n in range(35)]
    deliver(s3.put, FOCUS, [parquet(lines, FOCUS_SCHEMA, row_group_size=15)])
    (manifest,) = periods(s3)
    batches = list(read_period_batches(FakeClients({"s3": s3}), FOCUS, manifest))
    assert sum(batch.num_rows for batch in batches) == 35
    assert max(batch.num_rows for batch in batches) <= 10


def put_manifest(s3: FakeS3, content: Any, *, period: str = "2026-11") -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    s3.put(f"{FOCUS.root}metadata/BILLING_PERIOD={period}/focus-Manifest.json", text)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"executionId": "e"', "expected JSON, found b'"),
        (b"\xff\xfe", "expected JSON, found b'"),
        ([], "executionId: expected the delivery's id, found None"),
        ({"dataFiles": []}, "executionId: expected the delivery's id, found None"),
        ({"executionId": "e"}, "dataFiles: expected a list of s3:// addresses, found None"),
        ({"executionId": "e", "dataFiles": [1]}, r"dataFiles: expected a list of s3:// addresses, found \[1\]"),
        (
            {"executionId": "e", "dataFiles": ["s3://other/x"]},
            "dataFiles: expected files in s3://bills/, found s3://ot",
        ),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named(s3: FakeS3, content: Any, expected: str) -> None:
    put_manifest(s3, content)
    with pytest.raises(BadExport, match=f"^s3://bills/exports/focus/metadata/.*/focus-Manifest.json: {expected}"):
        periods(s3)


def test_a_period_that_is_no_month_is_named(s3: FakeS3) -> None:
    put_manifest(s3, {"executionId": "e", "dataFiles": []}, period="2026-13")
    with pytest.raises(BadExport, match="expected a folder BILLING_PERIOD=YYYY-MM in the path"):
        periods(s3)


def test_a_file_that_is_named_but_not_there_is_named(s3: FakeS3) -> None:
    keys = deliver(s3.put, FOCUS, [GOOD, GOOD])
    del s3.objects[keys[1]]
    (manifest,) = periods(s3)
    assert manifest.etags[1] is None
    assert manifest.fingerprint.endswith(",missing")
    with pytest.raises(
        BadExport, match=r"^s3://bills/.*focus-00002.*: named by the manifest of 2026-11, but not there$"
    ):
        read(s3)


def test_a_file_that_vanishes_while_the_delivery_is_read_is_named(s3: FakeS3) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD])
    (manifest,) = periods(s3)
    del s3.objects[key]
    with pytest.raises(BadExport, match="named by the manifest, but not there"):
        read_period(FakeClients({"s3": s3}), FOCUS, manifest)


def test_a_file_replaced_while_the_delivery_is_read_is_not_mixed_in(s3: FakeS3) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD])
    (manifest,) = periods(s3)
    s3.put(key, parquet([focus_line(), focus_line()], FOCUS_SCHEMA))
    with pytest.raises(SourceError, match="was replaced while the delivery was being read; the next run reads the new"):
        read_period(FakeClients({"s3": s3}), FOCUS, manifest)


def test_a_file_in_another_format_is_named(s3: FakeS3) -> None:
    s3.put(f"{FOCUS.root}data/BILLING_PERIOD=2026-11/focus-00001.csv.gz", b"x")
    place = "s3://bills/exports/focus/data/BILLING_PERIOD=2026-11/focus-00001.csv.gz"
    put_manifest(s3, {"executionId": "e", "dataFiles": [place]})
    with pytest.raises(BadExport, match=r"csv\.gz: expected Parquet; choose Parquet as the export's format"):
        read(s3)


@pytest.mark.parametrize("kept", [0, 3, 200, len(GOOD) - 1])
def test_a_truncated_file_is_named_and_can_be_kept_as_it_is(s3: FakeS3, kept: int) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD[:kept]])
    with pytest.raises(BadExport, match=r"focus-00001.*: cannot be read as Parquet, truncated or damaged") as caught:
        read(s3)
    assert caught.value.key == key
    assert fetch_file(FakeClients({"s3": s3}), FOCUS, key) == GOOD[:kept]


def test_damage_inside_a_file_is_named(s3: FakeS3) -> None:
    damaged = bytearray(parquet([focus_line(hour=n % 24) for n in range(500)], FOCUS_SCHEMA))
    damaged[4:600] = b"\xff" * 596  # the first column's pages; the footer stays whole
    deliver(s3.put, FOCUS, [bytes(damaged)])
    with pytest.raises(BadExport, match="cannot be read as Parquet, truncated or damaged"):
        read(s3)


def test_a_connection_lost_twice_is_tried_again(s3: FakeS3) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD])
    s3.cut[key] = 2
    (manifest,) = periods(s3)
    pauses: list[float] = []
    batches = list(read_period_batches(FakeClients({"s3": s3}), FOCUS, manifest, pause=pauses.append))
    assert sum(batch.num_rows for batch in batches) == 1
    assert pauses == [2.0, 4.0]


def test_a_connection_lost_every_time_is_an_error(s3: FakeS3) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD])
    s3.cut[key] = 99
    (manifest,) = periods(s3)
    with pytest.raises(SourceError, match="cannot be fetched: IncompleteReadError"):
        list(read_period_batches(FakeClients({"s3": s3}), FOCUS, manifest, pause=lambda _: None))


def test_a_refusal_is_not_tried_again(s3: FakeS3) -> None:
    (key,) = deliver(s3.put, FOCUS, [GOOD])
    (manifest,) = periods(s3)

    class Closed(FakeS3):
        def get_object(self, **request: Any) -> dict[str, Any]:
            self.got.append(request["Key"])
            raise client_error("AccessDenied", "Access Denied", status=403)

    closed = Closed()
    with pytest.raises(SourceError, match=r"cannot be fetched: AccessDenied \(HTTP 403\): Access Denied"):
        read_period(FakeClients({"s3": closed}), FOCUS, manifest)
    assert closed.got == [key]


def test_a_bucket_that_is_not_there_is_named(s3: FakeS3) -> None:
    export = BillingExport(format="focus", bucket="no-such-bucket", export_name="focus")
    with pytest.raises(
        SourceError, match=r"S3 ListObjectsV2 of s3://no-such-bucket/focus/metadata/ did not answer: NoSu"
    ):
        periods(s3, export)


def test_the_bucket_is_asked_for_in_its_region_and_account() -> None:
    export = BillingExport(format="focus", bucket="bills", export_name="f", region="eu-west-1", account="210987654321")
    clients = FakeClients({"s3": FakeS3()})
    list_periods(clients, export)
    assert clients.asked == [("s3", "eu-west-1", "210987654321")]


def without(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([field for field in schema if field.name not in names])


@pytest.mark.parametrize(
    "column",
    [
        "ChargePeriodStart",
        "BilledCost",
        "EffectiveCost",
        "ListCost",
        "BillingCurrency",
        "ChargeCategory",
        "ResourceId",
        "Tags",
    ],
)
def test_a_focus_column_that_is_missing_is_named(s3: FakeS3, column: str) -> None:
    line = {name: value for name, value in focus_line().items() if name != column}
    deliver(s3.put, FOCUS, [parquet([line], without(FOCUS_SCHEMA, column))])
    with pytest.raises(
        BadExport, match=rf"focus-00001\.snappy\.parquet: column {column}: is missing; the export must se"
    ):
        read(s3)


@pytest.mark.parametrize(
    "column",
    [
        "line_item_usage_start_date",
        "line_item_unblended_cost",
        "line_item_line_item_type",
        "line_item_resource_id",
        "resource_tags",
    ],
)
def test_a_cur_column_that_is_missing_is_named(s3: FakeS3, column: str) -> None:
    line = {name: value for name, value in cur2_line().items() if name != column}
    deliver(s3.put, CUR2, [parquet([line], without(CUR2_SCHEMA, column))])
    with pytest.raises(
        BadExport, match=rf"cur-00001\.snappy\.parquet: column {column}: is missing; the export must se"
    ):
        read(s3, CUR2)


@pytest.mark.parametrize(
    ("column", "kind", "value", "expected"),
    [
        ("BilledCost", pa.bool_(), True, r"column BilledCost: expected an amount \(DOUBLE or DECIMAL\), found bool"),
        ("BilledCost", pa.string(), "five", "column BilledCost: expected amounts; .*five"),
        (
            "BilledCost",
            pa.float64(),
            float("nan"),
            "column BilledCost: expected amounts; found an amount that is not a",
        ),
        ("ConsumedQuantity", pa.string(), "1", "column ConsumedQuantity: expected a number, found string"),
        (
            "ChargePeriodStart",
            pa.string(),
            "2026-11-18",
            "column ChargePeriodStart: expected a timestamp, found string",
        ),
        ("ResourceId", pa.int64(), 7, "column ResourceId: expected a text, found int64"),
        ("Tags", pa.int64(), 7, "column Tags: expected a map or a JSON text, found int64"),
        ("Tags", pa.string(), "fleet=chat", "column Tags: expected JSON, found 'fleet=chat'"),
        ("Tags", pa.string(), "[1]", r"column Tags: expected a JSON object, found '\[1\]'"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(s3: FakeS3, column: str, kind: Any, value: Any, expected: str) -> None:
    schema = pa.schema([pa.field(f.name, kind) if f.name == column else f for f in FOCUS_SCHEMA])
    deliver(s3.put, FOCUS, [parquet([focus_line(**{column: value})], schema)])
    with pytest.raises(BadExport, match=f"focus-00001.*: {expected}"):
        read(s3)


def test_nothing_stays_on_disk(s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deliver(s3.put, FOCUS, [GOOD])
    assert read(s3).num_rows == 1
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_cannot_be_read_leaves_the_other_periods(s3: FakeS3) -> None:
    deliver(s3.put, FOCUS, [GOOD], period="2026-10")
    put_manifest(s3, b"{", period="2026-11")
    bad: dict[str, BadExport] = {}
    found = list_periods(FakeClients({"s3": s3}), FOCUS, on_bad=bad.__setitem__)
    assert [manifest.period_start for manifest in found] == [date(2026, 10, 1)]
    assert list(bad) == ["2026-11"]
    assert "expected JSON" in str(bad["2026-11"])
