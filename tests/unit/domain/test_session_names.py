"""Names of sessions: what AWS takes, whoever acts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.domain.session_names import role_session_name

AWS_TAKES = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@given(deployment=st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), caller=st.text(max_size=200))
def test_whatever_they_are_called_aws_takes_the_name(deployment: str, caller: str) -> None:
    assert AWS_TAKES.fullmatch(role_session_name(deployment=deployment, caller=caller))


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("scale_ahead-20261118T05", "headroom-prod-scale_ahead-20261118T05"),
        ("rollback_scaling-ada@acme.example", "headroom-prod-rollback_scaling-ada@acme.example"),
        ("cli-Ada Lovelace", "headroom-prod-cli-Ada-Lovelace"),
        ("cli-Zoë", "headroom-prod-cli-Zo"),
        ("", "headroom-prod-unknown"),
    ],
)
def test_the_name_says_deployment_and_who(caller: str, expected: str) -> None:
    assert role_session_name(deployment="prod", caller=caller) == expected


def test_of_a_name_that_is_too_long_who_is_kept_before_the_deployment() -> None:
    name = role_session_name(deployment="d" * 40, caller="rollback_scaling-ada@acme.example")
    # 9 of "headroom-", 16 of the deployment, a dash, 33 of who: 59
    assert name == f"headroom-{'d' * 16}-rollback_scaling-ada@acme.example"
    assert len(role_session_name(deployment="prod", caller="x" * 200)) == 64
