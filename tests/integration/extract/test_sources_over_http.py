"""The sources over HTTP against moto: bills in S3, the clock, types, roles; and servers that fail."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.compute as pc
import pytest
from tests.unit.extract.bills import CUR2_SCHEMA, FOCUS_SCHEMA, cur2_line, deliver, focus_line, parquet

from headroom.config.sources import BillingExport
from headroom.extract.billing import list_periods, read_period
from headroom.extract.catalogue import read_instance_types
from headroom.extract.clients import BotoClients, client_config
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.extract.errors import BadExport, SourceError

pytestmark = pytest.mark.integration

CUR2 = BillingExport(format="cur2", bucket="headroom-bills", prefix="a/b", export_name="cur")
FOCUS = BillingExport(format="focus", bucket="headroom-bills", prefix="a/b", export_name="focus")


@pytest.fixture
def bucket(clients: BotoClients) -> Iterator[BotoClients]:
    s3 = clients.client("s3", region="us-east-1")
    s3.create_bucket(Bucket=FOCUS.bucket)
    yield clients
    for item in s3.list_objects_v2(Bucket=FOCUS.bucket).get("Contents", ()):
        s3.delete_object(Bucket=FOCUS.bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=FOCUS.bucket)


def put_with(clients: BotoClients, key: str, content: bytes) -> None:
    clients.client("s3", region="us-east-1").put_object(Bucket=FOCUS.bucket, Key=key, Body=content)


def test_both_exports_of_a_day_are_read_and_agree(bucket: BotoClients) -> None:
    hours = range(24)
    deliver(
        lambda key, content: put_with(bucket, key, content),
        CUR2,
        [parquet([cur2_line(hour=hour) for hour in hours], CUR2_SCHEMA)],
    )
    deliver(
        lambda key, content: put_with(bucket, key, content),
        FOCUS,
        [parquet([focus_line(hour=hour) for hour in part], FOCUS_SCHEMA) for part in (hours[:10], hours[10:])],
    )
    tables = []
    for export in (CUR2, FOCUS):
        (manifest,) = list_periods(bucket, export)
        assert manifest.period_start == date(2026, 11, 1)
        assert None not in manifest.etags
        tables.append(read_period(bucket, export, manifest).sort_by("ChargePeriodStart"))
    assert tables[0].equals(tables[1])
    assert pc.sum(tables[0]["EffectiveCost"]).as_py() == Decimal("136.128")  # 24 h x 5.672


def test_a_restated_delivery_is_seen_and_the_old_one_is_no_longer_readable(bucket: BotoClients) -> None:
    def put(key: str, content: bytes) -> None:
        put_with(bucket, key, content)

    deliver(put, FOCUS, [parquet([focus_line()], FOCUS_SCHEMA)], execution_id="first")
    (before,) = list_periods(bucket, FOCUS)
    deliver(put, FOCUS, [parquet([focus_line(), focus_line(hour=6)], FOCUS_SCHEMA)], execution_id="second")
    (after,) = list_periods(bucket, FOCUS)
    assert before.fingerprint != after.fingerprint
    assert read_period(bucket, FOCUS, after).num_rows == 2
    with pytest.raises(SourceError, match="was replaced while the delivery was being read"):
        read_period(bucket, FOCUS, before)


def test_a_file_that_is_not_there_and_one_that_is_cut_short_are_named(bucket: BotoClients) -> None:
    whole = parquet([focus_line()], FOCUS_SCHEMA)
    missing = f"s3://{FOCUS.bucket}/{FOCUS.root}data/BILLING_PERIOD=2026-11/gone.snappy.parquet"
    deliver(lambda key, content: put_with(bucket, key, content), FOCUS, [], named=[missing])
    deliver(lambda key, content: put_with(bucket, key, content), CUR2, [whole[: len(whole) // 2]])
    for export, expected in ((FOCUS, f"^{missing}: named by the manifest"), (CUR2, "cannot be read as Parquet")):
        (manifest,) = list_periods(bucket, export)
        with pytest.raises(BadExport, match=expected):
            read_period(bucket, export, manifest)


def test_an_export_without_a_bucket_is_a_source_that_does_not_answer(clients: BotoClients) -> None:
    export = BillingExport(format="focus", bucket="no-such-bucket", export_name="focus")
    with pytest.raises(SourceError, match=r"did not answer: NoSuchBucket \(HTTP 404\)"):
        list_periods(clients, export)


def test_the_clock_is_the_servers(clients: BotoClients) -> None:
    clock = read_cloud_clock_utc(clients, region="us-east-1")
    assert clock.tzinfo is UTC
    assert clock.microsecond == 0


def test_accounts_are_entered_by_their_role(clients: BotoClients) -> None:
    entering = BotoClients(role_arn="arn:aws:iam::{account}:role/headroom-read")
    identity = entering.client("sts", region="us-east-1", account="210987654321").get_caller_identity()
    assert identity["Account"] == "210987654321"
    assert ":assumed-role/headroom-read/headroom" in identity["Arn"]
    own = clients.client("sts", region="us-east-1").get_caller_identity()["Account"]
    assert clients.client("ec2", region="us-east-1", account=own) is not None


def test_types_are_described_with_their_gpus(clients: BotoClients) -> None:
    names = ["g5.12xlarge", "ml.g5.2xlarge", "c7g.xlarge", "no.such"]
    table = read_instance_types(clients, region="us-east-1", names=names, day=date(2026, 11, 18))
    rows = {row["instance_type"]: row for row in table.to_pylist()}
    assert sorted(rows) == ["c7g.xlarge", "g5.12xlarge", "ml.g5.2xlarge"]
    assert (rows["g5.12xlarge"]["gpu_count"], rows["g5.12xlarge"]["gpu_name"]) == (4, "A10G")
    assert rows["ml.g5.2xlarge"]["gpu_count"] == 1
    assert (rows["c7g.xlarge"]["architecture"], rows["c7g.xlarge"]["gpu_count"]) == ("arm64", None)


class _Failing(BaseHTTPRequestHandler):
    """STS that answers 503 to the first requests and then as it should."""

    failures = 1
    seen = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen += 1
        is_down = type(self).seen <= self.failures
        body = (
            b""
            if is_down
            else (
                b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
                b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
        )
        self.send_response_only(503 if is_down else 200)
        self.send_header("Date", "Wed, 18 Nov 2026 06:05:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def failing_url() -> Iterator[str]:
    _Failing.seen = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_a_server_that_fails_once_is_asked_again(failing_url: str, aws_environment: pytest.MonkeyPatch) -> None:
    aws_environment.setenv("AWS_ENDPOINT_URL", failing_url)
    assert read_cloud_clock_utc(BotoClients(), region="us-east-1") == datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
    assert _Failing.seen == 2


def test_a_server_that_goes_on_failing_is_a_source_error(failing_url: str, aws_environment: pytest.MonkeyPatch) -> None:
    aws_environment.setattr(_Failing, "failures", 99)
    aws_environment.setenv("AWS_ENDPOINT_URL", failing_url)
    clients = BotoClients(config=client_config(max_attempts=2))
    with pytest.raises(SourceError, match=r"STS GetCallerIdentity in us-east-1 did not answer: 503 \(HTTP 503\)"):
        read_cloud_clock_utc(clients, region="us-east-1")
    assert _Failing.seen == 2


def test_a_server_that_is_not_there_is_a_source_error(aws_environment: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Failing) as server:
        port = server.server_port
    aws_environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    clients = BotoClients(config=client_config(max_attempts=1))
    with pytest.raises(SourceError, match="did not answer: EndpointConnectionError: Could not connect"):
        read_cloud_clock_utc(clients, region="us-east-1")
