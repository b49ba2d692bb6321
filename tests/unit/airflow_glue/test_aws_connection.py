"""An Airflow Connection becomes the running task's credentials, or the task fails: it never goes on with others."""

from pathlib import Path

import boto3
import pytest

from headroom.airflow_glue.aws_connection import session_of, set_credentials, use_aws_connection
from headroom.config import ConfigError
from headroom.extract.errors import SourceError

CONNECTION = "aws://CONNKEY:secret@/?region_name=eu-west-1&endpoint_url=http%3A%2F%2F127.0.0.1%3A5000"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_AWS", CONNECTION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "before")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("HEADROOM_AWS_CONN_ID", raising=False)


def test_without_a_connection_nothing_is_changed() -> None:
    import os  # noqa: PLC0415, the task's own environment is what this is about

    before = dict(os.environ)
    use_aws_connection({})
    assert dict(os.environ) == before


def test_a_connection_is_what_every_client_of_the_task_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_AWS_CONN_ID", "team_aws")
    use_aws_connection({})
    session = boto3.Session()
    credentials = session.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("CONNKEY", "secret", None)
    assert session.region_name == "eu-west-1"
    assert session.client("sts").meta.endpoint_url == "http://127.0.0.1:5000"


def test_a_connection_that_is_not_there_fails_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_AWS_CONN_ID", "nobodys")
    with pytest.raises(ConfigError, match="HEADROOM_AWS_CONN_ID: there is no Airflow Connection 'nobodys'"):
        use_aws_connection({})


def test_a_session_token_is_handed_on_and_a_profile_taken_out() -> None:
    environment = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "old", "PATH": "/bin"}
    session = boto3.Session(aws_access_key_id="KEY", aws_secret_access_key="s", aws_session_token="t", region_name=None)
    set_credentials(environment, "team_aws", session=session, endpoint_url=None)
    assert environment["AWS_SESSION_TOKEN"] == "t"
    assert environment["AWS_ACCESS_KEY_ID"] == "KEY"
    assert "AWS_PROFILE" not in environment


def test_a_connection_without_credentials_is_refused() -> None:
    class Empty:
        region_name = None

        def get_credentials(self) -> None:
            return None

    with pytest.raises(ConfigError, match="gives no credentials"):
        set_credentials({}, "team_aws", session=Empty(), endpoint_url=None)  # type: ignore[arg-type]


def test_half_of_the_keys_in_a_credentials_file_names_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = HALFKEY\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match=r"Connection 'team_aws' was not let in: .*aws_secret_access_key"):
        set_credentials({}, "team_aws", session=boto3.Session(), endpoint_url=None)


def test_the_session_has_the_connections_region_and_endpoint() -> None:
    session, endpoint_url = session_of("team_aws")
    assert (session.region_name, endpoint_url) == ("eu-west-1", "http://127.0.0.1:5000")
