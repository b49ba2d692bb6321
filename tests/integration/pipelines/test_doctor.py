"""`headroom doctor` and `headroom discover` against a cloud over HTTP: what they find, and that they write nothing."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headroom.cli import main
from headroom.extract.clients import BotoClients, Clients
from headroom.onboarding.findings import Level, Topic
from headroom.pipelines.doctor import examine
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

IAM = Path(__file__).resolve().parents[3] / "docs" / "iam"
SANDBOX_CONFIG = Path(__file__).resolve().parents[3] / "include" / "headroom" / "sandbox" / "config"
EXIT_BAD_INPUT, EXIT_PROBLEM = 2, 3
PREFIX_OF_SERVICE = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas", "monitoring": "cloudwatch"}
"""Where IAM and the sandbox's call log name a service differently."""

Doctor = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def calm(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADROOM_CLOCK", "manual")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "no airflow"))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    sandbox.clear_faults()
    sandbox.clear_calls()


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    def run(*options: str, exit_code: int | None = None) -> list[dict[str, Any]]:
        code = main(["doctor", "--json", *options])
        if exit_code is not None:
            assert code == exit_code
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
        return found

    return run


def of(findings: list[dict[str, Any]], topic: str, *, level: str | None = None) -> list[dict[str, Any]]:
    return [item for item in findings if item["topic"] == topic and level in (None, item["level"])]


@pytest.fixture
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sandbox's configuration, to be spoiled."""
    folder = tmp_path / "config"
    shutil.copytree(SANDBOX_CONFIG, folder)
    monkeypatch.setenv("HEADROOM_CONFIG", str(folder))
    return folder


def test_nothing_is_a_problem_in_the_sandboxes_own_account(doctor: Doctor) -> None:
    assert of_level(doctor(), "problem") == []


def of_level(findings: list[dict[str, Any]], level: str) -> list[dict[str, Any]]:
    return [item for item in findings if item["level"] == level]


def test_neither_doctor_nor_discover_writes_to_the_account(
    sandbox: SandboxProcess, doctor: Doctor, tmp_path: Path
) -> None:
    doctor()
    main(["discover", "--region", "us-east-1", "--out", str(tmp_path / "fleets.yaml")])
    calls = sandbox.calls()
    assert len(calls) > 50  # both were there
    assert [call for call in calls if call["is_write"]] == []


def test_every_call_that_both_make_is_granted_by_the_read_policy(
    sandbox: SandboxProcess, doctor: Doctor, tmp_path: Path
) -> None:
    doctor()
    main(["discover", "--region", "us-east-1", "--out", str(tmp_path / "fleets.yaml")])
    statements = json.loads((IAM / "read.json").read_text())["Statement"]
    granted = {
        action
        for statement in statements
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    granted |= {"sts:GetCallerIdentity", "s3:ListObjectsV2"}  # free to everybody; granted as s3:ListBucket
    called = {
        f"{PREFIX_OF_SERVICE.get(call['service'], call['service'])}:{call['operation']}" for call in sandbox.calls()
    }
    assert sorted(called - granted) == []


def test_a_lake_in_s3_takes_exactly_one_probe_and_loses_it_again(
    sandbox: SandboxProcess, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="doctors-lake")
    sandbox.clear_calls()
    monkeypatch.setenv("HEADROOM_LAKE", "s3://doctors-lake/headroom")
    (found,) = of(doctor(), "lake")
    assert found["level"] == "ok"
    assert [call["operation"] for call in sandbox.calls(is_write=True)] == ["PutObject", "DeleteObject"]
    assert s3.list_objects_v2(Bucket="doctors-lake")["KeyCount"] == 0


def test_a_lake_whose_bucket_is_not_there_is_one_line(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", "s3://no-such-bucket/headroom")
    (found,) = of(doctor(exit_code=EXIT_PROBLEM), "lake")
    assert found["level"] == "problem"
    assert "NoSuchBucket" in found["message"]


def test_a_local_lake_is_left_as_it_was(doctor: Doctor, tmp_path: Path) -> None:
    assert [item["level"] for item in of(doctor(), "lake")] == ["ok"]
    assert not (tmp_path / "lake").exists()


def test_a_lake_that_is_a_file_is_a_problem_and_the_rest_is_looked_at(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("x")
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "a file"))
    found = doctor(exit_code=EXIT_PROBLEM)
    assert "expected a folder, found a file" in of(found, "lake", level="problem")[0]["message"]
    assert of(found, "targets", level="ok") != []


def test_a_denied_read_call_is_named_with_the_action_to_allow(sandbox: SandboxProcess, doctor: Doctor) -> None:
    sandbox.add_fault(service="cloudwatch", operation="GetMetricData", status=403, count=None)
    found = doctor(exit_code=EXIT_PROBLEM)
    (denied,) = of(found, "read-permissions", level="problem")
    assert denied["message"].startswith("cloudwatch:GetMetricData is denied, runs need it")
    assert denied["remedy"] == "allow cloudwatch:GetMetricData (docs/iam/read.json)"
    assert {item["subject"] for item in of(found, "metrics", level="unknown")} == {
        "chat-large",
        "embed-search",
        "rerank",
        "vision-batch",
    }
    assert of(found, "targets", level="ok") != []


def test_suspended_foreign_and_predictive_at_a_group_are_found(sandbox: SandboxProcess, doctor: Doctor) -> None:
    groups = sandbox.client("autoscaling")
    group = {"AutoScalingGroupName": "chat-large"}
    groups.suspend_processes(**group, ScalingProcesses=["ScheduledActions"])
    groups.put_scheduled_update_group_action(
        **group, ScheduledActionName="nightly", Recurrence="0 22 * * *", MinSize=50, MaxSize=60
    )
    groups.put_scheduled_update_group_action(
        **group,
        ScheduledActionName="headroom-other-chat-large-20270101T0000Z",
        StartTime="2027-01-01T00:00:00Z",
        MinSize=50,
    )
    groups.put_scaling_policy(
        **group,
        PolicyName="foresight",
        PolicyType="PredictiveScaling",
        PredictiveScalingConfiguration={
            "Mode": "ForecastAndScale",
            "MetricSpecifications": [
                {
                    "TargetValue": 50.0,
                    "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"},
                }
            ],
        },
    )
    try:
        found = [item for item in doctor() if item["subject"] == "chat-large"]
    finally:
        groups.resume_processes(**group, ScalingProcesses=["ScheduledActions"])
        groups.delete_policy(**group, PolicyName="foresight")
        for name in ("nightly", "headroom-other-chat-large-20270101T0000Z"):
            groups.delete_scheduled_action(**group, ScheduledActionName=name)
    assert "suspended" in of(found, "suspended-scheduled-actions")[0]["message"]
    assert of(found, "other-schedules")[0]["message"].endswith("stand here: nightly")
    assert "deployment 'other'" in of(found, "deployment")[0]["message"]
    assert of(found, "predictive-policies")[0]["level"] == "warning"


class OneRegionDown:
    """Clients of the sandbox, but for a region where nobody listens."""

    def __init__(self, clients: Clients, region: str, port: int) -> None:
        self._clients, self._region, self._endpoint = clients, region, f"http://127.0.0.1:{port}"
        self.calls_into_the_void = 0

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        if region != self._region:
            return self._clients.client(service, region=region, account=account)
        self.calls_into_the_void += 1
        retries = {"total_max_attempts": 1}
        return boto3.client(service, region_name=region, endpoint_url=self._endpoint, config=Config(retries=retries))


def test_a_region_that_does_not_answer_costs_its_own_findings_alone(own_config: Path) -> None:
    fleets = own_config / "fleets.yaml"
    fleets.write_text(fleets.read_text().replace("region: us-east-1", "region: eu-west-9", 1))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses at once
        clients = OneRegionDown(BotoClients(), "eu-west-9", nobody.getsockname()[1])
        found = examine(os.environ, here_utc=lambda: datetime.now(UTC), clients=clients).findings
    (silent,) = [item for item in found if item.subject.startswith("eu-west-9")]
    assert (silent.level, silent.topic) == (Level.UNKNOWN, Topic.CREDENTIALS)
    assert "(fleets there: chat-large)" in silent.message
    assert "check region in fleets.yaml" in silent.remedy
    targets = {item.subject for item in found if item.topic is Topic.TARGETS}
    assert targets == {"embed-search", "rerank", "vision-batch"}
    assert clients.calls_into_the_void <= 2  # who we are, asked of the first region and of the place itself


def test_room_for_actions_is_counted_by_the_configured_reserve(doctor: Doctor, own_config: Path) -> None:
    def left() -> int:
        (found,) = [item for item in of(doctor(), "quotas") if item["subject"] == "chat-large"]
        return int(found["message"].partition(" of the 125 scheduled actions")[0])

    before, file = left(), own_config / "fleets.yaml"
    file.write_text(f"guardrails: {{reserved_actions: 40}}\n{file.read_text()}")
    assert left() == before - 30  # 10 are kept free where nothing is configured


def test_an_account_that_is_not_ours_is_one_line_and_the_others_are_looked_at(doctor: Doctor, own_config: Path) -> None:
    fleets = (own_config / "fleets.yaml").read_text()
    (own_config / "fleets.yaml").write_text(fleets.replace("123456789012", "999999999999", 1))
    found = doctor(exit_code=EXIT_PROBLEM)
    (refused,) = of(found, "credentials", level="problem")
    assert refused["subject"] == "us-east-1 of 999999999999"
    assert "not the account of these credentials" in refused["message"]
    assert {item["subject"] for item in of(found, "targets")} == {"embed-search", "rerank", "vision-batch"}


def test_a_folder_without_fleets_is_bad_input_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    assert main(["doctor"]) == EXIT_BAD_INPUT
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "fleets.yaml" in err
    assert "Traceback" not in out + err
    assert "takes a file, gives it back" in out
    assert "read calls of docs/iam/read.json" in out or "could not be tried" in out


def test_a_profile_that_is_not_there_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleets.yaml").write_text(
        """\
id: chat
target: {kind: ec2_auto_scaling_group, name: chat}
demand: {metric: {namespace: App, name: Requests}}
objective: {ttft_seconds: 1.0, itl_seconds: 0.05}
serving: {model: continuous_batching, profile: profile.parquet}
instance_types: [{name: g5.xlarge}]
lead_time_seconds: 300
bounds: {min_instances: 1, max_instances: 4}
"""
    )
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    assert main(["doctor"]) == EXIT_BAD_INPUT
    assert f"{tmp_path / 'profile.parquet'}: expected a Parquet file with instance_type" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["doctor"], ["doctor", "--json"]])
def test_a_secret_that_a_finding_would_quote_is_masked(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plant3d-4f9c1d7e").write_text("x")
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "plant3d-4f9c1d7e"))
    monkeypatch.setenv("PAGER_API_TOKEN", "plant3d-4f9c1d7e")
    assert main(options) == EXIT_PROBLEM
    out, err = capsys.readouterr()
    assert "***" in out
    assert "plant3d-4f9c1d7e" not in out + err


def test_absent_credentials_are_one_line(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    (found,) = of(doctor(exit_code=EXIT_PROBLEM), "credentials")
    assert found["message"].startswith("there are no AWS credentials")


def test_expired_credentials_are_one_line_and_the_clock_is_known_all_the_same(
    sandbox: SandboxProcess, doctor: Doctor
) -> None:
    sandbox.add_fault(
        service="sts", status=403, error_code="ExpiredToken", message="The security token has expired", count=None
    )
    found = doctor(exit_code=EXIT_PROBLEM)
    (expired,) = of(found, "credentials")
    assert expired["message"].startswith("the AWS credentials have expired")
    assert of(found, "clock", level="ok") != []


def test_a_clock_that_is_off_is_told_where_runs_start_by_it(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADROOM_CLOCK")
    (found,) = of(doctor(), "clock")
    assert found["level"] == "warning"
    assert "HEADROOM_CLOCK=manual" in found["remedy"]


def test_every_line_of_the_text_is_a_finding_with_its_link(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--quiet"])
    *lines, last = capsys.readouterr().out.splitlines()
    assert all("docs/doctor.md#" in line for line in lines)
    assert not any(line.startswith("OK") for line in lines)
    assert last.endswith("in order")
