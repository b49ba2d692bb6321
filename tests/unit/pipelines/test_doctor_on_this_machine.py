"""What the doctor looks at without a cloud: checks that stand alone, lake, warehouse, Airflow's own process."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from headroom.lake.storage import LocalStorage
from headroom.onboarding.findings import Level, Topic, ok
from headroom.onboarding.installation_findings import AirflowSetting
from headroom.pipelines import doctor_installation
from headroom.pipelines.doctor_checks import standing_alone
from headroom.pipelines.doctor_installation import (
    AirflowNotSetUpError,
    AirflowSilentError,
    ask_airflow,
    examine_airflow,
    examine_lake,
    examine_warehouse,
)


def test_a_check_that_fails_is_a_finding_and_no_end_of_the_others() -> None:
    def broken() -> list[object]:
        raise KeyError("VCpuInfo")

    (found,) = standing_alone(Topic.QUOTAS, "here", broken)  # type: ignore[arg-type]
    assert (found.level, found.topic) == (Level.UNKNOWN, Topic.QUOTAS)
    assert found.message == "could not be checked: KeyError: 'VCpuInfo'"
    fine = ok(Topic.QUOTAS, "here", "fine")
    assert standing_alone(Topic.QUOTAS, "here", lambda: [fine]) == [fine]


def test_a_local_lake_that_is_not_there_yet_is_tried_and_left_away(tmp_path: Path) -> None:
    assert examine_lake(str(tmp_path / "new" / "lake")).level is Level.OK
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_is_there_keeps_what_it_holds_and_nothing_more(tmp_path: Path) -> None:
    LocalStorage(tmp_path).write_bytes("ledger/fleet=chat/x.json", b"{}")
    before = sorted(tmp_path.rglob("*"))
    assert examine_lake(str(tmp_path)).level is Level.OK
    assert sorted(tmp_path.rglob("*")) == before


def test_exactly_one_probe_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = LocalStorage.write_bytes_if_absent

    def note(storage: LocalStorage, path: str, data: bytes) -> bool:
        written.append(path)
        return write(storage, path, data)

    monkeypatch.setattr(LocalStorage, "write_bytes_if_absent", note)
    examine_lake(str(tmp_path))
    assert len(written) == 1


def test_a_lake_below_a_file_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = examine_lake(str(tmp_path / "file" / "lake"))
    assert found.level is Level.PROBLEM
    assert "file" in found.message


def test_a_lake_of_an_unknown_kind_is_named() -> None:
    assert "expected a path or s3://bucket/prefix" in examine_lake("gs://bucket/lake").message


def test_a_probe_that_comes_back_otherwise_is_a_problem_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalStorage, "read_bytes", lambda _storage, _path: b"something else")
    found = examine_lake(str(tmp_path))
    assert "read back with another content" in found.message
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_may_be_built_where_there_is_nothing_yet(tmp_path: Path) -> None:
    assert examine_warehouse(tmp_path / "new" / "warehouse.duckdb").level is Level.OK
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_over_something_else_or_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a warehouse at all")
    assert "holds something else" in examine_warehouse(tmp_path / "notes.txt").message
    assert "is a file; expected a folder" in examine_warehouse(tmp_path / "notes.txt" / "w.duckdb").message


def test_an_airflow_without_a_home_is_not_asked_since_that_would_make_one(tmp_path: Path) -> None:
    home = tmp_path / "none"
    with pytest.raises(AirflowNotSetUpError, match=r"no folder at .*none \(AIRFLOW_HOME\)"):
        ask_airflow({"AIRFLOW_HOME": str(home)})
    assert not home.exists()


def answering_with(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """An environment whose Airflow is a shell script."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(doctor_installation.sys, "executable", str(python))
    return {"AIRFLOW_HOME": str(tmp_path)}


def test_an_airflow_that_cannot_start_is_told_by_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo Traceback >&2; echo \"ModuleNotFoundError: No module named 'airflow'\" >&2; exit 1"
    environment = answering_with(script, tmp_path, monkeypatch)
    with pytest.raises(AirflowSilentError, match="ModuleNotFoundError: No module named 'airflow'"):
        ask_airflow(environment)


def test_an_airflow_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_installation, "AIRFLOW_SECONDS", 0.2)
    environment = answering_with("exec sleep 5", tmp_path, monkeypatch)
    with pytest.raises(AirflowSilentError, match=r"no answer within 0\.2 s"):
        ask_airflow(environment)


@pytest.mark.parametrize(
    ("error", "level"),
    [(AirflowNotSetUpError("no folder"), Level.WARNING), (AirflowSilentError("no module"), Level.UNKNOWN)],
)
def test_an_airflow_that_says_nothing_is_one_finding(error: Exception, level: Level) -> None:
    def ask(_environment: Mapping[str, str]) -> AirflowSetting:
        raise error

    setting, found = examine_airflow({}, ask)
    assert setting is None
    assert [item.level for item in found] == [level]
