"""The cells of the replay's benchmark: named public series, each scaled to a fleet of 30 instances at its peak.

The first 60 % of a series is for training, the rest is scored. A series whose file is not there is left out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from headroom.capacity.rates import slot_queue
from headroom.domain.demand import Floats
from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Target, TargetKind
from headroom.domain.serving import Objective, Slots
from headroom.domain.window import HOUR
from headroom.simulation.demand_path import Bursts, Stamps, demand_record
from headroom.simulation.fleet_scene import fleet_scene
from headroom.simulation.policy import DemandRecord, ForecastProvider, Scene

TRAINED_FRACTION = 0.6
PEAK_INSTANCES = 30
SERVICE_SECONDS = 0.4
USD_PER_HOUR = 5.672  # g5.12xlarge, us-east-1, on demand
SERIES = {
    "m-large": ("demand/llm_demand_10min.parquet", "servegen/m-large", "requests"),
    "burstgpt-conversation": ("demand/llm_demand_hourly.parquet", "burstgpt/conversation", "requests"),
    "crane-input0": ("forecasting/crane_cpu_minute.parquet", "crane/input0", "value"),
    "crane-input8": ("forecasting/crane_cpu_minute.parquet", "crane/input8", "value"),
    "nab-elb": ("forecasting/nab_hourly.parquet", "realAWSCloudwatch/elb_request_count_8c0756", "sum"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """A series as a fleet's demand, with where its training ends."""

    name: str
    fleet: Fleet
    record: DemandRecord
    starts_at: datetime

    def scored(self, forecasts: ForecastProvider) -> Scene:
        """The part that is scored."""
        return fleet_scene(
            self.fleet, self.record, start_utc=self.starts_at, end_utc=self.record.end_utc, forecasts=forecasts
        )

    def training(self, forecasts: ForecastProvider) -> Scene:
        """The second half of what is for training: knobs are tuned on it, with what lies before as history."""
        hours = (self.starts_at - self.record.start_utc) // HOUR
        start = self.record.start_utc + hours // 2 * HOUR
        return fleet_scene(self.fleet, self.record, start_utc=start, end_utc=self.starts_at, forecasts=forecasts)


def fleet_of(name: str) -> Fleet:
    """The benchmark's fleet: 0.4 s of service in four slots, p99 within 2 s, five minutes from launch to service."""
    return Fleet(
        id=name,
        target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
        demand=DemandSource(metric=MetricReference(namespace="Replay", name="Requests", statistic="Sum")),
        objective=Objective(percentile=99.0, latency_seconds=2.0),
        serving=Slots(service_seconds=SERVICE_SECONDS, service_cv2=0.5, slots=4),
        instance_types=(InstanceOption(name="g5.12xlarge", on_demand_usd_per_hour=USD_PER_HOUR),),
        lead_time_seconds=300,
        bounds=Bounds(min_instances=2, max_instances=2 * PEAK_INSTANCES),
        country="XX",  # no holidays: the dates of public traces are nominal, or nobody says where their users live
    )


def load_cells(data: Path) -> tuple[list[Cell], list[str]]:
    """Return the cells, and why each missing one is missing."""
    cells, missing = [], []
    for name, (file, series_id, column) in SERIES.items():
        if not (data / file).exists():
            missing.append(f"{name}: {file} is not there")
            continue
        rows = pd.read_parquet(data / file)
        rows = rows[rows["series_id"] == series_id].sort_values("timestamp")
        stamps = rows["timestamp"].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        cells.append(cell_of(name, *evenly(stamps, rows[column].to_numpy(dtype=np.float64))))
    return cells, missing


def evenly(stamps: Stamps, values: Floats) -> tuple[Stamps, Floats]:
    """Fill steps that a series lacks by straight lines: benchmarks need a whole series, production does not."""
    step = np.diff(stamps).min()
    spine = np.arange(stamps[0], stamps[-1] + step, step)
    return spine, np.interp(spine.astype(np.int64), stamps.astype(np.int64), values)


def cell_of(name: str, stamps: Stamps, values: Floats) -> Cell:
    """Scale a series so that its highest hourly peak needs 30 instances."""
    fleet = fleet_of(name)
    record = demand_record(stamps, values, Bursts())
    history = record.hourly(name, record.end_utc)
    queue = slot_queue(fleet, SERVICE_SECONDS)
    assert queue is not None
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if int(queue.instances_for(middle)) <= PEAK_INSTANCES else (low, middle)
    scaled = replace(record, rate_per_second=record.rate_per_second * (low / float(history.peak_per_second.max())))
    hours = int(len(history.hours) * TRAINED_FRACTION)
    return Cell(name=name, fleet=fleet, record=scaled, starts_at=record.start_utc + hours * HOUR)
