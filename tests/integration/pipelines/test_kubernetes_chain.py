"""A fleet on Kubernetes through the whole chain at the shell, in the order of its tests; metrics of the sandbox."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.pipelines.conftest import SANDBOX_CONFIG
from tests.unit.actuation.keda_cluster import Cluster, admit, play

from headroom.cli import main

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
AS_OF = "2026-11-18T06:00:00Z"
MOST = 58
OWNERS = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "chat-large", "namespace": "serving"},
    "spec": {
        "scaleTargetRef": {"name": "chat-large"},
        "minReplicaCount": 3,
        "maxReplicaCount": MOST,
        "triggers": [
            {"type": "prometheus", "metadata": {"query": "up", "threshold": "1", "serverAddress": "http://p"}}
        ],
    },
}


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Path:
    """Write a configuration of one fleet whose ScaledObject is in a folder that GitOps reads."""
    fleets = yaml.safe_load((SANDBOX_CONFIG / "fleets.yaml").read_text(encoding="utf-8"))["fleets"]
    (fleet,) = (entry for entry in fleets if entry["id"] == "chat-large")
    file = folder / "gitops" / "chat-large.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(OWNERS), encoding="utf-8")
    fleet["target"] = {"kind": "kubernetes_deployment", "name": "serving/chat-large", "manifest": str(file)}
    config = folder / "config"
    config.mkdir()
    (config / "fleets.yaml").write_text(yaml.safe_dump({"fleets": [fleet]}), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def configuration(environment: None, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001, its order
    monkeypatch.setenv("HEADROOM_CONFIG", str(manifest.parent.parent / "config"))


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def _replicas(manifest: Path) -> dict[datetime, int]:
    return dict(play(manifest.read_bytes(), Cluster(3), begin=NOW, end=NOW + timedelta(hours=49)))


def test_1_a_plan_is_shown_and_the_manifest_stays(capsys: pytest.CaptureFixture[str], manifest: Path) -> None:
    assert main(["extract", "prices", "--from", "2026-11-17", "--to", "2026-11-18"]) == 0
    assert main(["extract", "utilization", "--from", "2026-11-06", "--to", "2026-11-18T06:00:00"]) == 0
    capsys.readouterr()
    before = manifest.read_bytes()
    code, (plan,) = _json(capsys, "plan", "--as-of", AS_OF)
    assert (code, plan["state"]) == (0, "dry_run")
    assert plan["create"]
    assert manifest.read_bytes() == before


def test_2_the_push_brings_each_need_its_replicas_by_the_lead_time(
    capsys: pytest.CaptureFixture[str], manifest: Path
) -> None:
    code, (pushed,) = _json(capsys, "push", "--as-of", AS_OF, "--apply")
    assert (code, pushed["state"]) == (0, "verified"), pushed
    document = admit(manifest.read_bytes())
    assert document["spec"] | {"triggers": []} == OWNERS["spec"] | {"triggers": []}  # type: ignore[operator]
    assert document["spec"]["triggers"][0] == OWNERS["spec"]["triggers"][0]  # type: ignore[index]

    replicas = _replicas(manifest)
    steps = [item for item in pushed["create"] if item["purpose"] != "restore"]
    assert len(steps) > 3
    for item in steps:
        starts_at = datetime.fromisoformat(item["starts_at_utc"])
        need_at = datetime.fromisoformat(item["need_at_utc"])
        assert 3 <= item["min_instances"] <= MOST
        assert replicas[starts_at] >= item["min_instances"]
        is_at_once = starts_at <= NOW + timedelta(minutes=5)
        assert item["purpose"] == "lower" or is_at_once or (need_at - starts_at).total_seconds() >= 300
    lowest = min(steps, key=lambda item: item["min_instances"])
    settled = datetime.fromisoformat(lowest["starts_at_utc"]) + timedelta(minutes=10)
    assert replicas[settled] == lowest["min_instances"] < max(replicas.values())
    assert replicas[max(replicas)] == 3  # with Headroom gone, the owner's minimum after 48 hours


def test_3_a_second_push_writes_nothing(capsys: pytest.CaptureFixture[str], manifest: Path) -> None:
    before = manifest.stat().st_mtime_ns
    code, (again,) = _json(capsys, "push", "--as-of", AS_OF, "--apply")
    assert (code, again["state"], again["write_calls"]) == (0, "unchanged", 0)
    assert manifest.stat().st_mtime_ns == before


def test_4_it_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--fleet", "chat-large"]) == 0
    assert "minimum 3" in capsys.readouterr().out


def test_5_a_rollback_takes_our_triggers_out(capsys: pytest.CaptureFixture[str], manifest: Path) -> None:
    _, (pushed,) = _json(capsys, "push", "--as-of", AS_OF)
    code, undone = _json(capsys, "rollback", pushed["push_id"], "--apply")
    assert (code, undone["state"]) == (0, "rolled_back"), undone
    assert yaml.safe_load(manifest.read_bytes()) == OWNERS
