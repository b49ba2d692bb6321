"""Airflow Connections that somebody filled in wrongly: the task names field and key, and never goes on with others."""

import json
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headroom.airflow_glue import aws_connection
from headroom.airflow_glue.aws_connection import set_credentials, use_aws_connection
from headroom.config import ConfigError
from headroom.extract.errors import SourceError

KEYS = {"login": "CONNKEY", "password": "a-very-secret-word"}
ROLE = "arn:aws:iam::123456789012:role/headroom"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_AWS_CONN_ID", "team_aws")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    for name in ("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_AWS", json.dumps({"conn_type": "aws", **fields}))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({**KEYS, "extra": "{not json"}, "extra: expected a JSON object, found text that is no JSON"),
        ({**KEYS, "extra": "[1]"}, "extra: expected a JSON object, found list"),
        ({**KEYS, "conn_type": "postgres"}, "conn_type: expected aws, found 'postgres'"),
        ({"login": "CONNKEY"}, "password: expected one beside the login, found none"),
        ({"password": "a-very-secret-word"}, "login: expected one beside the password, found none"),
        (
            {"extra": {"aws_access_key_id": "CONNKEY"}},
            "extra.aws_secret_access_key: expected one beside aws_access_key_id, found none",
        ),
        ({**KEYS, "extra": {"region_name": "nowhere"}}, "extra.region_name: expected an AWS region such as us-east-1"),
        ({**KEYS, "extra": {"region_name": 5}}, "extra.region_name: expected an AWS region such as us-east-1, found 5"),
        ({**KEYS, "extra": {"role_arn": "nonsense"}}, "extra.role_arn: expected an ARN such as arn:aws:iam::"),
        ({**KEYS, "extra": {"role_arn": f"{ROLE}\n"}}, "extra.role_arn: expected an ARN such as arn:aws:iam::"),
        ({**KEYS, "extra": {"role_anr": ROLE}}, "extra.role_anr: unknown key; did you mean 'role_arn'?"),
        ({**KEYS, "extra": {"endpoint_url": "127.0.0.1"}}, "extra.endpoint_url: expected a URL such as"),
        ({**KEYS, "extra": {"config_kwargs": "text"}}, "extra.config_kwargs: expected an object, found str"),
        ({**KEYS, "extra": {"profile_name": 7}}, "extra.profile_name: expected text, found int"),
        (
            {**KEYS, "extra": {"role_arn": ROLE, "assume_role_method": "wish"}},
            "extra.assume_role_method: expected assume_role or",
        ),
        (
            {**KEYS, "extra": {"role_arn": ROLE, "assume_role_kwargs": {"RoleSessionName": "ada lovelace"}}},
            "extra.assume_role_kwargs.RoleSessionName: expected 2 to 64 letters, digits and +=,.@_-",
        ),
        ({"extra": {"profile_name": "nobodys"}}, "cannot be used: ProfileNotFound: The config profile (nobodys)"),
    ],
)
def test_a_connection_that_cannot_be_used_names_field_and_key_and_sets_nothing(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], told: str
) -> None:
    given(monkeypatch, **fields)
    with pytest.raises(ConfigError) as caught:
        use_aws_connection({})
    assert str(caught.value).startswith("HEADROOM_AWS_CONN_ID: the Airflow Connection 'team_aws'")
    assert told in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "OTHER"  # nothing is half set


@pytest.mark.parametrize("text", ["{nonsense", ""])
def test_a_connection_that_airflow_cannot_read_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_AWS", text)
    with pytest.raises(ConfigError, match="there is no Airflow Connection 'team_aws', or none that Airflow can read"):
        use_aws_connection({})


@pytest.mark.parametrize("extra", [{}, {"region_name": None}, {"verify": False}, {"our_own_note": "team seven"}])
def test_what_is_left_out_or_is_a_note_of_the_owners_hinders_nothing(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    given(monkeypatch, **KEYS, extra=extra)
    use_aws_connection({})
    assert os.environ["AWS_ACCESS_KEY_ID"] == "CONNKEY"


def test_without_keys_and_profile_they_are_those_that_boto3_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, extra={"region_name": "eu-west-1"})
    use_aws_connection({})
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]) == ("OTHER", "eu-west-1")


def test_a_role_that_does_not_let_us_in_is_named_with_the_connection_and_may_be_tried_again() -> None:
    class Refused:
        region_name = None

        def get_credentials(self) -> "Refused":
            return self

        def get_frozen_credentials(self) -> None:
            said = {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: sts:AssumeRole"}}
            raise ClientError(said, "AssumeRole")

    environment = {"AWS_ACCESS_KEY_ID": "OTHER"}
    with pytest.raises(SourceError, match="'team_aws' was not let in: AccessDenied: not authorized") as caught:
        set_credentials(environment, "team_aws", session=Refused(), endpoint_url=None)  # type: ignore[arg-type]
    assert str(caught.value).startswith(aws_connection.CONNECTION_VARIABLE)
    assert environment == {"AWS_ACCESS_KEY_ID": "OTHER"}
