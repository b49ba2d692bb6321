"""The hour that closed, looked at ten minutes later: who reached verified actions, who is late, and why."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.extract.fake_aws import FakeClients

from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.config import load_fleets
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Verdict
from headroom.domain.window import HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines import on_call, outcomes
from headroom.pipelines.kill_switch import KILL_SWITCH_PATH
from headroom.pipelines.on_call import measure_fleets, newest_measurements
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, RunHasFailures, check_outcomes, record_outcomes
from headroom.pipelines.push_results import result_path
from headroom.pipelines.schedules import plan_path
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

FLEET = """\
- id: {id}
  target: {{kind: ec2_auto_scaling_group, name: {id}}}
  mode: auto
  demand: {{metric: {{namespace: AWS/ApplicationELB, name: RequestCount}}}}
  objective: {{latency_seconds: 2.0}}
  serving: {{model: slots, service_seconds: 0.4}}
  instance_types: [{{name: g5.12xlarge}}]
  lead_time_seconds: 300
  bounds: {{min_instances: 2, max_instances: 60}}
"""
HOUR_5 = Window(datetime(2026, 11, 18, 5, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
CHAT, SEARCH = "chat", "search"


class Sts:
    """The cloud's clock."""

    now_utc = HOUR_5.end_utc + timedelta(minutes=10)

    def get_caller_identity(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(self.now_utc, usegmt=True)}}}


@pytest.fixture
def clock() -> Sts:
    return Sts()


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, clock: Sts, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    file = tmp_path / "fleets.yaml"
    file.write_text("fleets:\n" + "".join(FLEET.format(id=name) for name in (CHAT, SEARCH)))
    workspace = Workspace(
        fleets=load_fleets(file),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({"sts": clock}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )
    for module in (on_call, outcomes):
        monkeypatch.setattr(module, "open_workspace", lambda: workspace)
    return workspace


def pushed(workspace: Workspace, fleet_id: str, state: PushState, *, window: Window = HOUR_5, **known: Any) -> None:
    outcome = PushOutcome(fleet_id=fleet_id, push_id=f"{fleet_id}-20261118T0600Z-0a1b2c3d", state=state, **known)
    workspace.lake.write_json(result_path(fleet_id, window), outcome.summary())


def values() -> dict[tuple[str, str | None], float]:
    return {(item.name.removeprefix("headroom."), item.label): item.value for item in newest_measurements(HOUR_5)}


def causes() -> str:
    with pytest.raises(RunHasFailures) as raised:
        check_outcomes(dag_id="watch_fleets", window=HOUR_5)
    return str(raised.value)


def test_when_every_fleet_is_verified_all_is_well(workspace: Workspace) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    pushed(workspace, SEARCH, PushState.UNCHANGED)
    assert measure_fleets(HOUR_5) == {"ok": 2}
    assert check_outcomes(dag_id="watch_fleets", window=HOUR_5) == {"served": 2}
    found = values()
    assert found["late_pushes", None] == 0
    assert found["worst_fleet_hours_behind", None] == pytest.approx(1 / 6)


def test_a_fleet_whose_push_alone_is_late_is_named_with_what_its_run_recorded(workspace: Workspace) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    failed = Outcome(
        step="forecast", subject=SEARCH, status=OutcomeStatus.FAILED, cause="no hour of its demand is known"
    )
    follows = Outcome(step="push", subject=SEARCH, status=OutcomeStatus.FAILED, cause="it has no plan in this run")
    for part, outcome in (("1-forecast", failed), ("3-push", follows)):
        record_outcomes(workspace, dag_id="scale_ahead", window=HOUR_5, part=part, outcomes=[outcome])
    measure_fleets(HOUR_5)
    assert causes() == (
        "1 of 2 failed: actions of search: no verified actions for the hour that closed at 06:00Z: "
        "forecast: no hour of its demand is known"
    )
    assert values()["failed_pushes", None] == 1


def test_an_hour_whose_run_was_never_started_is_late_for_everybody(workspace: Workspace) -> None:
    before = Window(HOUR_5.start_utc - HOUR, HOUR_5.start_utc)
    for fleet_id in (CHAT, SEARCH):
        pushed(workspace, fleet_id, PushState.VERIFIED, window=before)
    measure_fleets(HOUR_5)
    assert causes().count("scale_ahead has pushed nothing for it") == 2
    assert values()["hours_behind", None] == pytest.approx(1 + 1 / 6)


def test_a_refusal_is_counted_by_its_rules_and_is_not_late(workspace: Workspace) -> None:
    verdicts = (
        Verdict(rule="data_fresh", is_passed=False, reason="old"),
        Verdict(rule="quota", is_passed=True, reason="fits"),
    )
    pushed(workspace, CHAT, PushState.REFUSED, verdicts=verdicts)
    pushed(workspace, SEARCH, PushState.VERIFIED)
    assert measure_fleets(HOUR_5) == {"ok": 2}
    found = values()
    assert (found["refused_pushes", "data_fresh"], found["refused_pushes", "quota"]) == (1, 0)
    # Its target holds no plan of the last day.
    assert found["fleet_hours_behind", CHAT] == pytest.approx(24)


def test_actions_that_still_stand_after_their_time_are_late(workspace: Workspace) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED, overdue=("headroom-test-chat-20261118T0555Z",))
    pushed(workspace, SEARCH, PushState.VERIFIED)
    measure_fleets(HOUR_5)
    assert "actions of chat: 1 scheduled actions of ours were not run at their time" in causes()


def planned_and_in_service(workspace: Workspace, planning: Window, *, in_service: float) -> None:
    """Keep a verified push of a raise to 10 for 05:00, and how many were in service then."""
    wanted = {
        "name": "headroom-test-chat-20261118T0455Z",
        "starts_at_utc": "2026-11-18T04:55:00+00:00",
        "need_at_utc": "2026-11-18T05:00:00+00:00",
        "purpose": "raise",
        "demand_per_second": 80.0,
        "min_instances": 10,
        "max_instances": 60,
        "desired_instances": None,
    }
    workspace.lake.write_json(plan_path(CHAT, planning), {"fleet_id": CHAT, "wanted": [wanted]})
    pushed(workspace, CHAT, PushState.VERIFIED, window=planning)
    table = TABLES["metric_sample"]
    sample = {"fleet_id": CHAT, "metric": "instances_in_service", "period_seconds": 300, "value": in_service}
    rows = pa.Table.from_pylist([{**sample, "timestamp_utc": HOUR_5.start_utc}], schema=table.schema)
    path = hourly_path("metric_sample", HOUR_5.start_utc, chunk_name(chunk_of(CHAT)))
    workspace.lake.write_table(path, table, rows, fingerprint="")


@pytest.mark.parametrize(("in_service", "late"), [(10.0, 0), (9.0, 1)])
@pytest.mark.parametrize("hours_ahead", [1, 2])
def test_capacity_is_judged_by_the_plan_that_stood_when_it_had_to_start(
    workspace: Workspace, in_service: float, late: int, hours_ahead: int
) -> None:
    # A raise to 10 at 04:55 for 05:00: it was in the plan of the hour that ended at 04:00. Where the lead time was
    # learnt to be 70 minutes, it began at 03:50, and the plan of 04:00 no longer has it: that of 03:00 does.
    planning = Window(HOUR_5.start_utc - (hours_ahead + 1) * HOUR, HOUR_5.start_utc - hours_ahead * HOUR)
    if hours_ahead == 2:
        newest = Window(planning.start_utc + HOUR, planning.end_utc + HOUR)
        learnt = {"fleet_id": CHAT, "wanted": [], "lead_time": {"seconds": 4200.0}}
        workspace.lake.write_json(plan_path(CHAT, newest), learnt)
        pushed(workspace, CHAT, PushState.VERIFIED, window=newest)
    planned_and_in_service(workspace, planning, in_service=in_service)
    measure_fleets(HOUR_5)
    found = values()
    assert found["fleet_capacity_late", CHAT] == late
    assert ("fleet_capacity_late", SEARCH) not in found  # it has no sample: nobody knows


def test_capacity_that_somebody_rolled_back_is_not_late(workspace: Workspace) -> None:
    planned_and_in_service(workspace, Window(HOUR_5.start_utc - 2 * HOUR, HOUR_5.start_utc - HOUR), in_service=2.0)
    ledger, at_utc = Ledger(workspace.lake), HOUR_5.start_utc - timedelta(minutes=30)
    push_id = "chat-20261118T0600Z-0a1b2c3d"
    ledger.append(push_id, LedgerState.INTENDED, at_utc=at_utc, detail={})
    measure_fleets(HOUR_5)
    assert values()["fleet_capacity_late", CHAT] == 1
    ledger.append(push_id, LedgerState.ROLLED_BACK, at_utc=at_utc, detail={"by": "chat-20261118T0430Z-0a1b2c3d"})
    measure_fleets(HOUR_5)
    assert ("fleet_capacity_late", CHAT) not in values()


def test_sources_kill_switch_and_lake_size_are_measured_too(workspace: Workspace) -> None:
    bad = [
        Outcome(step="extract", subject=CHAT, status=OutcomeStatus.QUARANTINED, cause="rows stand twice"),
        Outcome(step="extract", subject=SEARCH, status=OutcomeStatus.FAILED, cause="AccessDenied"),
    ]
    record_outcomes(workspace, dag_id="extract_utilization", window=HOUR_5, part="extract", outcomes=bad)
    workspace.lake.write_json(KILL_SWITCH_PATH, {"fleets": [SEARCH]})
    workspace.lake.write_json("metrics/lake_size.json", {"bytes": {"raw": 7}, "files": {"raw": 1}})
    measure_fleets(HOUR_5)
    found = values()
    assert (found["failed_sources", None], found["quarantined_sources", None]) == (1, 1)
    assert found["kill_switch_fleets", None] == 1
    assert found["lake_bytes", "raw"] == 7


def test_a_past_hour_is_not_measured_and_leaves_the_newest_measurement(workspace: Workspace, clock: Sts) -> None:
    measure_fleets(HOUR_5)
    kept = workspace.lake.storage.read_bytes("metrics/newest.json")
    earlier = Window(HOUR_5.start_utc - HOUR, HOUR_5.start_utc)
    measure_fleets(earlier)
    assert workspace.lake.storage.read_bytes("metrics/newest.json") == kept
    assert newest_measurements(earlier) == ()
    clock.now_utc = HOUR_5.end_utc + timedelta(hours=3)
    assert measure_fleets(HOUR_5) == {"nothing_to_do": 1}
    assert workspace.lake.storage.read_bytes("metrics/newest.json") == kept


def test_the_same_hour_measured_again_at_the_same_moment_gives_the_same_bytes(workspace: Workspace) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    measure_fleets(HOUR_5)
    kept = workspace.lake.storage.read_bytes("metrics/newest.json")
    assert json.loads(kept)["window"] == "2026-11-18T05:00:00"
    measure_fleets(HOUR_5)
    assert workspace.lake.storage.read_bytes("metrics/newest.json") == kept
