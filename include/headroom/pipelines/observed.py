"""What was seen lately: the instances that run without us, and how fresh and complete the data is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR, Window
from headroom.lake.session import open_session, register_tables
from headroom.pipelines.workspace import Workspace
from headroom.units import HOURS_PER_DAY


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
    window = Window(end_utc - HOURS_PER_DAY * HOUR, end_utc)
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, ["mart_utilization__hourly_by_fleet"], window=window)
        rows = session.execute(
            """
            select fleet_id, list(instances_in_service_mean order by hour_start_utc)
            from mart_utilization__hourly_by_fleet
            where list_contains($fleet_ids, fleet_id) and instances_in_service_mean is not null
            group by fleet_id
            """,
            {"fleet_ids": [fleet.id for fleet in fleets]},
        ).fetchall()
    return {fleet_id: np.array(values) for fleet_id, values in rows if len(values) == HOURS_PER_DAY}


def freshness(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, Freshness]:
    """Return, per fleet, how well the two days before `end_utc` are known."""
    window = Window(end_utc - timedelta(days=2), end_utc)
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, ["mart_demand__hourly_by_fleet"], window=window)
        rows = session.execute(
            """
            select
                fleet_id,
                max(hour_start_utc) filter (where samples_seen > 0) + interval 1 hour,
                sum(samples_expected),
                sum(samples_seen),
            from mart_demand__hourly_by_fleet
            where list_contains($fleet_ids, fleet_id)
            group by fleet_id
            """,
            {"fleet_ids": [fleet.id for fleet in fleets]},
        ).fetchall()
    return {
        fleet_id: Freshness(newest_sample_utc=newest, samples_expected=int(expected or 0), samples_seen=int(seen or 0))
        for fleet_id, newest, expected, seen in rows
    }


def band_record(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, tuple[int, int]]:
    """Return, per fleet, how many of the last day's hours can be judged, and in how many demand lay inside the band.

    An hour's band is q10 to q90 of its peak demand, by the newest forecast made before the hour began.
    """
    window = Window(end_utc - timedelta(days=2), end_utc)
    with open_session(workspace.lake) as session:
        names = ["mart_demand__hourly_by_fleet", "mart_forecast__hourly_by_fleet"]
        register_tables(session, workspace.lake, names, window=window)
        rows = session.execute(
            """
            with

            newest as (
                select *
                from mart_forecast__hourly_by_fleet
                where made_at_utc <= hour_start_utc and list_contains($fleet_ids, fleet_id)
                qualify made_at_utc = max(made_at_utc) over (partition by fleet_id, hour_start_utc)
            ),

            final as (
                select
                    newest.fleet_id,
                    count(*) as hours_judged,
                    count(*) filter (
                        where demand.peak_demand_per_second
                        between newest.peak_demand_q10_per_second and newest.peak_demand_q90_per_second
                    ) as hours_inside,
                from newest
                inner join mart_demand__hourly_by_fleet as demand
                    on newest.fleet_id = demand.fleet_id and newest.hour_start_utc = demand.hour_start_utc
                where demand.peak_demand_per_second is not null and demand.hour_start_utc >= $since
                group by newest.fleet_id
            )

            select * from final
            """,
            {"fleet_ids": [fleet.id for fleet in fleets], "since": end_utc - HOURS_PER_DAY * HOUR},
        ).fetchall()
    return {fleet_id: (judged, inside) for fleet_id, judged, inside in rows}
