"""`headroom doctor` on a company's account, with the fleets that `headroom discover` drafted there."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.integration.onboarding.conftest import run_discover

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

Findings = list[dict[str, Any]]


@pytest.fixture(scope="module")
def found(company: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """What doctor says of the drafted fleets, in two regions, with Headroom's own credentials."""
    folder = tmp_path_factory.mktemp("doctor")
    regions = ("--region", "us-west-2", "--region", "eu-central-1")
    run_discover(company, folder, *regions, "--out", str(folder / "fleets.yaml"))
    company.clear_calls()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADROOM_"))}
    environment = {
        **inherited,
        **company.environment(),
        "PYTHONPATH": str(PROJECT_ROOT / "include"),
        "HEADROOM_CONFIG": str(folder),
        "HEADROOM_LAKE": str(folder / "lake"),
        "HEADROOM_CLOCK": "manual",
        "AIRFLOW_HOME": str(folder / "no airflow"),
    }
    command = [sys.executable, "-m", "headroom.cli", "doctor", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    findings: Findings = json.loads(done.stdout)["findings"]
    return findings


def subjects(found: Findings, topic: str, level: str) -> list[str]:
    return [item["subject"] for item in found if (item["topic"], item["level"]) == (topic, level)]


def test_what_stands_in_the_way_of_each_fleet_is_found(found: Findings) -> None:
    assert subjects(found, "other-schedules", "warning") == ["assist-llm-prod"]
    assert subjects(found, "predictive-policies", "warning") == ["speech-asr-prod"]
    assert subjects(found, "gpu-metrics", "warning") == ["moderation-gpu-workers"]


def test_both_regions_were_looked_at_and_every_target_read(found: Findings) -> None:
    assert {place.split(" of ")[0] for place in subjects(found, "credentials", "ok")} == {"us-west-2", "eu-central-1"}
    fleets = {"assist-llm-prod", "embedder", "fraud-score", "moderation-gpu-workers", "speech-asr-prod"}
    assert set(subjects(found, "targets", "ok")) == fleets


def test_fleets_that_only_observe_are_told_what_a_push_would_need(found: Findings) -> None:
    pushes = [item for item in found if item["topic"] == "push-permissions"]
    assert {item["level"] for item in pushes} == {"ok"}
    assert all("docs/iam/push.json" in item["remedy"] and "headroom=managed" in item["remedy"] for item in pushes)


def test_everything_could_be_asked_with_the_shipped_policies(found: Findings) -> None:
    assert [item for item in found if item["level"] in ("problem", "unknown")] == []


def test_nothing_was_written(found: Findings, company: SandboxProcess) -> None:
    assert found
    assert len(company.calls()) > 50
    assert company.calls(is_write=True) == []
