"""Tending deletes what the policy no longer keeps, says so before, and measures what is left."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.extract.fake_aws import FakeClients
from tests.unit.pipelines.test_watching_fleets import Sts

from headroom.cli import keeping, main
from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines import outcomes
from headroom.pipelines.tend import tend_lake
from headroom.pipelines.workspace import Workspace

OLD, NEW = "plans/hour=2026-01-01T05/fleet=chat.json", "plans/hour=2026-11-18T05/fleet=chat.json"
LEDGER = "ledger/fleet=chat/push=chat-20260101T0600Z-0a1b2c3d/0001-intended.json"
SAMPLES = "raw/metric_sample/day=2026-01-01/settled.parquet"


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = Workspace(
        fleets=(),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(Path("sql")),
        clients=FakeClients({"sts": Sts()}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )
    for path, data in ((OLD, b"12345"), (NEW, b"1"), (LEDGER, b"12"), (SAMPLES, b"1234567")):
        workspace.lake.storage.write_bytes(path, data)
    for module in (keeping, outcomes):
        monkeypatch.setattr(module, "open_workspace", lambda: workspace)
    return workspace


def files(workspace: Workspace) -> set[str]:
    return set(workspace.lake.storage.list(""))


def test_without_apply_it_says_what_would_go_and_deletes_nothing(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(workspace)
    assert main(["tend"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "would delete 1 files, 7 bytes, of metric_sample",
        "would delete 1 files, 5 bytes, of plans",
        "kept 2 files, 3 bytes",
    ]
    assert files(workspace) == before


def test_with_apply_it_is_gone_and_a_second_time_finds_nothing(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tend", "--apply", "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["going_bytes"] == {"metric_sample": 7, "plans": 5}
    assert {OLD, SAMPLES} & files(workspace) == set()
    assert {NEW, LEDGER} <= files(workspace)
    assert main(["tend", "--apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["going_files"] == {}


def test_the_daily_run_measures_what_is_left(workspace: Workspace) -> None:
    assert tend_lake(Window.day_of(datetime(2026, 11, 17, tzinfo=UTC))) == {"ok": 1}
    size = workspace.lake.read_json("metrics/lake_size.json")
    assert size["bytes"] == {"ledger": 2, "plans": 1}
    assert size["files"] == {"ledger": 1, "plans": 1}
