import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from headroom.domain.window import Window
from headroom.lake import s3_snapshot
from headroom.lake.errors import PathError
from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path, settled_path
from headroom.lake.s3_storage import S3Storage
from headroom.lake.session import open_session, register_tables
from headroom.lake.storage import open_storage
from headroom.lake.tables import TABLES

pytestmark = pytest.mark.integration
HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
SAMPLE = TABLES["metric_sample"]


@pytest.fixture(scope="module")
def endpoint() -> Any:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def storage(endpoint: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    bucket = f"lake-{abs(hash(request.node.name))}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return open_storage(f"s3://{bucket}/some/prefix/")


def samples(at: Any) -> Any:
    rows = [
        {"fleet_id": "chat", "metric": "demand_count", "timestamp_utc": at, "period_seconds": 300, "value": 1.0},
    ]
    return pa.Table.from_pylist(rows, SAMPLE.schema)


def test_objects_are_replaced_read_listed_and_deleted(storage: Any) -> None:
    storage.write_bytes("t/hour=2/a", b"old")
    storage.write_bytes("t/hour=2/a", b"new")
    storage.write_bytes("t/hour=10/a", b"")
    storage.write_bytes("tx/a", b"")

    assert storage.read_bytes("t/hour=2/a") == b"new"
    assert storage.list("t") == ["t/hour=10/a", "t/hour=2/a"]
    assert storage.list("t", name_prefix="hour=2") == ["t/hour=2/a"]
    assert storage.list("") == ["t/hour=10/a", "t/hour=2/a", "tx/a"]
    assert storage.exists("tx/a")
    storage.delete("tx/a")
    storage.delete("tx/a")
    assert not storage.exists("tx/a")
    with pytest.raises(FileNotFoundError, match="some/prefix/tx/a"):
        storage.read_bytes("tx/a")


def test_one_write_is_one_request(storage: Any) -> None:
    requests = []
    client = boto3.client("s3")
    client.meta.events.register("before-call.s3", lambda model, **_: requests.append(model.name))

    S3Storage(storage.bucket, client=client).write_bytes("big", b"x" * 20_000_000)

    assert requests == ["PutObject"]


def test_of_racing_creators_one_wins(storage: Any) -> None:
    outcomes = []

    def create(number: Any) -> None:
        outcomes.append((storage.write_bytes_if_absent("x", str(number).encode()), number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = [number for has_won, number in outcomes if has_won]
    assert storage.read_bytes("x") == str(winner).encode()


class ConflictingClient:
    """A client whose conditional writes S3 cannot order at first."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)

    def put_object(self, **_arguments: Any) -> None:
        if self.codes:
            raise ClientError({"Error": {"Code": self.codes.pop(0)}}, "PutObject")


@pytest.mark.parametrize("codes", [["ConditionalRequestConflict"], ["409", "409", "409", "409"]])
def test_a_race_that_s3_cannot_order_is_asked_again(codes: list[str]) -> None:
    client = ConflictingClient(*codes)
    assert S3Storage("lake", client=client).write_bytes_if_absent("x", b"")
    assert client.codes == []
    assert not S3Storage("lake", client=ConflictingClient(*codes, "412")).write_bytes_if_absent("x", b"")


def test_a_race_that_s3_never_orders_is_an_error() -> None:
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        S3Storage("lake", client=ConflictingClient(*9 * ["ConditionalRequestConflict"])).write_bytes_if_absent("x", b"")


def test_no_key_leaves_the_prefix(storage: Any) -> None:
    for path in ("../x", "/x", "", "a/../../b"):
        with pytest.raises(PathError):
            storage.write_bytes(path, b"")


@pytest.mark.usefixtures("storage")
def test_errors_other_than_absence_are_not_hidden() -> None:
    absent = S3Storage("a-bucket-that-is-not-there")

    with pytest.raises(ClientError):
        absent.write_bytes("x", b"")
    with pytest.raises(ClientError):
        absent.write_bytes_if_absent("x", b"")
    with pytest.raises(ClientError):
        absent.read_bytes("x")


def test_duckdb_reads_a_lake_in_s3_settled_days_and_windows_included(storage: Any) -> None:
    lake = Lake(storage)
    next_day = HOUR + timedelta(days=1)
    lake.write_table(hourly_path("metric_sample", HOUR, "chunk=00"), SAMPLE, samples(HOUR), fingerprint="")
    lake.write_table(settled_path("metric_sample", HOUR.date()), SAMPLE, samples(HOUR), fingerprint="")
    lake.write_table(hourly_path("metric_sample", next_day, "chunk=00"), SAMPLE, samples(next_day), fingerprint="")
    same = lake.write_table(
        hourly_path("metric_sample", next_day, "chunk=00"), SAMPLE, samples(next_day), fingerprint=""
    )

    with open_session() as session:
        register_tables(session, lake, ["metric_sample"])
        everything = session.execute("select count(*) from metric_sample").fetchall()
        register_tables(session, lake, ["metric_sample"], window=Window.hour_of(next_day))
        newest = session.execute("select timestamp_utc from metric_sample").fetchall()

    assert everything == [(2,)]
    assert newest == [(next_day,)]
    assert same.is_changed is False


def test_a_range_of_a_version_that_is_gone_is_refused(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_snapshot, "MOST_BYTES_WHOLE", 3)
    storage.write_bytes("a", b"0123456789")
    path = storage.url("a")
    with storage.filesystem().open(path) as opened:
        opened.seek(4)
        assert opened.read(3) == b"456"
        storage.write_bytes("a", b"9876543210")
        with pytest.raises(OSError, match="replaced or removed"):
            opened.read(1)


def test_the_next_query_of_a_session_sees_what_was_replaced(storage: Any) -> None:
    lake, path = Lake(storage), settled_path("metric_sample", HOUR.date())
    with open_session() as session:
        for count in (1, 2):
            rows = pa.concat_tables([samples(HOUR + timedelta(minutes=minute)) for minute in range(count)])
            lake.write_table(path, SAMPLE, rows, fingerprint="")
            register_tables(session, lake, ["metric_sample"])
            assert session.execute("select count(*) from metric_sample").fetchall() == [(count,)]


def test_json_documents_live_in_s3_too(storage: Any) -> None:
    lake = Lake(storage)

    assert lake.write_json_once("ledger/1.json", {"a": 1}) is True
    assert lake.write_json_once("ledger/1.json", {"a": 2}) is False
    assert lake.read_json("ledger/1.json") == {"a": 1}
    assert lake.read_json("ledger/2.json") is None


def test_the_sizes_of_a_folders_objects_are_told_by_the_listing(storage: Any) -> None:
    storage.write_bytes("raw/a", b"123")
    storage.write_bytes("plans/b/c", b"1")
    assert storage.sizes("") == {"plans/b/c": 1, "raw/a": 3}
    assert storage.sizes("raw") == {"raw/a": 3}
