"""The metrics of ours: names, units and meanings, in one scheme; no numpy, since DAG files are parsed with it.

`headroom.<what>`, with its unit at the end where it has one. What is known per fleet, rule or folder carries that as
its label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Label = Literal["fleet", "rule", "folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A gauge: its value is of the newest measurement, made once an hour unless `description` says otherwise."""

    name: str
    unit: str
    description: str
    label: Label | None = None


_METRICS: Final = (
    Metric(name="headroom.measured_timestamp_seconds", unit="Unix time", description="when all this was measured"),
    Metric(
        name="headroom.newest_hour_timestamp_seconds",
        unit="Unix time",
        description="end of the newest hour that reached verified actions at any fleet",
    ),
    Metric(
        name="headroom.worst_fleet_hour_timestamp_seconds",
        unit="Unix time",
        description="end of the newest hour that reached verified actions at the fleet that is furthest behind",
    ),
    Metric(name="headroom.hours_behind", unit="hours", description="age of the newest hour of any fleet"),
    Metric(
        name="headroom.worst_fleet_hours_behind",
        unit="hours",
        description="the same of the fleet that is furthest behind; at most 24",
    ),
    Metric(
        name="headroom.fleet_hours_behind",
        unit="hours",
        description="age of the newest hour that reached verified actions; at most 24",
        label="fleet",
    ),
    Metric(
        name="headroom.push_delay_seconds",
        unit="seconds",
        description="from the close of the hour to its pushes read back, by the cloud's clock; after each chunk's push",
    ),
    Metric(
        name="headroom.late_pushes",
        unit="fleets",
        description="fleets without verified actions 10 minutes after the hour closed; refusals are not late",
    ),
    Metric(name="headroom.failed_pushes", unit="fleets", description="fleets whose push of the hour failed"),
    Metric(
        name="headroom.refused_pushes",
        unit="fleets",
        description="fleets whose push of the hour the rule refused",
        label="rule",
    ),
    Metric(
        name="headroom.fleet_outside_band_fraction",
        unit="fraction",
        description="share of the last day's judged hours whose peak demand left the forecast's 80 % band",
        label="fleet",
    ),
    Metric(
        name="headroom.fleet_actions_late",
        unit="actions",
        description="scheduled actions of ours that still stood at the target more than 3 minutes after their time",
        label="fleet",
    ),
    Metric(
        name="headroom.fleet_capacity_late",
        unit="actions",
        description="raises whose instances were not in service 10 minutes after the need they were for",
        label="fleet",
    ),
    Metric(name="headroom.failed_sources", unit="sources", description="fleets and sources that could not be read"),
    Metric(
        name="headroom.quarantined_sources",
        unit="sources",
        description="fleets, sources and files whose data was refused or damaged",
    ),
    Metric(
        name="headroom.kill_switch_fleets",
        unit="fleets",
        description="fleets that the kill switch stops",
    ),
    Metric(
        name="headroom.lake_bytes", unit="bytes", description="size of the lake, measured once a day", label="folder"
    ),
    Metric(name="headroom.lake_files", unit="files", description="files in it, measured once a day", label="folder"),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The value of a metric, for one fleet, rule or folder where the metric has a label."""

    name: str
    value: float
    label: str | None = None
