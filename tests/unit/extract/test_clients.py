"""BotoClients: bounded retries and timeouts, one client each, and never another account's data by mistake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from tests.unit.extract.fake_aws import client_error

from headroom.extract.account.caller import read_caller
from headroom.extract.call_budget import CallBudget
from headroom.extract.clients import MAX_ATTEMPTS, BotoClients, client_config
from headroom.extract.errors import SourceError, describe_failure, is_refusal

OWN = "123456789012"
OTHER = "210987654321"


class CannedSts:
    """Answers AssumeRole and GetCallerIdentity from inside botocore, before anything is sent."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, *, model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        self.calls.append((model.name, params["body"]))

        class Answer:
            status_code = 200

        if model.name == "AssumeRole":
            credentials = {
                "AccessKeyId": "ASSUMED",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": "2999-01-01T00:00:00Z",
            }
            return Answer(), {"Credentials": credentials, "ResponseMetadata": {"HTTPStatusCode": 200}}
        return Answer(), {"Account": OWN, "ResponseMetadata": {"HTTPStatusCode": 200}}


@pytest.fixture
def sts() -> CannedSts:
    return CannedSts()


@pytest.fixture
def session(sts: CannedSts) -> boto3.Session:
    own = botocore.session.get_session()
    own.set_credentials("OWN", "secret")
    own.register("before-call.sts", sts)
    return boto3.Session(botocore_session=own)


def test_waits_are_bounded_and_retries_back_off() -> None:
    config = client_config()
    assert config.connect_timeout == 5
    assert config.read_timeout == 30
    assert config.retries == {"mode": "adaptive", "total_max_attempts": MAX_ATTEMPTS}


def test_a_client_is_made_once(session: boto3.Session) -> None:
    clients = BotoClients(session)
    first = clients.client("ec2", region="us-east-1")
    assert clients.client("ec2", region="us-east-1") is first
    assert clients.client("ec2", region="eu-west-1") is not first
    assert clients.client("ec2", region="eu-west-1").meta.region_name == "eu-west-1"
    assert first.meta.config.read_timeout == 30


def test_a_configuration_of_ones_own_is_taken(session: boto3.Session) -> None:
    clients = BotoClients(session, config=Config(read_timeout=1))
    assert clients.client("ec2", region="us-east-1").meta.config.read_timeout == 1


def test_our_own_account_may_be_named(session: boto3.Session, sts: CannedSts) -> None:
    clients = BotoClients(session)
    for service in ("ec2", "cloudwatch"):
        clients.client(service, region="us-east-1", account=OWN)
    assert [name for name, _ in sts.calls] == ["GetCallerIdentity"]


def test_another_account_without_a_role_is_refused(session: boto3.Session) -> None:
    with pytest.raises(SourceError, match=rf"account {OTHER} is not the account of these credentials .{OWN}.; give"):
        BotoClients(session).client("ec2", region="us-east-1", account=OTHER)


def test_with_a_role_every_account_is_entered_by_it(session: boto3.Session, sts: CannedSts) -> None:
    role_arn, session_name = "arn:aws:iam::{account}:role/headroom-read", "headroom-prod-scale_ahead-20261118T05"
    clients = BotoClients(session, role_arn=role_arn, session_name=session_name)
    client = clients.client("ec2", region="us-east-1", account=OTHER)
    credentials = client._request_signer._credentials.get_frozen_credentials()  # noqa: SLF001, no public way to see them
    assert credentials.access_key == "ASSUMED"
    ((name, body),) = sts.calls
    assert name == "AssumeRole"
    assert body["RoleArn"] == f"arn:aws:iam::{OTHER}:role/headroom-read"
    assert body["RoleSessionName"] == session_name
    own = clients.client("ec2", region="us-east-1")._request_signer._credentials  # noqa: SLF001, as above
    assert own.access_key == "OWN"


def test_a_service_nobody_knows_is_a_source_error(session: boto3.Session) -> None:
    with pytest.raises(SourceError, match="no client for nothing in us-east-1: Unknown service"):
        BotoClients(session).client("nothing", region="us-east-1")


def test_a_failure_is_one_line() -> None:
    error = client_error("AccessDenied", "User\n is not authorized", status=403)
    assert describe_failure(error) == "AccessDenied (HTTP 403): User is not authorized"


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("AccessDenied", 403, True),
        ("ValidationError", 400, True),
        ("Throttling", 400, False),
        ("SlowDown", 503, False),
        ("InternalFailure", 500, False),
    ],
)
def test_what_is_refused_is_told_from_what_is_too_fast_or_broken(code: str, status: int, *, expected: bool) -> None:
    assert is_refusal(client_error(code, status=status)) is expected


def test_a_role_cannot_be_assumed_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = BotoClients(role_arn="arn:aws:iam::{account}:role/read")
    with pytest.raises(SourceError, match=f"no AWS credentials to assume arn:aws:iam::{OTHER}:role/read with"):
        clients.client("ec2", region="us-east-1", account=OTHER)


@pytest.mark.parametrize("written", [1794981900, 1794981900.0, "1794981900", "2026-11-18T06:05:00Z"])
def test_times_come_in_utc_however_a_service_writes_them(written: float | str) -> None:
    session = BotoClients()._session._session  # noqa: SLF001, boto3 has no public way to its botocore session
    parser = session.get_component("response_parser_factory").create_parser("json")
    moment = parser._timestamp_parser(written)  # noqa: SLF001, botocore has no public way to ask a parser
    assert moment == datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
    assert moment.utcoffset() == timedelta(0)


class PageOfAProxy:
    """Stands where AWS should: whatever is asked, it answers with a page."""

    def __init__(self, page: str, status: int) -> None:
        self._page = page.encode()
        self._status = status

    def __call__(self, *, request: Any, **_: Any) -> AWSResponse:
        answer = AWSResponse(request.url, self._status, {"Content-Type": "text/html"}, None)
        answer._content = self._page  # noqa: SLF001, botocore reads it from a socket otherwise
        return answer


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("<html><body>Please log in</body></html>", 200),
        ("<html><body>Please <br> log in", 200),
        ("<html><body>Please <br> log in", 403),
        ("", 200),
        ('{"please": "log in"}', 200),
    ],
)
def test_an_answer_that_is_not_of_aws_is_a_failure_that_quotes_no_page(
    page: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    clients = BotoClients()
    clients.client("sts", region="us-east-1").meta.events.register("before-send.sts", PageOfAProxy(page, status))
    caller = read_caller(clients, region="us-east-1")
    assert caller.identity is None
    assert caller.cause == "UnreadableAnswerError: something else than AWS answered: what came cannot be read"


def test_calls_in_one_account_are_counted_together_however_it_is_named_or_entered(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []
    budget = CallBudget()

    def bucket(self: CallBudget, service: str, *, region: str, account: str | None) -> None:
        assert self is budget
        if service == "autoscaling":
            asked.append((region, account))

    monkeypatch.setattr(CallBudget, "bucket", bucket)
    role_arn = "arn:aws:iam::{account}:role/headroom-read"
    reading = BotoClients(session, role_arn=role_arn, budget=budget)
    writing = BotoClients(session, role_arn=role_arn.replace("read", "push"), budget=budget)
    for clients in (reading, writing):
        for region, account in (("us-east-1", None), ("us-east-1", OWN), ("us-east-1", OTHER), ("eu-west-1", OTHER)):
            clients.client("autoscaling", region=region, account=account)
    # our own by no name, whether a fleet names it or not; each region of another account by itself
    once = [("us-east-1", None), ("us-east-1", None), ("us-east-1", OTHER), ("eu-west-1", OTHER)]
    assert asked == once * 2
