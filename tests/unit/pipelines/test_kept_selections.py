"""Selections that lie in the lake damaged, or are of another version, fleet or time: what serves, and what is said."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.extract.fake_aws import FakeClients
from tests.unit.forecasting.demand_examples import after_hours, history_of, shaped_demand

from headroom.domain.window import HOUR
from headroom.forecasting.fleet_forecast import select_provisionally
from headroom.forecasting.selection import Selection
from headroom.lake.lake import Lake, json_bytes
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines.kept_selections import keep_selection, newest_selection
from headroom.pipelines.outcomes import OutcomeStatus, damaged_outcomes
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

HOURS = 24 * 9
AT = after_hours(HOURS)
OLDER, NEWER = f"selections/chat/{AT - HOUR:%Y-%m-%dT%H}.json", f"selections/chat/{AT:%Y-%m-%dT%H}.json"


def selected_at(moment: datetime, *, fleet_id: str = "chat") -> Selection:
    history = history_of(shaped_demand(HOURS), fleet_id=fleet_id)
    return select_provisionally(history, made_at_utc=moment)


@pytest.fixture(scope="module")
def newer() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json_bytes(selected_at(AT).to_json()))
    return document


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(
        fleets=(),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )
    keep_selection(workspace, selected_at(AT - HOUR))
    return workspace


def put(workspace: Workspace, content: object) -> None:
    data = content if isinstance(content, bytes) else json_bytes(content)
    workspace.lake.storage.write_bytes(NEWER, data)


def test_the_newest_of_a_time_serves_and_later_ones_are_not_known(workspace: Workspace, newer: dict[str, Any]) -> None:
    put(workspace, newer)
    found = [newest_selection(workspace, "chat", AT + after) for after in (-2 * HOUR, -HOUR, 0 * HOUR, HOUR)]
    assert [made and made.fitted_at_utc for made in found] == [None, AT - HOUR, AT, AT]
    assert workspace.lake.damaged == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda made: json_bytes(made)[:-9], "not a JSON document"),
        (lambda _: b"", "not a JSON document"),
        (lambda _: b"\xff\xfe", "not a JSON document"),
        (lambda _: b"[]", "format None, expected 2"),
        (lambda made: made | {"format": "two"}, "format 'two', expected 2"),
        (lambda made: made | {"fleet_id": "another"}, "a selection of another, expected one of chat"),
        (
            lambda made: made | {"fitted_at_utc": f"{AT + 5 * HOUR:%FT%T+00:00}"},
            "fitted at 2026-10-14T05:00:00Z, which 2026-10-14T05.json would be named by",
        ),
        (
            lambda made: made | {"selected_at_utc": f"{AT + HOUR:%FT%T+00:00}"},
            "selected at 2026-10-14T01:00:00Z, after its fits of 2026-10-14T00:00:00Z",
        ),
        (lambda made: made | {"targets": {"mean": made["targets"]["mean"]}}, "damaged, KeyError('peak')"),
    ],
)
def test_what_is_damaged_is_set_aside_and_said_and_the_one_before_serves(
    change: Any, reason: str, workspace: Workspace, newer: dict[str, Any]
) -> None:
    put(workspace, change(newer))
    found = newest_selection(workspace, "chat", AT)
    assert found is not None
    assert found.fitted_at_utc == AT - HOUR
    (said,) = damaged_outcomes(workspace)
    assert (said.subject, said.status) == (NEWER, OutcomeStatus.QUARANTINED)
    assert reason in said.cause
    assert not workspace.lake.storage.exists(NEWER)
    keep_selection(workspace, Selection.from_json(newer))  # a new choice of the very hour takes its place
    assert newest_selection(workspace, "chat", AT) is not None
    assert len(workspace.lake.damaged) == 1


@pytest.mark.parametrize("version", [1, 3])
def test_what_another_version_wrote_is_left_to_it(version: int, workspace: Workspace, newer: dict[str, Any]) -> None:
    put(workspace, newer | {"format": version})
    found = newest_selection(workspace, "chat", AT)
    assert found is not None
    assert found.fitted_at_utc == AT - HOUR
    assert workspace.lake.damaged == []
    assert workspace.lake.storage.exists(NEWER)


def test_a_file_that_may_not_be_read_is_said_and_the_one_before_serves(
    workspace: Workspace, newer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace, newer)
    read = LocalStorage.read_bytes

    def refuse(storage: LocalStorage, path: str, *, most_bytes: int | None = None) -> bytes:
        if path == NEWER:
            raise PermissionError(13, "Permission denied")
        return read(storage, path, most_bytes=most_bytes)

    monkeypatch.setattr(LocalStorage, "read_bytes", refuse)
    found = newest_selection(workspace, "chat", AT)
    assert found is not None
    assert found.fitted_at_utc == AT - HOUR
    (said,) = damaged_outcomes(workspace)
    assert said.cause == (
        "cannot be read: Permission denied; it stays where it is, and is treated as missing until it is made anew"
    )


def test_a_link_out_of_the_lake_leaves_its_fleet_without_a_selection_and_is_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (tmp_path / "lake" / NEWER).symlink_to(outside)
    assert newest_selection(workspace, "chat", AT) is None
    (said,) = damaged_outcomes(workspace)
    assert "a link leads out of the lake" in said.cause
