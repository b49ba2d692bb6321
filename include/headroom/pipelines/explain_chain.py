"""What lies below an action: the stored plan, forecast and inputs of the window that it came from."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc

from headroom.domain.demand import DemandHistory
from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.lake.errors import LakeError
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.pipelines.demand_history import demand_histories, inputs_hash
from headroom.pipelines.forecasts import read_forecasts
from headroom.pipelines.schedules import SCHEDULE_TABLE, plan_path
from headroom.pipelines.workspace import Workspace
from headroom.reporting.explanation_parts import ForecastTold, InputsTold, PlanTold, forecast_told, plan_told
from headroom.reporting.run_report import HistorySpan


def document(workspace: Workspace, path: str) -> dict[str, Any] | None:
    """Return what a run left beside the ledger; one that is damaged hides nothing of what the ledger tells."""
    try:
        record = workspace.lake.read_json(path)
    except LakeError:
        return None
    return record if isinstance(record, dict) else None


class Chain:
    """Plan, forecast and inputs of one window, as far as the lake still has them."""

    def __init__(self, workspace: Workspace, fleet: Fleet, at_utc: datetime) -> None:
        self._workspace, self._fleet, self._at_utc = workspace, fleet, at_utc
        self.setting: dict[str, Any] | None = None
        self.plan: PlanTold | None = None
        self.forecast: ForecastTold | None = None
        self.inputs: InputsTold | None = None
        self.missing: dict[str, str] = {}

    def read_newest(self) -> None:
        """Read the plan of the newest hour that had ended, or of the hour before, for the hour asked about."""
        for end in (floor_hour(self._at_utc), floor_hour(self._at_utc) - HOUR):
            window = Window(end - HOUR, end)
            record = self._record(window)
            if record is not None:
                self.setting = record["setting"]
                self.read(window, plan_id=record["plan_id"], need_at_utc=self._at_utc, until_utc=self._at_utc)
                return
        self.missing["plan"] = "the lake has no plan of this hour"

    def read(
        self,
        window: Window,
        *,
        plan_id: str,
        need_at_utc: datetime,
        until_utc: datetime,
        checks: tuple[str, ...] = (),
        pushed_hash: str | None = None,
    ) -> None:
        """Read what one plan rests on; what cannot be read is named in `missing`, and hides nothing else."""
        try:
            self._read_plan(window, plan_id, need_at_utc, until_utc)
        except (LakeError, AttributeError, LookupError, TypeError) as error:
            self.missing["plan"] = f"{plan_id} cannot be read: {error}"
        known_hash = pushed_hash
        try:
            known = read_forecasts(self._workspace, window, chunk_of(self._fleet.id)).get(self._fleet.id)
        except (LakeError, ValueError) as error:
            known = None
            self.missing["forecast"] = f"it cannot be read: {error}"
        if known is not None:
            known_hash = known_hash or known.inputs_hash
            self.forecast = forecast_told(
                known.forecast,
                hour_start_utc=self.plan.hour_start_utc if self.plan else floor_hour(need_at_utc),
                critical_ratio=self._fleet.critical_ratio,
                inputs_hash=known.inputs_hash,
            )
        if self.forecast is None:
            self.missing.setdefault(
                "forecast", f"the lake has none made at {window.end_utc:%Y-%m-%d %H:%MZ} (kept 90 days)"
            )
        self._read_inputs(window, checks, known_hash)

    def _record(self, window: Window) -> dict[str, Any] | None:
        record = document(self._workspace, plan_path(self._fleet.id, window))
        is_plan = record is not None and "plan_id" in record and isinstance(record.get("setting"), dict)
        return record if is_plan else None

    def _read_plan(self, window: Window, plan_id: str, need_at_utc: datetime, until_utc: datetime) -> None:
        path = hourly_path(SCHEDULE_TABLE, window.start_utc, chunk_name(chunk_of(self._fleet.id)))
        table = self._workspace.lake.read_table(path)
        rows = [] if table is None else table.filter(pc.field("plan_id") == plan_id).to_pylist()
        record = self._record(window) or {}
        self.plan = plan_told(rows, record, need_at_utc=need_at_utc, until_utc=until_utc, at_utc=self._at_utc)
        if self.plan is None:
            self.missing["plan"] = f"the lake has no hours of plan {plan_id} any more (kept 90 days)"

    def _read_inputs(self, window: Window, checks: tuple[str, ...], known_hash: str | None) -> None:
        history: DemandHistory | None = None
        try:
            history = demand_histories(self._workspace, [self._fleet], window.end_utc).get(self._fleet.id)
        except LakeError as error:
            self.missing["inputs"] = f"the demand before it cannot be read: {error}"
        span = (
            None
            if history is None
            else HistorySpan(
                first_hour_utc=history.hours[0].astype("datetime64[us]").item().replace(tzinfo=UTC),
                hours=len(history.hours),
                hours_seen=int(np.isfinite(history.mean_per_second).sum()),
            )
        )
        self.inputs = InputsTold(
            inputs_hash=known_hash,
            inputs_hash_now=None if history is None else inputs_hash(history),
            history=span,
            checks=checks,
        )
