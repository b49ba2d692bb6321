"""What is masked in texts, by the environment's own values and by its looks, and what is left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from headroom.actuation.errors import ActuationError, cloud_call
from headroom.airflow_glue.secret_masking import mask_secrets
from headroom.cli import main
from headroom.config import ConfigError, Settings
from headroom.config.secrets import redact as redact_here
from headroom.domain.secrets import MASK, redact, secrets_of
from headroom.extract.errors import SourceError, describe_failure
from headroom.lake.errors import LakeError, PathError
from headroom.lake.storage import open_storage
from headroom.pipelines import outcomes
from headroom.pipelines.windows import hour_window

PLANTED = "Zq8planted0secret"


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach http://ada:{PLANTED}@proxy:3128/x",
        f"redis://:{PLANTED}@queue:6379/0",
        f"postgresql+psycopg2://headroom:{PLANTED}@db/airflow?sslmode=require",
        f"https://host/hook?token={PLANTED}&page=2",
        f"https://bucket.s3.amazonaws.com/k?X-Amz-Signature={PLANTED}&X-Amz-Date=20261118T060000Z",
        f"https://sts/?X-Amz-Security-Token={PLANTED}",
        f"connection failed: password={PLANTED} host=db",
        f'{{"aws_secret_access_key": "{PLANTED}", "region": "us-east-1"}}',
        f"{{'password': '{PLANTED}'}}",
        f"the canonical string should have been 'GET x-amz-security-token:{PLANTED} host:s3'",
        f"Authorization: Bearer {PLANTED}",
        f"sent Authorization: Basic {PLANTED}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----",
        f"session {PLANTED * 10} has expired",
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_comes_from(text: str) -> None:
    masked = redact(text)
    assert PLANTED not in masked
    assert MASK in masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "fleets.yaml:12: fleets[0].workload.context_tokens: expected a number, found 'many'",
        "demand.unit: expected 'requests', 'input_tokens' or 'output_tokens'",
        "AccessDenied (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/headroom/i-0abc is not authorized",
        "s3://bucket/raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet: not a whole Parquet file",
        "push chat-large-20261118T0600Z-0a1b2c3d: headroom-default-chat-large-20261118T0655Z",
        "write to ada@example.invalid at 06:00",
        "tag team=search, cost-centre=4711",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_environments_secrets_are_its_passwords_tokens_keys_and_the_passwords_in_its_addresses() -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE",  # a name, not a secret
        "AWS_SECRET_ACCESS_KEY": "aws-secret-1",
        "AWS_SESSION_TOKEN": "aws-session-1",
        "AIRFLOW__CORE__FERNET_KEY": "fernet-key-1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "jwt-secret-1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://u:data%2Fbase-1@db/airflow",
        "AIRFLOW__CELERY__BROKER_URL": "redis://:broker-pass-1@queue/0",
        "AIRFLOW_CONN_AWS": json.dumps(
            {"conn_type": "aws", "password": "conn-pass-1", "extra": json.dumps({"session_token": "extra-token-1"})}
        ),
        "AIRFLOW_CONN_HTTP": "http://ada:conn-pass-2@host",
        "HEADROOM_ALERT_URL": "https://hooks.example/services/T0000001/hook-token-1?key=query-token-1",
        "HTTPS_PROXY": "http://proxy-user-only@proxy:3128",
        "HEADROOM_DEPLOYMENT": "production",
        "SHORT_TOKEN": "abc",
    }
    assert secrets_of(environment) == {
        *("aws-secret-1", "aws-session-1", "fernet-key-1", "jwt-secret-1", "broker-pass-1", "conn-pass-1"),
        *("data%2Fbase-1", "data/base-1", "extra-token-1", "conn-pass-2", "proxy-user-only"),
        *("T0000001", "hook-token-1", "query-token-1", "key=query-token-1"),
        *("/services/T0000001/hook-token-1", environment["HEADROOM_ALERT_URL"]),
    }


def test_words_of_the_alert_url_are_left_in_other_texts() -> None:
    assert secrets_of({"HEADROOM_ALERT_URL": "http://relay:8080/headroom"}) == {"http://relay:8080/headroom"}
    slack = secrets_of({"HEADROOM_ALERT_URL": "https://hooks.example/services/T0000001/hook-token-1"})
    assert redact("headroom: ECS services: POST /services/T0000001/hook-token-1 failed", slack) == (
        "headroom: ECS services: POST *** failed"
    )


@given(st.text(), st.text(alphabet="abcdefghij0123456789", min_size=12, max_size=30), st.text())
def test_a_known_secret_never_survives_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    assert secret not in redact(f"{before}{secret}{after}", {secret}).replace(MASK, "")


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_long_text_is_masked_in_the_time_that_reading_it_takes() -> None:
    for piece in ("a" * 100, "://", "x:y", "token=", "'password': '", "-----BEGIN PRIVATE KEY-----", "authorization:"):
        assert len(redact(piece * (200_000 // len(piece)))) <= 210_000


@pytest.mark.parametrize("error", [SourceError, LakeError, ActuationError, ConfigError])
def test_no_error_of_ours_holds_a_secret(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", PLANTED)
    made = error(f"http://a:hunter2hunter2@h said {PLANTED}")
    assert f"{made} {made!r}" == f"http://a:***@h said *** {type(made).__name__}('http://a:***@h said ***')"


def test_what_the_cloud_or_the_network_says_is_masked_where_it_becomes_text() -> None:
    address = f"http://ada:{PLANTED}@endpoint:5000/"
    assert PLANTED not in describe_failure(EndpointConnectionError(endpoint_url=address))
    said = {"Error": {"Code": "SignatureDoesNotMatch", "Message": f"x-amz-security-token:{PLANTED}"}}
    assert describe_failure(ClientError(said, "GetObject")) == "SignatureDoesNotMatch: x-amz-security-token:***"
    with pytest.raises(ActuationError) as refused, cloud_call("DescribePolicies", "chat"):
        raise EndpointConnectionError(endpoint_url=address)
    assert PLANTED not in str(refused.value)


def test_settings_and_roots_that_cannot_be_used_are_named_without_their_passwords() -> None:
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as wrong:
        Settings.from_environment({"AWS_ENDPOINT_URL": f"ftp://ada:{PLANTED}@host"})
    assert PLANTED not in str(wrong.value)
    with pytest.raises(PathError, match="expected") as root:
        open_storage(f"s3://AKIA:{PLANTED}@bucket/prefix")
    assert PLANTED not in str(root.value)


def test_the_command_line_masks_what_it_prints_of_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    monkeypatch.setenv("HEADROOM_LAKE", f"s3://key:{PLANTED}@bucket/x")
    assert main(["build", "--json"]) == 2
    printed = capsys.readouterr()
    assert "HEADROOM_LAKE" in printed.err
    assert PLANTED not in printed.err + printed.out


def test_the_environment_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert redact_here(f"it was {PLANTED}") == f"it was {PLANTED}"
    monkeypatch.setenv("LATE_PASSWORD", PLANTED)
    assert redact_here(f"it was {PLANTED}") == "it was ***"


def test_a_cause_is_masked_where_it_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    window = hour_window("2026-11-18T05:00:00")

    def fail(_: object) -> list[outcomes.Outcome]:
        raise RuntimeError(f"https://ada:{PLANTED}@source/ did not answer")

    with pytest.raises(RuntimeError):
        outcomes.run_step(dag_id="scale_ahead", window=window, part="1-x", step=fail)
    (file,) = (tmp_path / "lake").rglob("*.json")
    (row,) = json.loads(file.read_text())
    assert row["cause"] == "https://ada:***@source/ did not answer"


def test_airflows_masker_learns_the_same_secrets() -> None:
    masker = _secrets_masker()
    before, replacer = set(masker.patterns), masker.replacer
    try:
        mask_secrets(environment={"AWS_SECRET_ACCESS_KEY": PLANTED})
        redacted = masker.redact({"exc": f"http://u:hunter2hunter2@h and {PLANTED}", "count": 3})
    finally:
        masker.patterns, masker.replacer = before, replacer
    assert redacted == {"exc": "http://***@h and ***", "count": 3}


def test_a_task_masks_what_any_logger_sends_of_a_password_that_nobody_knew() -> None:
    code = """
import io, logging, structlog
from airflow.sdk.log import configure_logging
from headroom.airflow_glue.secret_masking import mask_secrets

sent = io.BytesIO()
configure_logging(json_output=True, output=sent, sending_to_supervisor=True)
mask_secrets(environment={})
logging.getLogger("botocore").error("asked %s", "http://u:hunter2hunter2@h")
try:
    raise OSError("http://u:hunter3hunter3@h did not answer")
except OSError:
    logging.getLogger("botocore").exception("failed")
structlog.get_logger("task").error("http://u:hunter4hunter4@h")
print(sent.getvalue().decode())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["asked http://***@h", "failed", "http://***@h"]
    assert "***@h did not answer" in json.dumps(lines[1])
    assert "hunter" not in ran.stdout
