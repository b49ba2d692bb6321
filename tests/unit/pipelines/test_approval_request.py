"""What a person reads before they approve: diff, cost, risk and replay, from hand-made plans and replays."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.unit.actuation import planning
from tests.unit.actuation.test_moved import shown

from headroom.actuation.records import action_record
from headroom.actuation.shown import Purpose, Shown
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet, SpotLimits
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.approval_request import approval_body
from headroom.pipelines.push_results import keep_shown, read_shown, shown_path
from headroom.pipelines.replay_record import ReplayRecord, newest_replay
from headroom.pipelines.windows import hour_window

HOUR = hour_window("2026-11-18T05:00:00")
PLAN = {
    "plan_id": "chat-large-20261118T0600Z-0a1b2c3d",
    "sizing_method": "benchmark: 9/s an instance",
    "instance_type": "g5.12xlarge",
    "short_of_capacity": None,
    "estimate": {
        "cost_basis": "estimated",
        "today_usd_per_day": 1200.0,
        "planned_usd_per_day": 1000.0,
        "usd_per_hour": 5.672,
        "price_day": "2026-11-18",
    },
}
RESULT = {
    "create": [action_record(planning.action(planning.at(7), 8))],
    "replace": [],
    "keep": [action_record(planning.action(planning.at(9), 5))],
    "verdicts": [{"rule": "bounds", "is_passed": True, "reason": "inside the bounds"}],
    "reasons": ["the owner changed the target"],
}


def body(
    *,
    fleet: Fleet | None = None,
    plan: dict[str, Any] | None = None,
    told: Shown | None = None,
    forecast: DemandForecast | None = None,
    replay: ReplayRecord | None = None,
) -> str:
    return approval_body(
        fleet or planning.fleet(), plan or PLAN, RESULT, told or shown(), forecast=forecast, replay=replay
    )


def test_every_change_is_in_the_table_deletions_with_their_values() -> None:
    rows = [line for line in body().splitlines() if line.startswith("| 2026")]
    assert rows == [
        "| 2026-11-18T07:00 | 8 | 20 |  | raise | create |",
        "| 2026-11-18T09:00 | 5 | 20 |  | raise | keep |",
        "| 2026-11-18T10:00 | 6 | 20 |  | no longer wanted | delete |",
    ]


def test_what_the_target_stands_at_is_told() -> None:
    assert "At 2026-11-18 06:05Z the target stood at minimum 2, maximum 20, set to 20 instances." in body()


def test_cost_is_marked_as_an_estimate() -> None:
    assert "**Cost.** Estimated cost, no bill: about 1,200.00 USD a day as it runs today, about 1,000.00" in body()


def test_risk_says_how_often_more_comes_than_is_bought() -> None:
    # c_short / c_over is 9: critical ratio 9 / (9 + 1), so a tenth of the minutes is above it
    told = body()
    assert "up to q90 of the minutes: in about 10.0% of them more is expected to come than it is sized for" in told
    assert "up to that, 95 % of requests or more keep the objective." in told
    assert "None of the instances may be spot." in told


def test_risk_says_which_hours_step_limits_leave_short_and_how_much_may_be_spot() -> None:
    short = {**PLAN, "short_of_capacity": "step_limits leave it short: of the 9 instances needed at 07:00 only 8"}
    fleet = replace(planning.fleet(), spot=SpotLimits(max_fraction=0.6, risk_budget_fraction=0.02))
    told = body(fleet=fleet, plan=short)
    assert "`step_limits leave it short: of the 9 instances needed at 07:00 only 8`." in told
    assert "Up to 60% of the instances may be spot" in told
    assert "chance of being short by that is 2.0%." in told


def test_risk_says_the_band_of_the_busiest_hour_of_the_first_day() -> None:
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(48) * np.timedelta64(1, "h")
    # q10 is 11, q50 is 15, q90 is 19 in the hour of 09:00; tomorrow's hours are busier and not asked about.
    levels = np.array([10.0, 10.5, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21])
    assert len(levels) == len(QUANTILE_LEVELS)
    quantiles = np.tile(levels / 2, (48, 1))
    quantiles[3] = levels
    quantiles[24:] = 2 * levels
    forecast = DemandForecast(
        fleet_id="chat-large",
        made_at_utc=HOUR.end_utc,
        hours=hours,
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={},
    )
    told = body(forecast=forecast)
    assert "2026-11-18 09:00Z, demand is forecast to peak at 15 a second, between 11 and 19 in 8 of 10" in told


def test_taking_back_is_asked_with_its_reason_and_without_a_plans_cost() -> None:
    told = body(told=shown(purpose=Purpose.WITHDRAWAL))
    assert "is paused: `the owner changed the target`." in told
    assert "Take back our pending actions, but for the last?" in told
    assert "**Cost.**" not in told


def write_replay(lake: Lake, start: str, end: str, **policies: tuple[float, float]) -> None:
    figures = {
        name: {"status": "played", "cost_usd": cost, "slo_met_fraction": share}
        for name, (cost, share) in policies.items()
    }
    record = {"from_utc": f"{start}+00:00", "to_utc": f"{end}+00:00", "policies": figures}
    lake.write_json(f"reports/replay/chat-large/{start}_{end}/replay.json", record)


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    return SimpleNamespace(lake=Lake(LocalStorage(tmp_path)))


def test_the_newest_replay_compares_ours_with_what_the_fleet_has(workspace: Any) -> None:
    assert newest_replay(workspace, "chat-large") is None
    for day, cost in (("10", 900.0), ("16", 1000.0), ("12", 800.0)):
        span = (f"2026-11-{day}T00:00:00", f"2026-11-{day}T12:00:00")
        write_replay(
            workspace.lake, *span, headroom=(cost, 0.99), static_peak=(1500.0, 1.0), target_tracking=(7.0, 0.5)
        )
    newest = newest_replay(workspace, "chat-large")
    told = body(replay=newest)
    assert (
        "Over 2026-11-16 00:00Z to 2026-11-16 12:00Z headroom cost 1,000.00 USD with 99.00% inside the objective"
        in told
    )
    assert "static_peak cost 1,500.00 USD with 100.00% inside the objective, which is what the fleet has today." in told
    assert "`reports/replay/chat-large/2026-11-16T00:00:00_2026-11-16T12:00:00/report.html`" in told
    scaled = body(replay=newest, told=shown(has_reactive_policy=True))
    assert "headroom_reactive was not played; target_tracking cost 7.00 USD with 50.00% inside" in scaled
    assert "aws_predictive was not played" in body(replay=newest, told=shown(has_predictive_policy=True))


def test_a_damaged_replay_is_passed_over(workspace: Any) -> None:
    write_replay(workspace.lake, "2026-11-10T00:00:00", "2026-11-11T00:00:00", headroom=(1.0, 1.0))
    workspace.lake.storage.write_bytes("reports/replay/chat-large/x/replay.json", b"{")
    workspace.lake.write_json("reports/replay/chat-large/y/replay.json", ["nothing"])
    newest = newest_replay(workspace, "chat-large")
    assert newest is not None
    assert newest.page == "reports/replay/chat-large/2026-11-10T00:00:00_2026-11-11T00:00:00/report.html"


def test_without_a_replay_the_request_says_how_to_run_one() -> None:
    assert (
        "No replay of this fleet has been run yet: trigger the DAG `replay_policies` with fleet `chat-large`" in body()
    )


def test_what_was_shown_is_found_by_its_digest_and_only_unchanged(workspace: Any) -> None:
    told = shown()
    keep_shown(workspace, "chat-large", HOUR, told)
    assert read_shown(workspace, "chat-large", HOUR, told.digest) == told
    assert read_shown(workspace, "chat-large", HOUR, None) is None
    assert read_shown(workspace, "chat-large", HOUR, "0a1b") is None
    assert read_shown(workspace, "chat-large", HOUR, "../../x") is None
    path = shown_path("chat-large", HOUR, told.digest)
    workspace.lake.write_json(path, {**told.record(), "current_instances": 3})
    assert read_shown(workspace, "chat-large", HOUR, told.digest) is None
    workspace.lake.write_json(path, {"purpose": "plan"})
    assert read_shown(workspace, "chat-large", HOUR, told.digest) is None
