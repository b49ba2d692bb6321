"""The shipped IAM policies: reading and pushing apart, and pushing only where the owner put the tag."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from headroom.domain.account import Identity, Place
from headroom.extract.account.push_simulation import GROUP_ACTIONS, TARGET_ACTIONS
from headroom.extract.account.read_probes import probes_of_account, probes_of_place

IAM = Path(__file__).resolve().parents[3] / "docs" / "iam"
READ_ONLY = ("Describe", "Get", "List", "Simulate")
MADE_BY_PUSH = {
    "autoscaling:BatchPutScheduledUpdateGroupAction",
    "autoscaling:BatchDeleteScheduledAction",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:DeleteScheduledAction",
}
# S3's ListBucket permission is for the ListObjectsV2 call.
PERMISSIONS_WITHOUT_A_CALL = {"s3:ListBucket"}
TRIED_BY_USE = {"iam:SimulatePrincipalPolicy", "s3:ListBucket", "s3:GetObject"}
"""What the doctor tries by simulating a push and by reading the bills."""
SERVICE_OF_PREFIX = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
"""Where IAM and boto3 name a service differently."""


def statements(name: str) -> list[dict[str, Any]]:
    policy = json.loads((IAM / name).read_text())
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def actions(name: str) -> set[str]:
    listed = [statement["Action"] for statement in statements(name)]
    return {action for item in listed for action in ([item] if isinstance(item, str) else item)}


def test_the_read_policy_only_reads() -> None:
    assert all(action.split(":")[1].startswith(READ_ONLY) for action in actions("read.json"))


def test_the_push_policy_allows_the_four_calls_that_push_makes_and_nothing_else() -> None:
    assert actions("push.json") == MADE_BY_PUSH


def test_the_doctor_tries_every_read_call_of_the_policy_and_no_other() -> None:
    identity = Identity(account="123456789012", arn="arn:aws:iam::123456789012:user/me", principal_arn=None)
    place = Place(account=identity.account, region="us-east-1")
    now_utc = datetime(2026, 11, 18, 6, tzinfo=UTC)
    probes = [*probes_of_place(place, [], identity=identity, now_utc=now_utc), *probes_of_account(identity)]
    assert sorted(probe.action for probe in probes) == sorted(actions("read.json") - TRIED_BY_USE)


def test_the_doctor_simulates_the_calls_of_the_push_policy() -> None:
    assert {*GROUP_ACTIONS, *TARGET_ACTIONS} == actions("push.json")


def test_every_push_statement_asks_for_the_tag() -> None:
    for statement in statements("push.json"):
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] != "*"
        assert statement["Condition"]["StringEquals"]["aws:ResourceTag/headroom"] == "managed"


def test_the_lake_policy_allows_what_the_lake_does_and_only_there() -> None:
    assert actions("lake.json") == {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    for statement in statements("lake.json"):
        assert statement["Resource"].startswith("arn:aws:s3:::YOUR-LAKE-BUCKET")
        assert "Condition" not in statement  # a prefix condition would turn a missing file's 404 into 403


@pytest.mark.parametrize("name", ["read.json", "push.json"])
def test_no_action_is_a_wildcard_and_each_is_a_call_that_exists(name: str) -> None:
    session = botocore.session.get_session()
    for action in actions(name) - PERMISSIONS_WITHOUT_A_CALL:
        service, operation = action.split(":")
        model = session.get_service_model(SERVICE_OF_PREFIX.get(service, service))
        assert operation in model.operation_names
