"""Guardrails from fleets.yaml to the ledger: what a push is judged by, what is loosened, frozen or over its budget."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.actuation.fake_cloud import FakeAutoScaling, FakeTarget
from tests.unit.extract.fake_aws import FakeClients

from headroom.actuation.outcome import PushOutcome, PushState
from headroom.columns import QUANTILE_LEVELS
from headroom.config import load_fleets_file
from headroom.domain.demand import DemandForecast
from headroom.domain.window import HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path, settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.costs_so_far import costs_so_far
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.pushes import push_fleets
from headroom.pipelines.schedules import schedule_fleets
from headroom.pipelines.workspace import SQL_FOLDER, Workspace
from headroom.scheduling import CostSoFar

END = datetime(2026, 11, 18, 6, tzinfo=UTC)
NOW = END + timedelta(minutes=5)
WINDOW = Window(END - HOUR, END)
CHUNK = chunk_of("chat-large")
ENTRY = """\
  - id: chat-large
    target: {{kind: ec2_auto_scaling_group, name: chat-large}}
    mode: auto
    demand: {{metric: {{namespace: App, name: Requests}}}}
    objective: {{ttft_seconds: 1.0, itl_seconds: 0.1}}
    serving: {{model: slots, service_seconds: 0.4}}
    instance_types: [{{name: g5.12xlarge, sustainable_rate_per_second: 10.0, on_demand_usd_per_hour: 2.0}}]
    lead_time_seconds: 300
    bounds: {{min_instances: 1, max_instances: 30}}
    guardrails: {own}
"""
FREEZE = "{reason: winter sale, starts_at_utc: 2026-11-18T00:00:00Z, ends_at_utc: 2026-11-18T12:00:00Z}"


class Sts:
    """The cloud's clock."""

    def get_caller_identity(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": f"{NOW:%a, %d %b %Y %H:%M:%S GMT}"}}}


class Hour:
    """One fleet on an hour: 4 instances stand, 40/s are expected, and 120/s from 08:00 to 12:00."""

    def __init__(self, folder: Path, *, common: str = "{}", own: str = "{}") -> None:
        (folder / "fleets.yaml").write_text(f"guardrails: {common}\nfleets:\n{ENTRY.format(own=own)}")
        self.folder = folder
        sizes = {"MinSize": 2, "MaxSize": 20, "DesiredCapacity": 4}
        self.target = FakeTarget(now=NOW, sizes=sizes)
        content = load_fleets_file(folder / "fleets.yaml")
        self.workspace = Workspace(
            fleets=content.fleets,
            guardrails=content.guardrails,
            config_folder=folder,
            lake=Lake(LocalStorage(folder / "lake")),
            models=SqlModels.load(SQL_FOLDER),
            clients=FakeClients({"sts": Sts(), "autoscaling": FakeAutoScaling(self.target)}),
            deployment="test",
            warehouse_path=folder / "warehouse.duckdb",
        )
        self._save_demand()
        self._save_forecast()

    def _save(self, path: str, name: str, rows: list[Mapping[str, Any]] | pa.Table) -> None:
        table = TABLES[name]
        made = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=table.schema)
        self.workspace.lake.write_table(path, table, made, fingerprint="")

    def _save_demand(self) -> None:
        name = "mart_demand__hourly_by_fleet"
        for number in range(1, 49):
            hour = END - number * HOUR
            row = {
                "fleet_id": "chat-large",
                "hour_start_utc": hour,
                "mean_demand_per_second": 40.0,
                "peak_demand_per_second": 40.0,
                "samples_expected": 12,
                "samples_seen": 12,
                "samples_inferred": 0,
                "censored_fraction": 0.0,
            }
            self._save(hourly_path(name, hour, chunk_name(CHUNK)), name, [row])

    def _save_forecast(self) -> None:
        demand = np.full((72, len(QUANTILE_LEVELS)), 40.0)
        demand[2:6] = 120.0
        hours = np.datetime64(END.replace(tzinfo=None), "s") + np.arange(72) * np.timedelta64(1, "h")
        made = DemandForecast(
            fleet_id="chat-large",
            made_at_utc=END,
            hours=hours,
            mean_quantiles_per_second=demand,
            peak_quantiles_per_second=demand,
            members={"theta": 1.0},
        )
        path = hourly_path(FORECAST_TABLE, WINDOW.start_utc, chunk_name(CHUNK))
        self._save(path, FORECAST_TABLE, forecast_rows([(made, "a" * 64)]))

    def save_cost(self, *days: date, usd: float | None = 100.0) -> None:
        """Settle days, each billed at `usd`, or of unknown cost."""
        name = "mart_savings__daily_by_fleet"
        cost = None if usd is None else Decimal(str(usd))
        for day in days:
            row = {
                "fleet_id": "chat-large",
                "day_utc": day,
                "actual_cost_usd": cost,
                "billed_cost_usd": cost,
                "cost_basis": "unknown" if cost is None else "billed",
            }
            self._save(settled_path(name, day), name, [row])

    def plan(self) -> dict[str, Any]:
        schedule_fleets(self.workspace, WINDOW, CHUNK)
        plan = stored_plan(self.workspace, self.workspace.fleets[0], WINDOW)
        assert not isinstance(plan, str), plan
        return plan

    def push(self, *, is_dry_run: bool = False) -> PushOutcome:
        plans = {"chat-large": self.plan()}
        results = push_fleets(self.workspace, WINDOW, CHUNK, plans, approvals={}, is_dry_run=is_dry_run)
        outcome = results["chat-large"]
        assert not isinstance(outcome, str), outcome
        return outcome

    def ledger(self, state: str) -> list[dict[str, Any]]:
        events = [json.loads(file.read_text()) for file in sorted((self.folder / "lake" / "ledger").rglob("*.json"))]
        return [event for event in events if event.get("state") == state]


def month_verdict(outcome: PushOutcome) -> str:
    return next(verdict.reason for verdict in outcome.verdicts if verdict.rule == "month_budget")


def days(count: int) -> list[date]:
    return [date(2026, 11, number) for number in range(1, count + 1)]


def test_a_plan_says_what_it_was_sized_with_and_passes_every_guardrail(tmp_path: Path) -> None:
    hour = Hour(tmp_path)
    plan = hour.plan()
    assert (plan["sustainable_rate_per_second"], plan["most_rate_per_second"]) == (10.0, 10.0)
    assert plan["short_hours_utc"] == []
    outcome = hour.push()
    assert outcome.state is PushState.VERIFIED, outcome.reasons
    throughput = next(verdict.reason for verdict in outcome.verdicts if verdict.rule == "throughput")
    assert throughput.startswith("at 2026-11-18 07:00Z")
    assert [
        item for event in hour.ledger("intended") for item in event["detail"]["verdicts"] if "loosened" in item
    ] == []


def test_the_ledger_records_which_guardrail_was_loosened_from_what_to_what(tmp_path: Path) -> None:
    hour = Hour(
        tmp_path,
        common="{min_samples_fraction: 0.9, max_peak_multiple: 5}",
        own="{min_samples_fraction: 0.85, reserved_actions: 20}",
    )
    assert hour.push().state is PushState.VERIFIED
    (event,) = hour.ledger("intended")
    assert {item["rule"]: item["loosened"] for item in event["detail"]["verdicts"] if "loosened" in item} == {
        "data_complete": "min_samples_fraction is loosened from 0.9 (for all fleets) to 0.85",
        "throughput": "max_peak_multiple is loosened from 3 (the default) to 5",
    }
    quota = next(item["reason"] for item in event["detail"]["verdicts"] if item["rule"] == "quota")
    assert quota.endswith("125 allowed, 20 kept free")


def test_a_refused_push_records_it_too_and_a_dry_run_shows_it(tmp_path: Path) -> None:
    hour = Hour(tmp_path, common="{max_peak_multiple: 5}", own=f"{{freezes: [{FREEZE}]}}")
    told = [verdict.rule for verdict in hour.push(is_dry_run=True).verdicts if verdict.loosened]
    assert told == ["throughput"]
    assert hour.push().state is PushState.REFUSED
    (event,) = hour.ledger("refused")
    assert [item["rule"] for item in event["detail"]["verdicts"] if "loosened" in item] == ["throughput"]


@pytest.mark.parametrize("where", ["common", "own"])
def test_a_freeze_refuses_with_its_reason_and_end_and_leaves_what_stands(tmp_path: Path, where: str) -> None:
    standing = Hour(tmp_path)
    assert standing.push().state is PushState.VERIFIED
    before = dict(standing.target.actions)
    assert before

    hour = Hour(tmp_path, **{where: f"{{freezes: [{FREEZE}]}}"})
    hour.target = standing.target
    outcome = hour.push()

    assert outcome.state is PushState.REFUSED
    assert outcome.reasons == (
        (
            "change_freeze: a change freeze is in force until 2026-11-18 12:00Z: winter sale; "
            "what stands at the target stays"
        ),
    )
    assert outcome.write_calls == 0
    assert standing.target.actions == before


def test_more_reserved_actions_leave_the_plan_less_room(tmp_path: Path) -> None:
    hour = Hour(tmp_path, common="{reserved_actions: 100}")
    for number in range(20):
        start = NOW + timedelta(hours=30, minutes=number)
        sizes = {"MinSize": 0, "MaxSize": 30}
        hour.target.actions[f"owner-{number}"] = {"start": start, "sizes": sizes, "recurrence": None}
    # 125 less 20 of others, 100 kept free and 2 for the restore leave 3 changes, and the plan keeps to them
    plan = hour.plan()
    assert 1 < len(plan["wanted"]) <= 4
    quota = next(verdict for verdict in hour.push(is_dry_run=True).verdicts if verdict.rule == "quota")
    assert quota.is_passed, quota.reason


def test_a_month_is_billed_days_and_today_by_what_its_plans_read(tmp_path: Path) -> None:
    hour = Hour(tmp_path, common="{max_usd_per_month: 2300}")
    hour.save_cost(*days(17))
    outcome = hour.push()
    # 17 days at 100, and of today six hours of the 4 instances that the hour's plan read, at 2 USD: 48.
    # The floor until the restore is 4 for 48 hours, and 8 more from 07:53 (lead time and delay) to 12:00: 224.93 hours.
    verdict = month_verdict(outcome)
    assert verdict.startswith(
        "November has cost 1748.00 USD until 2026-11-18 06:00Z (17 days billed, 1 day estimated), "
        "and the floor adds 449.87 USD until 2026-11-20 06:00Z"
    )
    assert outcome.state is PushState.VERIFIED
    tight = Hour(tmp_path, own="{max_usd_per_month: 2000}")
    assert tight.push(is_dry_run=True).reasons[0].startswith("month_budget: November has cost 1748.00 USD")


def test_a_day_of_unknown_cost_keeps_a_push_back_and_is_told(tmp_path: Path) -> None:
    hour = Hour(tmp_path, common="{max_usd_per_month: 100000}")
    hour.save_cost(*days(16))
    hour.save_cost(date(2026, 11, 17), usd=None)
    outcome = hour.push()
    assert outcome.state is PushState.REFUSED
    assert "16 days billed, 1 day estimated, 1 day of unknown cost" in month_verdict(outcome)


def test_costs_are_read_for_none_but_those_with_a_budget_and_a_month_begins_with_nothing(tmp_path: Path) -> None:
    hour = Hour(tmp_path)
    assert costs_so_far(hour.workspace, END, {}) == {}
    first = datetime(2026, 12, 1, tzinfo=UTC)
    assert costs_so_far(hour.workspace, first, {"chat-large": 2.0}) == {"chat-large": CostSoFar(until_utc=first)}
    assert "no budget of a month is set" in month_verdict(hour.push(is_dry_run=True))
