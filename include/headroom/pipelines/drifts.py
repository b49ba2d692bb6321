"""Drift of the fleets' demand from what was forecast of it at the time, out of the lake's hourly record."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from headroom.domain.fleet import Fleet
from headroom.domain.window import DAY, Window
from headroom.forecasting.drift import Drift, find_drift
from headroom.forecasting.selection import Selection
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.workspace import Workspace

LOOK_BACK = 2 * DAY
"""Drift is looked for in two days: what went wrong before them has made itself felt, or has passed."""
_RECORD = "int_forecast__record_by_fleet_hour"


def find_drifts(
    workspace: Workspace, fleets: Sequence[Fleet], selections: Mapping[str, Selection | None], end_utc: datetime
) -> dict[str, Drift]:
    """Return the drift at `end_utc` by fleet, of those that drift.

    Only forecasts made with the members now in use are judged: a new choice has learnt from what led to it.
    """
    chosen = {fleet_id: selection.selected_at_utc for fleet_id, selection in selections.items() if selection}
    judged = [fleet for fleet in fleets if fleet.id in chosen]
    if not judged:
        return {}
    window = Window(end_utc - LOOK_BACK, end_utc)
    rows = run_model(workspace, _RECORD, judged, window=window, files_of=Window(window.start_utc - DAY, end_utc))
    record: dict[str, list[tuple[float, ...]]] = {}
    for row in rows.to_pylist():
        if row["made_at_utc"] > chosen[row["fleet_id"]]:
            said = (row[f"peak_demand_{level}_per_second"] for level in ("q10", "q50", "q90"))
            record.setdefault(row["fleet_id"], []).append((row["peak_demand_per_second"], *said))
    drifts = {}
    for fleet_id, hours in record.items():
        demand, low, median, high = np.array(hours, dtype=np.float64).T
        drift = find_drift(demand, low=low, median=median, high=high)
        if drift is not None:
            drifts[fleet_id] = drift
    return drifts
