"""Who we are in a place, what its services say to read calls, and how often a silent one is asked."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from tests.unit.extract.fake_aws import FakeClients, client_error

from headroom.domain.account import Place, TriedCall, TriedResult
from headroom.extract.account.caller import read_caller
from headroom.extract.account.patience import ImpatientClients
from headroom.extract.account.read_probes import Probe, try_reading
from headroom.extract.errors import SourceError

NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
DATE = {"date": "Wed, 18 Nov 2026 06:05:00 GMT"}
PLACE = Place(account="123456789012", region="us-east-1")
PROBE = Probe(action="ecs:ListClusters", service="ecs", operation="list_clusters", is_for_tasks=True)


class Sts:
    def __init__(self, answer: Exception | str) -> None:
        self._answer = answer

    def get_caller_identity(self) -> dict[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return {"Account": "123456789012", "Arn": self._answer, "ResponseMetadata": {"HTTPHeaders": DATE}}


def test_an_assumed_role_is_known_by_the_role_behind_it() -> None:
    caller = read_caller(FakeClients({"sts": Sts("arn:aws-cn:sts::123456789012:assumed-role/read/me")}), region="r-r-1")
    assert caller.identity is not None
    assert caller.identity.principal_arn == "arn:aws-cn:iam::123456789012:role/read"
    assert caller.identity.partition == "aws-cn"
    assert caller.cloud_utc == NOW


def test_the_root_has_no_principal_that_can_be_simulated() -> None:
    caller = read_caller(FakeClients({"sts": Sts("arn:aws:iam::123456789012:root")}), region="us-east-1")
    assert caller.identity is not None
    assert caller.identity.principal_arn is None


def test_a_refusal_tells_its_code_and_the_clouds_clock() -> None:
    refusal = client_error("ExpiredToken", "too old", status=403)
    refusal.response["ResponseMetadata"]["HTTPHeaders"] = DATE
    caller = read_caller(FakeClients({"sts": Sts(refusal)}), region="us-east-1")
    assert (caller.identity, caller.error_code, caller.cloud_utc) == (None, "ExpiredToken", NOW)
    assert caller.cause == "ExpiredToken (HTTP 403): too old"


def behind(cause: Exception) -> SourceError:
    error = SourceError("the account cannot be entered")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoCredentialsError(), "NoCredentialsError"),
        (SourceError("another account"), "SourceError"),
        (behind(client_error("AccessDenied")), "AccessDenied"),
        (behind(EndpointConnectionError(endpoint_url="http://nowhere")), "EndpointConnectionError"),
    ],
)
def test_the_code_is_that_of_what_went_wrong_first(error: Exception, code: str) -> None:
    assert read_caller(FakeClients({"sts": Sts(error)}), region="us-east-1").error_code == code


class Ecs:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def list_clusters(self) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        return {"clusterArns": []}


def tried(error: Exception | None) -> TriedCall:
    (call,) = try_reading(FakeClients({"ecs": Ecs(error)}), PLACE, [PROBE])
    return call


def test_an_answer_is_an_answer() -> None:
    assert tried(None) == TriedCall(action="ecs:ListClusters", is_for_tasks=True, result=TriedResult.ANSWERED)


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [
        ("ClusterNotFoundException", 400, TriedResult.ANSWERED),
        ("ValidationException", 400, TriedResult.ANSWERED),
        ("InvalidLaunchTemplateName.NotFoundException", 400, TriedResult.ANSWERED),
        ("ResourceNotFoundException", 404, TriedResult.ANSWERED),
        ("AccessDeniedException", 400, TriedResult.DENIED),
        ("UnauthorizedOperation", 403, TriedResult.DENIED),
        ("ExpiredToken", 403, TriedResult.FAILED),
        ("OptInRequired", 403, TriedResult.FAILED),
        ("ThrottlingException", 400, TriedResult.FAILED),
        ("InternalFailure", 500, TriedResult.FAILED),
    ],
)
def test_a_refusal_is_told_by_its_code(code: str, status: int, result: TriedResult) -> None:
    assert tried(client_error(code, status=status)).result is result


def test_silence_and_an_account_that_cannot_be_entered_are_failures_with_their_cause() -> None:
    assert tried(EndpointConnectionError(endpoint_url="http://nowhere")).cause.startswith("EndpointConnectionError")
    assert tried(SourceError("no way in")).cause == "no way in"


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses at once
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}"


class RealClients:
    """Clients of botocore's own, at an endpoint where nobody listens; it remembers for which accounts."""

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self.accounts: list[str | None] = []

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        self.accounts.append(account)
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )


def test_a_silent_service_is_asked_once_and_another_is_still_asked(silent_endpoint: str) -> None:
    real = RealClients(silent_endpoint)
    clients = ImpatientClients(real, is_own=False)
    ecs = clients.client("ecs", region="us-east-1", account="123456789012")
    with pytest.raises(EndpointConnectionError):
        ecs.list_clusters()
    with pytest.raises(SourceError, match=r"ecs in us-east-1 did not answer before \(EndpointConnectionError\)"):
        clients.client("ecs", region="us-east-1")
    clients.client("sagemaker", region="us-east-1")
    clients.client("ecs", region="eu-west-1")
    assert len(real.accounts) == 3


def test_our_own_account_is_entered_as_tasks_enter_it(silent_endpoint: str) -> None:
    real = RealClients(silent_endpoint)
    ImpatientClients(real, is_own=True).client("ecs", region="us-east-1", account="123456789012")
    ImpatientClients(real, is_own=False).client("ecs", region="us-east-1", account="210987654321")
    assert real.accounts == [None, "210987654321"]
