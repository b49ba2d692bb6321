"""What was seen lately: the instances that run without us, and how fresh and complete the data is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.fleet import Fleet
from headroom.domain.window import DAY, Window
from headroom.lake.fleet_relation import EXPECTED_PERIOD_SECONDS
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.workspace import Workspace
from headroom.units import HOURS_PER_DAY

LOOK_BACK = 2 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How well the last hours of a fleet's demand are known at a moment."""

    newest_sample_utc: datetime | None
    """End of the newest hour of which a sample was seen."""
    samples_expected: int
    samples_seen: int


NOTHING_KNOWN = Freshness(newest_sample_utc=None, samples_expected=0, samples_seen=0)


def instances_a_day_before(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, Floats]:
    """Return the mean instances in service in each of the 24 hours before `end_utc`; fleets with a gap are absent."""
    window = Window(end_utc - DAY, end_utc)
    rows = run_model(workspace, "int_utilization__instances_by_fleet", fleets, window=window)
    return {
        row["fleet_id"]: np.array(row["instances_in_service_by_hour"])
        for row in rows.to_pylist()
        if row["hours_seen"] == HOURS_PER_DAY
    }


def freshness(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, Freshness]:
    """Return, per fleet, how well the two days before `end_utc` are known."""
    window = Window(end_utc - LOOK_BACK, end_utc)
    rows = run_model(workspace, "int_demand__freshness_by_fleet", fleets, window=window).to_pylist()
    # Hours that no task wrote are missing from the mart, and must count as missing here.
    expected = LOOK_BACK // timedelta(seconds=EXPECTED_PERIOD_SECONDS)
    return {row.pop("fleet_id"): Freshness(**{**row, "samples_expected": expected}) for row in rows}


def band_record(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, tuple[int, int]]:
    """Return, per fleet, how many of the last day's hours can be judged, and in how many demand lay inside the band.

    An hour's band is q10 to q90 of its peak demand, by the newest forecast made before the hour began.
    """
    rows = run_model(
        workspace,
        "int_forecast__band_record_by_fleet",
        fleets,
        window=Window(end_utc - DAY, end_utc),
        files_of=Window(end_utc - LOOK_BACK, end_utc),
    )
    return {row["fleet_id"]: (row["hours_judged"], row["hours_inside"]) for row in rows.to_pylist()}
