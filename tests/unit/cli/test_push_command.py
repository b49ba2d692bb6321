"""`headroom push --apply` leaves what the DAG's push leaves, so that page, watch and messages know of it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.pipelines.hour_of_fleets import DAMAGED, END, SOUND, WINDOW, Fleets

from headroom.actuation.outcome import PushState
from headroom.cli import main, operations
from headroom.pipelines.clock import locks_of
from headroom.pipelines.push_results import read_result, result_path

AS_OF = f"{END:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def fleets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    made = Fleets(tmp_path)
    monkeypatch.setattr(operations, "open_workspace", made.opened)
    monkeypatch.setattr(operations, "forecast_fleets", lambda *_arguments: [])  # the hour's forecast is there
    return made


def state_of(fleets: Fleets, fleet_id: str) -> str | None:
    result = read_result(fleets.opened(), fleet_id, WINDOW)
    return None if result is None else result["state"]


def test_an_hour_whose_push_failed_and_was_pushed_at_a_shell_is_verified(
    fleets: Fleets, capsys: pytest.CaptureFixture[str]
) -> None:
    fleets.targets[DAMAGED].is_there = False
    fleets.schedule()
    fleets.push()
    assert state_of(fleets, DAMAGED) in (None, PushState.FAILED)
    fleets.targets[DAMAGED].is_there = True

    assert main(["push", "--as-of", AS_OF, "--apply", "--json"]) == 0

    told = {item["fleet_id"]: item["push_id"] for item in json.loads(capsys.readouterr().out)}
    for fleet_id in (DAMAGED, SOUND):
        result = read_result(fleets.opened(), fleet_id, WINDOW)
        assert result is not None
        assert result["push_id"] == told[fleet_id]
    assert state_of(fleets, DAMAGED) == PushState.VERIFIED


def test_a_dry_run_leaves_none(fleets: Fleets) -> None:
    main(["push", "--as-of", AS_OF, "--json"])
    assert state_of(fleets, DAMAGED) is None


def test_one_that_another_push_kept_out_leaves_the_others_result(fleets: Fleets) -> None:
    main(["push", "--as-of", AS_OF, "--apply", "--json"])
    workspace = fleets.opened()
    kept = workspace.lake.read_json(result_path(DAMAGED, WINDOW))
    with locks_of(workspace, workspace.fleet(DAMAGED)).look(DAMAGED).hold("somebody"):
        assert main(["push", "--as-of", AS_OF, "--apply", "--json"]) == 3
    assert fleets.opened().lake.read_json(result_path(DAMAGED, WINDOW)) == kept


def test_one_that_came_to_nothing_leaves_the_others_result(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["push", "--as-of", AS_OF, "--apply", "--json"])
    kept = fleets.opened().lake.read_json(result_path(DAMAGED, WINDOW))
    nothing = dict.fromkeys((DAMAGED, SOUND), "AccessDenied")
    monkeypatch.setattr(operations, "push_fleets", lambda *_arguments, **_options: nothing)
    assert main(["push", "--as-of", AS_OF, "--apply", "--json"]) == 4
    assert fleets.opened().lake.read_json(result_path(DAMAGED, WINDOW)) == kept


def test_one_that_only_airflow_could_ask_about_leaves_the_others_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Fleets(tmp_path, mode="approve")
    monkeypatch.setattr(operations, "open_workspace", asking.opened)
    monkeypatch.setattr(operations, "forecast_fleets", lambda *_arguments: [])
    assert main(["push", "--as-of", AS_OF, "--apply", "--json"]) == 3
    assert state_of(asking, DAMAGED) is None


def test_an_hour_long_past_keeps_the_result_it_had(fleets: Fleets) -> None:
    main(["push", "--as-of", AS_OF, "--apply", "--json"])
    fleets.sts.now += timedelta(hours=3)
    assert main(["push", "--as-of", AS_OF, "--apply", "--json"]) == 3
    assert state_of(fleets, DAMAGED) == PushState.VERIFIED
