"""What stops a fleet's pushes: the file in the lake, and what the environment (an Airflow Variable) says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actuation.planning import fleet
from tests.unit.extract.fake_aws import FakeClients

from headroom.lake.lake import Lake
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines.kill_switch import KILL_SWITCH_PATH, kill_switch_reason
from headroom.pipelines.workspace import Workspace, open_workspace


def workspace(folder: Path, *, kill_switch: str = "", file: Any = None) -> Workspace:
    lake = Lake(LocalStorage(folder / "lake"))
    if file is not None:
        lake.write_json(KILL_SWITCH_PATH, file)
    return Workspace(
        fleets=(fleet(), replace(fleet(), id="rerank")),
        config_folder=folder,
        lake=lake,
        models=SqlModels({}),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
        kill_switch=kill_switch,
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", None),
        ("incident 4711", "incident 4711"),
        ("4711", "4711"),
        ('{"reason": "incident 4711"}', "incident 4711"),
        ("{}", "HEADROOM_KILL_SWITCH is set"),
        ('{"fleets": ["chat-large"], "reason": "load test"}', "load test"),
        ('{"fleets": ["rerank"]}', None),
        ('{"fleets": "rerank"}', "HEADROOM_KILL_SWITCH is set, and names no list of fleets"),
        (
            '{"fleets": ["chat-larg"]}',
            "HEADROOM_KILL_SWITCH is set, and names fleet 'chat-larg', which fleets.yaml has not",
        ),
        ('{"fleets": ["rerank", 5]}', "HEADROOM_KILL_SWITCH is set, and names fleet 5, which fleets.yaml has not"),
        ('{"fleets": []}', "HEADROOM_KILL_SWITCH is set, and names no fleet: all is stopped"),
        ("[" * 100_000, "[" * 500),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ('{"fleets": ["rera', '{"fleets": ["rera'),  # broken off: somebody meant to stop something
    ],
)
def test_the_variable_stops_all_or_the_fleets_it_names(tmp_path: Path, said: str, reason: str | None) -> None:
    told = kill_switch_reason(workspace(tmp_path, kill_switch=said), fleet())
    assert told == reason or (reason and told and told.startswith(reason))


@pytest.mark.parametrize("content", ["", "null", "false", "5", "[]", '{"fleets": null}', '{"fleets": []}', "{", "\x00"])
def test_a_file_that_is_there_and_says_nothing_of_use_stops_all(tmp_path: Path, content: str) -> None:
    opened = workspace(tmp_path)
    opened.lake.storage.write_bytes(KILL_SWITCH_PATH, content.encode())
    assert all(kill_switch_reason(opened, item) for item in opened.fleets)


def test_a_folder_in_the_files_place_stops_all(tmp_path: Path) -> None:
    opened = workspace(tmp_path)
    (tmp_path / "lake" / KILL_SWITCH_PATH).mkdir(parents=True)
    assert "control/kill_switch.json: expected a file" in (kill_switch_reason(opened, fleet()) or "")


def test_either_switch_stops_where_the_other_does_not(tmp_path: Path) -> None:
    other = '{"fleets": ["rerank"]}'
    assert kill_switch_reason(workspace(tmp_path, kill_switch=other, file={"reason": "leaving"}), fleet()) == "leaving"
    stops = workspace(tmp_path, kill_switch="incident", file={"fleets": ["rerank"]})
    assert kill_switch_reason(stops, fleet()) == "incident"


def test_a_workspace_takes_the_switch_from_its_environment(tmp_path: Path) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    environment = {"HEADROOM_CONFIG": str(tmp_path), "HEADROOM_LAKE": str(tmp_path / "lake")}
    assert open_workspace(environment).kill_switch == ""
    assert open_workspace({**environment, "HEADROOM_KILL_SWITCH": "incident"}).kill_switch == "incident"
