"""Messages about pushes, to a real listener on loopback: one a run, quiet where nothing changed, and one a rollback."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.airflow_glue.alert_inbox import Inbox

from headroom.actuation.outcome import PushOutcome, PushState
from headroom.airflow_glue import push_notifications
from headroom.airflow_glue.push_notifications import PushNotifier, RollbackNotifier
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, CapacitySetting
from headroom.domain.window import HOUR, Window
from headroom.forecasting.drift import Drift
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.push_news import TOLD_PATH
from headroom.pipelines.pushes import result_path
from headroom.pipelines.schedules import plan_path
from headroom.pipelines.windows import hour_window

ROOT = Path(__file__).resolve().parents[3]
FLEETS = ("chat", "rerank", "search")
ENTRY = """\
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
FIRST = hour_window("2026-11-18T05:00:00")
DRIFTED = Drift(hours=3, widening=1.84, direction="above").remark(is_widened=True)


@pytest.fixture
def lake(tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Lake:
    (tmp_path / "fleets.yaml").write_text("fleets:\n" + "".join(ENTRY.format(id=name) for name in FLEETS))
    settings = {
        "HEADROOM_CONFIG": str(tmp_path),
        "HEADROOM_LAKE": str(tmp_path / "lake"),
        "HEADROOM_ALERT_URL": inbox.url,
        "AIRFLOW__API__BASE_URL": "https://airflow.example",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Lake(LocalStorage(tmp_path / "lake"))


def diff(fleet_id: str, count: int) -> ActionDiff:
    action = Action(
        name=f"headroom-default-{fleet_id}-20261118T0900Z",
        fleet_id=fleet_id,
        starts_at_utc=FIRST.end_utc,
        setting=CapacitySetting(min_instances=3, max_instances=9),
        purpose=ActionPurpose.RAISE,
        need_at_utc=FIRST.end_utc,
    )
    return ActionDiff(create=(action,) * count, replace=(), delete=(), keep=(), foreign=(), refused=())


def ended(lake: Lake, window: Window, note: str = "", **states: tuple[PushState, str]) -> None:
    """Leave the results of an hour as the push tasks do; a push that was verified wrote two actions."""
    for fleet_id, (state, reason) in states.items():
        is_written = state is PushState.VERIFIED
        outcome = PushOutcome(
            fleet_id=fleet_id,
            push_id=f"{fleet_id}-{window.end_utc:%Y%m%dT%H%MZ}-0a1b2c3d",
            state=state,
            reasons=(reason,) if reason else (),
            diff=diff(fleet_id, 2) if is_written or state is PushState.AWAITING_APPROVAL else None,
            write_calls=int(is_written),
        )
        lake.write_json(result_path(fleet_id, window), outcome.summary())
        lake.write_json(plan_path(fleet_id, window), {"plan_id": outcome.push_id, "forecast_note": note})


def tell(window: Window, task_id: str = "report_run") -> None:
    task = SimpleNamespace(dag_id="scale_ahead", task_id=task_id, map_index=-1, run_id="run 5")
    PushNotifier().notify({"task_instance": task, "partition_key": f"{window.start_utc:%Y-%m-%dT%H:%M:%S}"})


def hour(number: int) -> Window:
    return Window(FIRST.start_utc + number * HOUR, FIRST.end_utc + number * HOUR)


def test_a_run_is_one_message_that_lists_its_fleets_and_leads_on(lake: Lake, inbox: Inbox) -> None:
    ended(
        lake,
        FIRST,
        chat=(PushState.AWAITING_APPROVAL, "the plan is not approved"),
        rerank=(PushState.REFUSED, "kill_switch: incident 4711"),
        search=(PushState.VERIFIED, ""),
    )
    tell(FIRST)
    (text,) = inbox.texts
    told = "approval wanted chat (2 created); refused rerank: kill_switch: incident 4711; pushed search (2 created)"
    assert text.splitlines() == [
        f"[warning] Headroom: scale_ahead of 2026-11-18T05:00:00: {told}",
        "run: https://airflow.example/dags/scale_ahead/runs/run%205",
        "runbook: docs/runbook.md#an-approval-was-not-answered",
    ]


@pytest.mark.parametrize(
    "state", [PushState.UNCHANGED, PushState.RECOMMENDED, PushState.OBSERVED, PushState.PLANNED, PushState.FAILED]
)
def test_a_run_that_changed_nothing_and_waits_for_nobody_is_not_told(
    lake: Lake, inbox: Inbox, state: PushState
) -> None:
    """What failed is not told here either: check_outcomes fails for it, and that is told."""
    ended(lake, FIRST, chat=(state, ""), rerank=(state, ""), search=(state, ""))
    tell(FIRST)
    assert inbox.texts == []


def test_a_refusal_of_many_hours_is_told_once_and_its_end_is_told(lake: Lake, inbox: Inbox) -> None:
    for number in range(4):
        ended(lake, hour(number), chat=(PushState.REFUSED, f"data_fresh: newest sample is {number + 2} h old"))
        tell(hour(number))
    ended(lake, hour(4), chat=(PushState.UNCHANGED, ""))
    tell(hour(4))
    assert [text.splitlines()[0].partition("00:00: ")[2] for text in inbox.texts] == [
        "refused chat: data_fresh: newest sample is 2 h old",
        "no longer refused: chat",
    ]
    assert inbox.texts[1].startswith("[info] ")


def test_the_end_of_the_run_tells_what_became_of_the_approvals_and_nothing_twice(lake: Lake, inbox: Inbox) -> None:
    asked = (PushState.AWAITING_APPROVAL, "the plan is not approved")
    ended(lake, FIRST, chat=asked, rerank=asked, search=(PushState.VERIFIED, ""))
    tell(FIRST)
    ended(lake, FIRST, chat=(PushState.VERIFIED, ""), rerank=(PushState.REJECTED, "rejected by ada: not today"))
    tell(FIRST, "check_outcomes")
    tell(FIRST, "check_outcomes")
    first, second = inbox.texts
    assert "approval wanted chat (2 created), rerank (2 created); pushed search" in first
    assert second.splitlines()[0].endswith("rejected rerank: rejected by ada: not today; pushed chat (2 created)")


@pytest.mark.parametrize("state", [PushState.VERIFIED, PushState.UNCHANGED])
def test_a_push_whose_worker_died_is_told_whole_by_the_try_that_finished_it_and_once(
    lake: Lake, inbox: Inbox, state: PushState
) -> None:
    """The second try wrote one action, or none was left to write; the first had written the others and told nobody."""
    written = state is PushState.VERIFIED
    push_id = "chat-20261118T0600Z-0a1b2c3d"
    second = PushOutcome(
        fleet_id="chat",
        push_id=push_id,
        state=state,
        diff=diff("chat", 1) if written else None,
        write_calls=int(written),
        whole={"create": ["a", "b", "c"], "replace": [], "delete": ["d"]},
    )
    for outcome in (second, PushOutcome(fleet_id="chat", push_id=push_id, state=PushState.UNCHANGED), second):
        lake.write_json(result_path("chat", FIRST), outcome.summary())
        lake.write_json(plan_path("chat", FIRST), {"plan_id": push_id, "forecast_note": ""})
        tell(FIRST)
    (text,) = inbox.texts
    assert text.splitlines()[0].endswith("pushed chat (3 created, 1 deleted)")


def test_an_owners_edit_and_demand_off_its_forecast_are_drift(lake: Lake, inbox: Inbox) -> None:
    edit = "the owner changed the target (min 3 matches neither the baseline nor any due action)"
    ended(lake, FIRST, chat=(PushState.PAUSED, edit))
    ended(lake, FIRST, DRIFTED, search=(PushState.UNCHANGED, ""))
    tell(FIRST)
    (text,) = inbox.texts
    assert f"drifted chat: {edit}; drifted search: demand has drifted above its forecasts" in text
    assert "runbook: docs/runbook.md#paused-after-an-owners-edit" in text


def test_an_earlier_hour_run_again_tells_nothing(lake: Lake, inbox: Inbox) -> None:
    for number in (0, 1):
        ended(lake, hour(number), chat=(PushState.VERIFIED, ""))
        tell(hour(number))
    tell(hour(0))
    assert len(inbox.texts) == 2


def test_what_was_told_is_lost_rather_than_nothing_told_any_more(lake: Lake, inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "lake" / "alerts").mkdir(parents=True)
    (tmp_path / "lake" / TOLD_PATH).write_text('{"window": 3, "fleets": [')
    ended(lake, FIRST, chat=(PushState.REFUSED, "quota: full"))
    tell(FIRST)
    tell(FIRST)
    assert len(inbox.texts) == 1


def rollback(
    state: str = "rolled_back", *, write_calls: int = 2, reasons: tuple[str, ...] = (), **more: object
) -> None:
    outcome = {"fleet_id": "chat", "state": state, "write_calls": write_calls, "reasons": list(reasons), **more}
    task: Any = SimpleNamespace(
        dag_id="rollback_scaling", task_id="roll_back", run_id="manual", xcom_pull=lambda **_: outcome
    )
    params = {"push_id": "chat-20261118T0600Z-0a1b2c3d", "reason": "incident 4711"}
    run = SimpleNamespace(triggering_user_name="ada")
    RollbackNotifier().notify({"task_instance": task, "params": params, "dag_run": run})


@pytest.mark.usefixtures("lake")
def test_a_rollback_says_who_and_why(inbox: Inbox) -> None:
    rollback()
    assert inbox.texts[0].splitlines()[0] == (
        "[warning] Headroom: chat: chat-20261118T0600Z-0a1b2c3d, asked by ada (incident 4711), rolled back"
    )
    assert inbox.texts[0].splitlines()[2] == "runbook: docs/runbook.md#roll-a-push-back"


@pytest.mark.usefixtures("lake")
def test_a_rollback_that_a_second_try_only_found_finished_is_told_all_the_same(inbox: Inbox) -> None:
    rollback(write_calls=0, whole={"create": [], "replace": [], "delete": ["a"]})
    assert inbox.texts[0].splitlines()[0].endswith("asked by ada (incident 4711), rolled back")


@pytest.mark.usefixtures("lake")
def test_a_dry_run_and_a_second_rollback_are_quiet_and_a_refused_one_is_told(inbox: Inbox) -> None:
    rollback("dry_run", write_calls=0)
    rollback("rolled_back", write_calls=0)
    assert inbox.texts == []
    rollback("refused", write_calls=0, reasons=("lock: another has it",))
    assert "asked by ada (incident 4711), refused: lock: another has it" in inbox.texts[0]


def test_every_anchor_that_messages_lead_to_is_in_the_runbook() -> None:
    headings = [line.lstrip("# ").lower() for line in (ROOT / "docs/runbook.md").read_text().splitlines()]
    anchors = {"".join(c for c in line if c.isalnum() or c in "-_ ").replace(" ", "-") for line in headings}
    used = {value for name, value in vars(push_notifications).items() if name.endswith("_ANCHOR")}
    assert len(used) == 4
    assert used <= anchors
