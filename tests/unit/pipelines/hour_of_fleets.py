"""Two fleets of one chunk on an hour, with all that their plans and pushes read: a lake, a cloud, a configuration."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.actuation.fake_cloud import FakeAutoScaling, FakeTarget
from tests.unit.extract.fake_aws import FakeClients

from headroom.actuation.outcome import PushOutcome
from headroom.columns import QUANTILE_LEVELS
from headroom.config import load_fleets_file
from headroom.domain.demand import DemandForecast
from headroom.domain.window import HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines import approvals, outcomes
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.pushes import keep_result, push_fleets
from headroom.pipelines.schedules import plan_path, schedule_fleets
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

END = datetime(2026, 11, 18, 6, tzinfo=UTC)
NOW = END + timedelta(minutes=5)
WINDOW = Window(END - HOUR, END)
MODELS = SqlModels.load(SQL_FOLDER)
DAMAGED, SOUND = "chat-large", "chat-32"
CHUNK = chunk_of(DAMAGED)
ENTRY = """\
  - id: {name}
    target: {{kind: ec2_auto_scaling_group, name: {name}}}
    mode: {mode}
    demand: {{metric: {{namespace: App, name: Requests}}}}
    objective: {{ttft_seconds: 1.0, itl_seconds: 0.1}}
    serving: {{model: slots, service_seconds: 0.4}}
    instance_types: [{{name: g5.12xlarge, sustainable_rate_per_second: 10.0, on_demand_usd_per_hour: 2.0}}]
    lead_time_seconds: 300
    bounds: {{min_instances: 1, max_instances: 30}}
"""


class Sts:
    """The cloud's clock, which tests may set."""

    def __init__(self) -> None:
        self.now = NOW

    def get_caller_identity(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": f"{self.now:%a, %d %b %Y %H:%M:%S GMT}"}}}


class Groups:
    """boto3 `autoscaling` over several groups."""

    def __init__(self, targets: Mapping[str, FakeTarget]) -> None:
        self._groups = {name: FakeAutoScaling(target, group=name) for name, target in targets.items()}

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            named = request.get("AutoScalingGroupName") or request["AutoScalingGroupNames"][0]
            answer: dict[str, Any] = getattr(self._groups[named], operation)(**request)
            return answer

        return call


class Fleets:
    """Both fleets have 4 instances; 40/s are expected of each, and 120/s from 08:00 to 12:00."""

    def __init__(self, folder: Path, *, mode: str = "auto", has_lake: bool = False) -> None:
        self.folder = folder
        entries = "".join(ENTRY.format(name=name, mode=mode) for name in (DAMAGED, SOUND))
        (folder / "fleets.yaml").write_text(f"fleets:\n{entries}")
        sizes = {"MinSize": 2, "MaxSize": 20, "DesiredCapacity": 4}
        self.targets = {name: FakeTarget(now=NOW, sizes=dict(sizes)) for name in (DAMAGED, SOUND)}
        self.sts = Sts()
        self.clients = FakeClients({"sts": self.sts, "autoscaling": Groups(self.targets)})
        self.workspace = self.opened()
        if not has_lake:
            self._save_demand()
            self._save_forecast()

    def opened(self) -> Workspace:
        """Open the workspace anew, as each task does."""
        content = load_fleets_file(self.folder / "fleets.yaml")
        return Workspace(
            fleets=tuple(sorted(content.fleets, key=lambda fleet: fleet.id)),
            guardrails=content.guardrails,
            config_folder=self.folder,
            lake=Lake(LocalStorage(self.folder / "lake")),
            models=MODELS,
            clients=self.clients,
            deployment="test",
            warehouse_path=self.folder / "warehouse.duckdb",
            kill_switch=os.environ.get("HEADROOM_KILL_SWITCH", ""),
        )

    def serve_tasks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let tasks, which open their workspace themselves, open this one."""
        for module in (approvals, outcomes):
            monkeypatch.setattr(module, "open_workspace", self.opened)

    def save(self, path: str, name: str, rows: list[Mapping[str, Any]] | pa.Table) -> None:
        table = TABLES[name]
        made = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=table.schema)
        self.workspace.lake.write_table(path, table, made, fingerprint="")

    def _save_demand(self) -> None:
        name = "mart_demand__hourly_by_fleet"
        for number in range(1, 49):
            hour = END - number * HOUR
            rows = [
                {
                    "fleet_id": fleet_id,
                    "hour_start_utc": hour,
                    "mean_demand_per_second": 40.0,
                    "peak_demand_per_second": 40.0,
                    "samples_expected": 12,
                    "samples_seen": 12,
                    "samples_inferred": 0,
                    "censored_fraction": 0.0,
                }
                for fleet_id in (SOUND, DAMAGED)
            ]
            self.save(hourly_path(name, hour, chunk_name(CHUNK)), name, rows)

    def _save_forecast(self) -> None:
        demand = np.full((72, len(QUANTILE_LEVELS)), 40.0)
        demand[2:6] = 120.0
        hours = np.datetime64(END.replace(tzinfo=None), "s") + np.arange(72) * np.timedelta64(1, "h")
        made = [
            DemandForecast(
                fleet_id=fleet_id,
                made_at_utc=END,
                hours=hours,
                mean_quantiles_per_second=demand,
                peak_quantiles_per_second=demand,
                members={"theta": 1.0},
            )
            for fleet_id in (SOUND, DAMAGED)
        ]
        path = hourly_path(FORECAST_TABLE, WINDOW.start_utc, chunk_name(CHUNK))
        self.save(path, FORECAST_TABLE, forecast_rows([(item, "a" * 64) for item in made]))

    def file(self, path: str) -> Path:
        """Return where a file of the lake stands on the disk."""
        return self.folder / "lake" / path

    def plan_file(self, fleet_id: str = DAMAGED) -> Path:
        return self.file(plan_path(fleet_id, WINDOW))

    def schedule(self) -> None:
        schedule_fleets(self.workspace, WINDOW, CHUNK)

    def push(self, approvals: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, PushOutcome | str]:
        workspace = self.workspace
        plans = {fleet.id: stored_plan(workspace, fleet, WINDOW) for fleet in workspace.fleets}
        results = push_fleets(workspace, WINDOW, CHUNK, plans, approvals=approvals or {})
        for fleet_id, result in results.items():
            keep_result(workspace, fleet_id, WINDOW, result)
        return results

    def writes(self, fleet_id: str = DAMAGED) -> list[str]:
        return self.targets[fleet_id].write_calls

    def ledger(self, fleet_id: str = DAMAGED) -> list[Path]:
        return sorted(self.file(f"ledger/fleet={fleet_id}").rglob("*.json"))

    def events(self, state: str, fleet_id: str = DAMAGED) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in self.ledger(fleet_id) if file.stem.endswith(f"-{state}")]
