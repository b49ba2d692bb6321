"""What the doctor says of the role that writes: that there is none of its own, or that it can be entered."""

from headroom.domain.account import Caller, Identity
from headroom.onboarding.findings import Level
from headroom.onboarding.role_findings import push_role_finding, roles_finding

READ, PUSH = "arn:aws:iam::{account}:role/headroom-read", "arn:aws:iam::{account}:role/headroom-push"
ENTERED = "arn:aws:sts::123456789012:assumed-role/headroom-push/headroom-default-cli-ada"


def test_one_role_for_both_is_said_and_no_fault() -> None:
    for push in (None, READ):
        finding = roles_finding("sources.yaml", read=READ, push=push)
        assert finding.level is Level.OK
        assert f"pushes write as what reads, {READ}: aws.push_role_arn names no role of its own" in finding.message
    assert "these credentials as they are" in roles_finding("sources.yaml", read=None, push=None).message


def test_two_roles_are_named() -> None:
    finding = roles_finding("sources.yaml", read=READ, push=PUSH)
    assert finding.message == f"pushes write as {PUSH}, everything else reads as {READ}"
    assert not finding.remedy


def test_a_role_that_cannot_be_entered_is_a_fault_where_a_mode_may_write() -> None:
    refused = Caller(
        cause="AccessDenied (HTTP 403): not authorized to perform sts:AssumeRole", error_code="AccessDenied"
    )
    fault = push_role_finding("123456789012 in us-east-1", PUSH, refused, may_write=True)
    assert fault.level is Level.PROBLEM
    assert "cannot be entered: AccessDenied" in fault.message
    assert "sts:AssumeRole" in fault.remedy
    assert push_role_finding("123456789012 in us-east-1", PUSH, refused, may_write=False).level is Level.OK
    identity = Identity(account="123456789012", arn=ENTERED, principal_arn=None)
    entered = push_role_finding("123456789012 in us-east-1", PUSH, Caller(identity=identity), may_write=True)
    assert (entered.level, entered.message) == (Level.OK, f"pushes write as {ENTERED}")
