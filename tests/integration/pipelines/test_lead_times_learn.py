"""Instances that take longer than configured, or do not come: what the plans of the days after make of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.pipelines.conftest import SANDBOX_CONFIG

from headroom.cli import main
from headroom.domain.window import DAY, HOUR, Window
from headroom.lake.layout import settled_path
from headroom.pipelines import report, scale, settle, utilization
from headroom.pipelines.explain import explain_minimum
from headroom.pipelines.outcomes import check_outcomes
from headroom.pipelines.schedules import plan_path
from headroom.pipelines.sound_arrivals import ARRIVAL_TABLE
from headroom.pipelines.workspace import open_workspace
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

FLEET = "chat-large"
TAKES_SECONDS = 300.0
"""What the sandbox's instances take from launch to service."""
CONFIGURED_SECONDS = 60.0
EVENING = timedelta(hours=2)
"""What is asked for later shows only once the next day is settled."""
FIRST = Window(datetime(2026, 11, 18, 5, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
DAYS = [Window.day_of(datetime(2026, 11, day, tzinfo=UTC)) for day in (18, 19, 20)]


@pytest.fixture(autouse=True)
def one_fleet(environment: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001, comes first
    """Configure one fleet of the sandbox, for one type, with a lead time of its own that is far too short."""
    entries = yaml.safe_load((SANDBOX_CONFIG / "fleets.yaml").read_text())["fleets"]
    (entry,) = (entry for entry in entries if entry["id"] == FLEET)
    entry["instance_types"] = [{**entry["instance_types"][0], "lead_time_seconds": CONFIGURED_SECONDS}]
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "fleets.yaml").write_text(yaml.safe_dump({"fleets": [entry]}))
    monkeypatch.setenv("HEADROOM_CONFIG", str(config))


def run_hour(window: Window) -> dict[str, Any]:
    """Run an hour's plan and push; return the plan."""
    for chunk in utilization.list_chunks():
        utilization.extract_hour(window, chunk)
        scale.forecast_chunk(window, chunk)
        scale.schedule_chunk(window, chunk)
        scale.push_chunk(window, chunk, approvals={})
    check_outcomes(dag_id="scale_ahead", window=window)
    plan: dict[str, Any] = open_workspace().lake.read_json(plan_path(FLEET, window))
    return plan


def settled(sandbox: SandboxProcess, day: Window) -> list[dict[str, Any]]:
    """Let the day pass, settle it half an hour after midnight, and return what came of its launches."""
    sandbox.set_clock(day.end_utc + timedelta(minutes=35))
    settle.settle_day(day)
    return launches(day)


def launches(day: Window) -> list[dict[str, Any]]:
    table = open_workspace().lake.read_table(settled_path(ARRIVAL_TABLE, day.day))
    assert table is not None
    told = [row for row in table.to_pylist() if row["starts_at_utc"] < day.end_utc - EVENING]
    return [row for row in told if row["instances_at_start"] < row["instances_after"]]


def planned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the actions whose plan was made before their need, and so could have started in time."""
    return [row for row in rows if row["starts_at_utc"] < row["need_at_utc"]]


def last_hour(day: Window) -> Window:
    return Window(day.end_utc - HOUR, day.end_utc)


def lead_minutes(plan: dict[str, Any]) -> list[float]:
    """Return how long before its need each raise starts, where the plan had the time for it."""
    starts = [
        (datetime.fromisoformat(item["need_at_utc"]) - datetime.fromisoformat(item["starts_at_utc"])).total_seconds()
        for item in plan["wanted"]
        if item["purpose"] == "raise"
    ]
    return [seconds / 60 for seconds in starts[1:]]


def test_1_instances_that_take_longer_than_configured_stand_late(
    sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", "prices", "--from", "2026-11-17", "--to", "2026-11-18"]) == 0
    assert main(["extract", "utilization", "--from", "2026-11-04", "--to", "2026-11-18"]) == 0
    capsys.readouterr()
    plan = run_hour(FIRST)
    assert (plan["lead_time"]["seconds"], plan["lead_time"]["source"]) == (CONFIGURED_SECONDS, "configured")
    assert min(lead_minutes(plan)) == 3  # one minute and the two that an action may be late
    came = settled(sandbox, DAYS[0])
    assert len(came) >= 3
    assert {row["seconds_to_stand"] for row in came} == {TAKES_SECONDS}
    late = [row for row in planned(came) if row["is_short"]]
    assert len(late) >= 3
    assert max(row["seconds_late"] for row in late) == 120.0


def test_2_the_plan_of_the_next_day_starts_earlier_and_its_capacity_stands_before_each_peak(
    sandbox: SandboxProcess,
) -> None:
    plan = run_hour(last_hour(DAYS[0]))
    assert (plan["lead_time"]["seconds"], plan["lead_time"]["source"]) == (TAKES_SECONDS - 120.0, "learnt")
    assert min(lead_minutes(plan)) == 5
    came = settled(sandbox, DAYS[1])
    assert len(planned(came)) >= 3
    assert {row["is_short"] for row in planned(came)} == {False}
    assert max(row["seconds_late"] for row in planned(came)) == 0.0
    told = dict(explain_minimum(open_workspace(), FLEET, came[-1]["stood_at_utc"]).lines())
    assert told["lead time"].startswith("3 min: the last")


def test_3_capacity_that_does_not_come_starts_earlier_next_time_and_the_page_says_what_to_reserve(
    sandbox: SandboxProcess,
) -> None:
    plan = run_hour(last_hour(DAYS[1]))
    most = max(item["min_instances"] for item in plan["wanted"] if item["purpose"] == "raise")
    came_before = max(most // 2, 1)
    sandbox.limit_launches(FLEET, came_before)
    came = settled(sandbox, DAYS[2])
    missing = [row for row in came if row["has_come"] is False]
    assert missing
    assert {row["is_short"] for row in missing} == {True}

    window = last_hour(DAYS[2])
    plan = run_hour(window)
    # twice the five minutes that a lead time counts for at least, where no launch is to be had
    assert (plan["lead_time"]["seconds"], plan["lead_time"]["source"]) == (600.0, "capacity_did_not_come")
    assert min(lead_minutes(plan)) == 12
    reservation = plan["reservation"]
    needed = max(item["min_instances"] for item in plan["wanted"] if item["purpose"] == "raise")
    assert reservation["instances"] >= needed - max(row["most_instances"] for row in missing)
    assert reservation["kind"] == "on_demand_capacity_reservation"
    page = report.report_run(window)["page"]
    text = open_workspace().lake.storage.read_bytes(page).decode()
    assert "capacity did not come: " in text
    assert reservation["text"] in text

    sandbox.limit_launches(FLEET, None)
    next_day = Window(DAYS[2].end_utc, DAYS[2].end_utc + DAY)
    came = settled(sandbox, next_day)
    # launches take five minutes again, and there are twelve
    assert {row["has_come"] for row in came} == {True}
    assert len(planned(came)) >= 3
    assert max(row["seconds_late"] for row in planned(came)) == -420.0
