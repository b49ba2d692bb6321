"""The whole chain as a person at the shell runs it, in the order of its tests, against the sandbox over HTTP."""

import getpass
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headroom.cli import main
from headroom.pipelines import report, scale, utilization, windows
from headroom.pipelines.outcomes import check_outcomes
from headroom.pipelines.plan import list_chunks_to_plan, plan_day
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
AS_OF = "2026-11-18T06:00:00Z"
LIVE_HOUR = "2026-11-18T05:00:00"
LAST_DAY = "2026-11-17T00:00:00"
LEAD_SECONDS = {"chat-large": 300}


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def _our_actions(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    found = sandbox.client("autoscaling").describe_scheduled_actions(AutoScalingGroupName="chat-large")
    ours = [
        action
        for action in found["ScheduledUpdateGroupActions"]
        if action["ScheduledActionName"].startswith("headroom-test-chat-large-")
    ]
    return sorted(ours, key=lambda action: action["StartTime"])


def test_1_sources_come_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "prices", "--from", "2026-11-17", "--to", "2026-11-18"]) == 0
    assert main(["extract", "billing", "--from", "2026-11-01", "--to", "2026-11-18"]) == 0
    capsys.readouterr()
    code, answer = _json(capsys, "extract", "utilization", "--from", "2026-11-06", "--to", "2026-11-18T06:00:00")
    assert code == 0
    assert answer["failed"] == []


def test_2_the_warehouse_holds_every_hour_of_every_fleet(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, answer = _json(capsys, "build")
    assert code == 0
    # 12 settled days and 6 hours of today, for 4 fleets: 4 x (12 x 24 + 6)
    assert answer["row_counts"]["mart_demand__hourly_by_fleet"] == 1176
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as session:
        (billed,) = session.execute("select sum(effective_cost) > 0 from mart_cost__hourly_by_fleet").fetchone() or (0,)
    assert billed


def test_3_settling_and_extracting_again_gives_the_same_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in sorted((folder / "lake" / "raw").rglob("*.parquet"))}
    assert main(["extract", "utilization", "--from", "2026-11-16", "--to", "2026-11-18T06:00:00"]) == 0
    capsys.readouterr()
    after = {path: path.read_bytes() for path in sorted((folder / "lake" / "raw").rglob("*.parquet"))}
    assert after == before


def test_4_a_plan_is_shown_and_nothing_is_written(capsys: pytest.CaptureFixture[str], sandbox: SandboxProcess) -> None:
    code, answer = _json(capsys, "plan", "--as-of", AS_OF)
    assert code == 0
    chat = next(entry for entry in answer if entry["fleet_id"] == "chat-large")
    assert chat["state"] == "dry_run"
    assert chat["create"]
    assert sandbox.calls(service="autoscaling", is_write=True) == []


def test_5_the_push_stands_before_each_peak_by_the_lead_time(
    capsys: pytest.CaptureFixture[str],
    sandbox: SandboxProcess,
) -> None:
    code, answer = _json(capsys, "push", "--as-of", AS_OF, "--apply")
    assert code == 0, answer
    assert {entry["fleet_id"]: entry["state"] for entry in answer} == dict.fromkeys(
        ("chat-large", "embed-search", "rerank", "vision-batch"),
        "verified",
    )
    chat = next(entry for entry in answer if entry["fleet_id"] == "chat-large")
    standing = {action["ScheduledActionName"]: action for action in _our_actions(sandbox)}
    raises = [item for item in chat["create"] if item["purpose"] == "raise"]
    assert raises
    for item in raises:
        starts_at = standing[item["name"]]["StartTime"]
        need_at = datetime.fromisoformat(item["need_at_utc"])
        is_at_once = starts_at <= NOW + timedelta(minutes=5)
        assert is_at_once or (need_at - starts_at).total_seconds() >= LEAD_SECONDS["chat-large"]
    last = _our_actions(sandbox)[-1]
    assert (last["MinSize"], last["MaxSize"], last["DesiredCapacity"]) == (50, 60, 50)  # the owner's own again


def test_6_a_second_push_at_the_same_clock_makes_no_write_call(
    capsys: pytest.CaptureFixture[str],
    sandbox: SandboxProcess,
) -> None:
    before = len(sandbox.calls(is_write=True))
    code, answer = _json(capsys, "push", "--as-of", AS_OF, "--apply")
    assert code == 0
    assert {entry["state"] for entry in answer} == {"unchanged"}
    assert len(sandbox.calls(is_write=True)) == before


def test_7_the_tasks_of_the_live_hour_tell_the_same_story(sandbox: SandboxProcess) -> None:
    window = windows.hour_window(LIVE_HOUR)
    before = len(sandbox.calls(is_write=True))
    for chunk in utilization.list_chunks():
        utilization.extract_hour(window, chunk)
        scale.forecast_chunk(window, chunk)
        scale.schedule_chunk(window, chunk)
        assert scale.push_chunk(window, chunk, approvals={})["write_calls"] == 0
        scale.refit_chunk(window, chunk)
        assert scale.pending_approvals(window, chunk) == []
    assert len(sandbox.calls(is_write=True)) == before
    assert check_outcomes(dag_id="scale_ahead", window=window)["served"] == 16  # 4 fleets x 4 steps


def test_8_types_and_spot_are_planned_for_the_newest_day_only() -> None:
    day = windows.day_window(LAST_DAY)
    assert list_chunks_to_plan(windows.day_window("2026-11-16T00:00:00")) == []
    chunks = list_chunks_to_plan(day)
    assert chunks == utilization.list_chunks()
    for chunk in chunks:
        plan_day(day, chunk)
    assert check_outcomes(dag_id="plan_fleets", window=day)["served"] == 4


def test_9_the_report_shows_every_fleet_and_its_saving(folder: Path) -> None:
    written = report.report_run(windows.hour_window(LIVE_HOUR))
    assert written["incidents"] == 0
    page = (folder / "lake" / written["page"]).read_text()
    assert (folder / "lake" / "reports" / "latest.html").read_text() == page
    assert page.count("Expected cost of a day of ") == 4
    summary = json.loads((folder / "lake" / written["page"].replace(".html", ".json")).read_text())
    chat = next(fleet for fleet in summary["fleets"] if fleet["fleet_id"] == "chat-large")
    assert chat["planned_usd_per_day"] < 0.7 * chat["today_usd_per_day"]  # 50 instances at 22 % utilization
    assert chat["checks_passed"] == chat["checks"] > 0


def test_a1_advancing_the_clock_a_day_makes_capacity_and_bill_follow(
    sandbox: SandboxProcess,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pushed = {action["ScheduledActionName"]: action for action in _our_actions(sandbox)}
    executed = sandbox.advance(timedelta(days=1))["executed"]
    ours = [item for item in executed if item["name"] in pushed]
    assert ours
    groups = sandbox.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["chat-large"])
    last = max(ours, key=lambda item: pushed[item["name"]]["StartTime"])
    assert groups["AutoScalingGroups"][0]["DesiredCapacity"] == pushed[last["name"]]["DesiredCapacity"] < 50
    assert main(["extract", "billing", "--from", "2026-11-18", "--to", "2026-11-19"]) == 0
    capsys.readouterr()


def test_a2_the_next_push_replaces_what_is_ours_and_keeps_the_owners_baseline(
    sandbox: SandboxProcess,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["extract", "utilization", "--from", "2026-11-18", "--to", "2026-11-19T06:00:00"]) == 0
    capsys.readouterr()
    code, answer = _json(capsys, "push", "--as-of", "2026-11-19T06:00:00Z", "--apply")
    assert code == 0, answer
    last = _our_actions(sandbox)[-1]
    assert (last["MinSize"], last["MaxSize"], last["DesiredCapacity"]) == (50, 60, 50)


def test_a3_the_settled_day_says_what_was_saved(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = _json(capsys, "report", "--period", "2026-11-18")
    assert code == 0
    chat = next(fleet for fleet in answer["fleets"] if fleet["fleet_id"] == "chat-large")
    assert chat["cost_bases"] == ["billed"]
    # 50 x 24 h x 5.672 USD = 6806.40
    assert chat["baseline_cost_usd"] == pytest.approx(6806.4)
    assert chat["billed_cost_usd"] < chat["baseline_cost_usd"]
    assert chat["billed_savings_usd"] == pytest.approx(chat["baseline_cost_usd"] - chat["billed_cost_usd"])


def test_a4_a_rollback_puts_back_what_stood_before(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    push_ids = sorted(path.name.removeprefix("push=") for path in (folder / "lake/ledger/fleet=chat-large").iterdir())
    newest = [push_id for push_id in push_ids if "20261119T0600Z" in push_id][-1]
    code, shown = _json(capsys, "rollback", newest)
    assert code == 0
    assert shown["create"] or shown["delete"] or shown["replace"]
    why = "incident 4711, https://ada:hunter2hunter2@pager/"
    code, done = _json(capsys, "rollback", newest, "--apply", "--reason", why)
    assert code == 0, done
    assert done["state"] in ("rolled_back", "verified")
    events = sorted((folder / f"lake/ledger/fleet=chat-large/push={newest}").glob("*-rolled_back.json"))
    kept = json.loads(events[-1].read_text())["detail"]
    assert kept == {
        "by": done["push_id"],
        "requested_by": f"{getpass.getuser()} at the command line",
        "reason": "incident 4711, https://ada:***@pager/",
    }
