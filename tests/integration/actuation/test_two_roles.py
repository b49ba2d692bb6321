"""Reads by one role, writes by another, with the shipped policies: what CloudTrail would say of each call."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.actuation.desks import FLEETS, Desk, desk_of
from tests.integration.actuation.roles import PUSH, READ, two_roles

from headroom.actuation.outcome import PushState
from headroom.config.sources import AwsAccess
from headroom.extract.clients import BotoClients
from headroom.pipelines.workspace import push_clients
from headroom.sandbox.process import SandboxProcess

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("clients")]

NAMED = "headroom-test-scale_ahead-20261118T05"


@pytest.fixture
def account(sandbox: SandboxProcess) -> Iterator[str]:
    with two_roles(sandbox) as account:
        yield account


def desk_with(access: AwsAccess, account: str, sandbox: SandboxProcess, folder: Path) -> Desk:
    reading = BotoClients(role_arn=access.role_arn, session_name=NAMED)
    made = push_clients(reading, access, session_name=NAMED) or reading
    fleet = FLEETS["chat-large"]
    assert fleet.account in (None, account)
    return desk_of(fleet, sandbox, made, folder)


def test_a_push_reads_and_writes_by_two_roles_whose_sessions_say_who_it_was(
    account: str, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    desk = desk_with(AwsAccess(role_arn=READ, push_role_arn=PUSH), account, sandbox, tmp_path)
    wanted = desk.plan(7, 9)
    sandbox.clear_calls()
    outcome = desk.push(wanted)
    assert outcome.state is PushState.VERIFIED, outcome.reasons
    writes = {call["caller"] for call in sandbox.calls(service="autoscaling", is_write=True)}
    assert writes == {f"arn:aws:sts::{account}:assumed-role/headroom-push/{NAMED}"}
    reads = {call["caller"] for call in sandbox.calls(service="autoscaling", is_write=False)}
    assert f"arn:aws:sts::{account}:assumed-role/headroom-push/{NAMED}" not in reads
    desk.clear()


def test_without_a_role_that_may_write_nothing_is_written(
    account: str, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    desk = desk_with(AwsAccess(role_arn=READ, push_role_arn=READ), account, sandbox, tmp_path)
    outcome = desk.push(desk.plan(7, 9))
    assert outcome.state is PushState.FAILED
    assert any("AccessDenied" in failure.reason for failure in outcome.failures) or "AccessDenied" in str(
        outcome.reasons
    )
    assert desk.standing() == {}


def test_the_sandbox_takes_no_session_name_that_aws_would_not(account: str, sandbox: SandboxProcess) -> None:
    sts = sandbox.client("sts")
    for name in ("a", "x" * 65, "a b"):
        with pytest.raises(Exception, match=r"(?i)roleSessionName"):
            sts.assume_role(RoleArn=READ.replace("{account}", account), RoleSessionName=name)
