"""`headroom explain`: a day's ledger with all that goes wrong in one, asked hour by hour, and what bad input gets."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.actuation.fake_cloud import Killed, minutes
from tests.unit.actuation.planning import NOW, at, fleet
from tests.unit.actuation.played_day import Day, play
from tests.unit.extract.fake_aws import FakeClients

import headroom.cli.explain
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.cli import main
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Mode
from headroom.domain.window import HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.explain import ExplainError, explain_minimum
from headroom.pipelines.push_results import result_path
from headroom.pipelines.schedules import SCHEDULE_TABLE, plan_path
from headroom.pipelines.workspace import SQL_FOLDER, Workspace
from headroom.reporting.explanation import Explanation

RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbook.md"
MODELS = SqlModels.load(SQL_FOLDER)
PART = chunk_name(chunk_of("chat-large"))
HALF_PAST = [at(hour) + minutes(30) for hour in range(6, 30)]


class Clock:
    """STS, whose answers carry the cloud's clock."""

    def __init__(self, now_utc: datetime) -> None:
        self._now_utc = now_utc

    def get_caller_identity(self) -> dict[str, Any]:
        date = f"{self._now_utc:%a, %d %b %Y %H:%M:%S GMT}"
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def workspace_of(folder: Path, day: Day, *, mode: Mode = Mode.AUTO) -> Workspace:
    storage = LocalStorage(folder / "lake")
    for path, text in day.store.files.items():
        storage.write_bytes(path, text.encode())
    return Workspace(
        fleets=(fleet(mode),),
        config_folder=folder,
        lake=Lake(storage),
        models=MODELS,
        clients=FakeClients({"sts": Clock(day.target.now)}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("day"), play(9))


@pytest.fixture(scope="module")
def told(workspace: Workspace) -> dict[int, Explanation]:
    """What is told of half past each hour of the day; hours beyond 24 run on."""
    save_plan(workspace, at(12))
    return {hour: explain_minimum(workspace, "chat-large", at(hour) + minutes(30)) for hour in range(6, 30)}


def save_plan(workspace: Workspace, made_at: datetime) -> None:
    """Keep plan and forecast made at a time: 5 instances for its first hour, and 7, 9 and 8 after that."""
    window = Window(made_at - HOUR, made_at)
    quantiles = np.tile(np.arange(31.0, 44.0), (4, 1))
    made = DemandForecast(
        fleet_id="chat-large",
        made_at_utc=made_at,
        hours=np.datetime64(made_at.replace(tzinfo=None), "s") + np.arange(4) * np.timedelta64(1, "h"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={"theta": 0.25, "seasonal_naive_daily": 0.75},
        note="weights from 24 past origins",
        explanation="The level is 37 per second.",
    )
    rows = [
        {
            "plan_id": "plan-1",
            "fleet_id": "chat-large",
            "made_at_utc": made_at,
            "hour_start_utc": made_at + timedelta(hours=hour),
            "sized_for_demand_per_second": float(made.minute_at_level(fleet().critical_ratio)[hour]),
            "required_instances": required,
            "planned_instances": required,
            "instance_type": "g5.12xlarge",
            "sizing_method": "benchmark: 9/s an instance",
        }
        for hour, required in enumerate((5, 7, 9, 8))
    ]
    path = hourly_path(SCHEDULE_TABLE, window.start_utc, PART)
    frame = pa.Table.from_pylist(rows, schema=TABLES[SCHEDULE_TABLE].schema)
    workspace.lake.write_table(path, TABLES[SCHEDULE_TABLE], frame, fingerprint="")
    path = hourly_path(FORECAST_TABLE, window.start_utc, PART)
    workspace.lake.write_table(path, TABLES[FORECAST_TABLE], forecast_rows([(made, "a" * 64)]), fingerprint="")
    setting = {"min_instances": 2, "max_instances": 20, "desired_instances": 2}
    record = {"plan_id": "plan-1", "setting": setting, "rate_not_measured": None}
    workspace.lake.write_json(plan_path("chat-large", window), record)


def text_of(explanation: Explanation) -> str:
    return "\n".join(f"{label}: {text}" for label, text in explanation.lines())


def test_every_hour_of_a_day_is_told_as_the_group_had_it(told: dict[int, Explanation]) -> None:
    found = {hour: explanation.record() for hour, explanation in told.items()}
    assert {hour: (item["min_instances"], item["max_instances"]) for hour, item in found.items()} == {
        hour: play(9).stood[at(hour) + minutes(30)] for hour in range(6, 30)
    }
    assert not any(item["also_possible"] for item in found.values())


def test_every_hour_of_a_day_has_its_reason(told: dict[int, Explanation]) -> None:
    codes: dict[str, set[int]] = {}
    for hour, explanation in told.items():
        codes.setdefault(explanation.why.code, set()).add(hour)
    assert codes == {
        "before_first_action": {6},
        "our_action": {*range(7, 14), 19, 20, 25, 26},
        "owner_edit": {14, 15},
        "foreign_action": {16},
        "rolled_back": {17, 18},  # 17:55 is an action that the rollback put back
        "horizon_ended": {21, 22, 23, 24, 27, 28, 29},
    }


def test_an_action_in_force_is_told_down_to_the_forecast(told: dict[int, Explanation]) -> None:
    text = text_of(told[13])
    record = told[13].record()
    assert "minimum 7, maximum 20 in force at 2026-11-18 13:30Z" in text
    assert "our scheduled action headroom-test-chat-large-20261118T1255Z raised it at 2026-11-18 12:55Z" in text
    assert "2026-11-18 12:05Z, verified; mode approve; approved by grace (before the launch); plan plan-1;" in text
    assert re.search(r"written already by chat-large-20261118T1100Z-\w+$", text, re.MULTILINE)  # which died after that
    # 12:55 holds until 13:55: of the hours 12:00 (5) and 13:00 (7) the second decides.
    assert "plan-1: the hour 2026-11-18 13:00Z needs 7 of g5.12xlarge, and the plan holds 7" in text
    # Mean and peak are one here, 31 to 43 at the 13 levels; q90 is the 11th of them.
    assert "q90 of demand in the hour's minutes, 41 per second, where the median hour has 37; critical" in text
    assert "rate: sized by benchmark: 9/s an instance" in text
    assert "made at 2026-11-18 12:00Z by seasonal_naive_daily 75%, theta 25%" in text
    assert "The level is 37 per second.\n: weights from 24 past origins" in text
    assert record["forecast"]["inputs_hash"] == "a" * 64
    assert record["missing"] == {}


def test_what_the_lake_no_longer_has_is_named_and_hides_nothing_else(told: dict[int, Explanation]) -> None:
    record = told[8].record()
    assert record["push"]["plan_id"] == "plan-1"
    assert record["missing"] == {
        "plan": "the lake has no hours of plan plan-1 any more (kept 90 days)",
        "forecast": "the lake has none made at 2026-11-18 07:00Z (kept 90 days)",
    }


def test_refusal_pause_and_rollback_are_told_with_who_and_why(told: dict[int, Explanation]) -> None:
    assert "was refused at 2026-11-18 09:05Z: kill_switch: the kill switch is thrown: incident 4711" in text_of(told[9])
    assert "the fleet is paused until that is confirmed" in text_of(told[14])
    assert "paused" not in text_of(told[15]).replace("ended the pause", "")
    assert "the owner edited it; seen at 2026-11-18 14:05Z (not before 2026-11-18 13:55Z)" in text_of(told[15])
    assert re.search(r"why: chat-large-20261118T1600Z-\w+ was rolled back by ada; headroom-test-", text_of(told[17]))
    assert "owner-181620, a scheduled action that is not ours, set it at 2026-11-18 16:20Z" in text_of(told[16])
    assert "the pushed horizon ended, and headroom-test-chat-large-20261118T2055Z gave the owner's" in text_of(told[22])


def test_what_is_scheduled_is_told_up_to_the_end_of_the_horizon(tmp_path: Path) -> None:
    day = Day()
    day.push(8, 9)
    workspace = workspace_of(tmp_path, day)
    ahead = explain_minimum(workspace, "chat-large", at(8))
    assert (ahead.is_ahead, ahead.record()["min_instances"]) == (True, 9)
    assert "minimum 9, maximum 20 scheduled for 2026-11-18 08:00Z" in text_of(ahead)
    now = explain_minimum(workspace, "chat-large")
    assert (now.at_utc, now.is_ahead, now.why.code) == (NOW, False, "before_first_action")
    with pytest.raises(ExplainError, match=r"what is pushed ends at 2026-11-18T08:55Z; expected a time until then"):
        explain_minimum(workspace, "chat-large", at(9))


def test_a_push_that_died_leaves_open_what_nobody_has_seen_since(tmp_path: Path) -> None:
    day = Day()
    day.push(8, 9)
    day.go_to(NOW + HOUR)
    day.die_at(5)
    with pytest.raises(Killed):
        day.push(14, 9)
    day.go_to(at(8))
    told = explain_minimum(workspace_of(tmp_path, day), "chat-large")
    assert {told.record()["min_instances"], *told.record()["also_possible"]} == {14, 9}
    assert day.stood[at(8)][0] in (14, 9)
    assert "(or 9: the ledger cannot tell)" in text_of(told)
    assert re.search(r"push: chat-large-20261118T0700Z-\w+ at 2026-11-18 07:05Z, intended; mode auto", text_of(told))


@pytest.mark.parametrize(
    ("mode", "about", "code", "text"),
    [
        (Mode.RECOMMEND, {"mode": Mode.RECOMMEND}, "recommended", "was only recommended, as the fleet's mode is"),
        (Mode.APPROVE, {"mode": Mode.APPROVE}, "planned", "was planned and not written at 2026-11-18 06:05Z"),
        (Mode.APPROVE, {"mode": Mode.APPROVE, "rejected_by": ""}, "rejected", "nobody answered in time"),
        (Mode.APPROVE, {"mode": Mode.APPROVE, "rejected_by": "grace", "answer_note": "no"}, "rejected", "by grace; no"),
        (Mode.OBSERVE, {"mode": Mode.OBSERVE}, "observed", "the fleet's mode is observe"),
    ],
)
def test_where_nothing_was_written_the_owners_bounds_stand_and_it_says_why(
    tmp_path: Path, mode: Mode, about: dict[str, Any], code: str, text: str
) -> None:
    day = Day()
    day.push(8, 9, **about)
    workspace = workspace_of(tmp_path, day, mode=mode)
    save_plan(workspace, at(6))
    told = explain_minimum(workspace, "chat-large", NOW)
    assert told.why.code == code
    assert text in text_of(told)
    assert "minimum 2, maximum 20 as the newest plan found them" in text_of(told)
    assert "the hour 2026-11-18 06:00Z needs 5" in text_of(told)


def test_an_hour_of_a_fleet_that_was_observed_then_is_told_by_its_result(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path, Day())
    workspace.lake.write_json(
        result_path("chat-large", Window(at(5), at(6))),
        PushOutcome(fleet_id="chat-large", push_id="x", state=PushState.OBSERVED).summary(),
    )
    assert explain_minimum(workspace, "chat-large", NOW).why.code == "observed"


def test_actions_of_weeks_ago_are_found(tmp_path: Path) -> None:
    day = Day()
    day.push(8)
    day.go_to(at(8))
    for days in range(1, 9):
        day.target.advance_to(NOW + timedelta(days=days))
        day.push(9, guardrails=lambda _state, _diff: ())
        day.target.advance_to(day.target.now + 3 * HOUR)
    told = explain_minimum(workspace_of(tmp_path, day), "chat-large", at(7) + minutes(59))
    assert told.why.code == "horizon_ended"


@pytest.fixture
def at_the_shell(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(headroom.cli.explain, "open_workspace", lambda: workspace)
    return


@pytest.mark.usefixtures("at_the_shell")
def test_the_command_prints_the_chain_or_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--fleet", "chat-large", "--at", "2026-11-18T13:30Z"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("in force  chat-large: minimum 7, maximum 20 in force at 2026-11-18 13:30Z")
    assert [line.split()[0] for line in lines[:4]] == ["in", "why", "maximum", "push"]
    assert main(["explain", "--fleet", "chat-large", "--at", "2026-11-18T13:30Z", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["min_instances"], answer["push"]["approved_by"]) == (7, "grace")
    assert answer["at_utc"] == "2026-11-18T13:30:00+00:00"


@pytest.mark.usefixtures("at_the_shell")
def test_the_commands_of_the_runbook_run(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^headroom (explain .*?)(?: +#.*)?$", RUNBOOK.read_text(), re.MULTILINE)
    assert len(commands) >= 2
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert "minimum 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--fleet", "chat"], "no fleet 'chat'; known are chat-large"),
        (
            ["--fleet", "chat-large", "--at", "2026-11-18T06:00"],
            "the ledger of fleet chat-large begins at 2026-11-18T06:05Z, and 2026-11-18T06:00Z is before any record",
        ),
        (
            ["--fleet", "chat-large", "--at", "2026-11-20T06:00"],
            "lies ahead of the cloud's clock, and for fleet chat-large what is pushed ends at 2026-11-19T02:55Z",
        ),
    ],
)
@pytest.mark.usefixtures("at_the_shell")
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


@pytest.mark.parametrize(
    "content",
    [b"", b'{"push_id": "chat-large-2026', b"[]", b"null", b'{"push_id": 1}', b"\xff\xfe"],
)
def test_a_file_of_the_ledger_that_is_no_event_is_named(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Day()
    push_id = day.push(8, 9).push_id
    broken = workspace_of(tmp_path, day)
    path = f"ledger/fleet=chat-large/push={push_id}/0002-intended.json"
    broken.lake.storage.write_bytes(path, content)
    monkeypatch.setattr(headroom.cli.explain, "open_workspace", lambda: broken)
    assert main(["explain", "--fleet", "chat-large", "--at", "2026-11-18T06:05"]) == 2
    captured = capsys.readouterr()
    assert f"{path}: " in captured.err
    assert "expected an event of the ledger as Headroom wrote it" in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_a_damaged_plan_or_result_hides_nothing_of_what_the_ledger_tells(tmp_path: Path) -> None:
    day = Day()
    day.push(8, 9)
    day.go_to(at(7) + minutes(30))
    workspace = workspace_of(tmp_path, day)
    for path in (plan_path("chat-large", Window(at(5), at(6))), result_path("chat-large", Window(at(6), at(7)))):
        workspace.lake.storage.write_bytes(path, b"{")
    told = explain_minimum(workspace, "chat-large")
    assert (told.record()["min_instances"], told.why.code) == (8, "our_action")
    assert set(told.missing) == {"plan", "forecast"}


def test_another_configuration_than_the_plans_is_said(workspace: Workspace, told: dict[int, Explanation]) -> None:
    today = replace(workspace, fleets=(replace(fleet(), shortage_cost_ratio=99.0),))
    text = text_of(explain_minimum(today, "chat-large", at(13) + minutes(30)))
    # q99 is the last of the 13: 43.
    assert "Today's configuration would buy 43: the plan was made by another" in text
    assert told[13].why.code == "our_action"
