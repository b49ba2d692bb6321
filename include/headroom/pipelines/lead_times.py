"""What earlier actions taught the next plan: its lead time, and what to reserve where capacity did not come."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.fleet import Fleet
from headroom.domain.scaling import CapacityRequirement
from headroom.domain.window import DAY, Window, floor_day
from headroom.pipelines.sound_arrivals import sound_arrivals
from headroom.pipelines.workspace import Workspace
from headroom.scheduling.lead_time import LEARNS_FROM, LeadTime, PastRaise, lead_time
from headroom.scheduling.reservation import ReservationAdvice, advise_reservation

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntLead:
    """A plan's lead time, and the newest action of the last week whose capacity did not come."""

    lead: LeadTime
    not_come: Row | None = None

    def advice(self, requirement: CapacityRequirement, *, instance_type: str) -> ReservationAdvice | None:
        """Return what to reserve for a plan's need; None where capacity came, or no more than came is needed."""
        if self.not_come is None or self.not_come["most_instances"] is None:
            return None
        return advise_reservation(
            requirement,
            instance_type=instance_type,
            came_instances=self.not_come["most_instances"],
            lead_seconds=self.lead.seconds,
        )

    def not_come_text(self, advice: ReservationAdvice | None) -> str | None:
        """Return, in words, what did not come and what would help; None where all came."""
        row = self.not_come
        if row is None:
            return None
        most = "" if row["most_instances"] is None else f", and {row['most_instances']:.4g} were in service at most"
        told = (
            f"capacity did not come: {row['instances_after']} instances were asked for at "
            f"{row['starts_at_utc']:%Y-%m-%d %H:%MZ}, for {row['need_at_utc']:%H:%MZ}{most}"
        )
        return told if advice is None else f"{told}. What would make sure of what this plan needs is {advice}"


def read_arrivals(workspace: Workspace, fleets: Sequence[Fleet], end_utc: datetime) -> dict[str, list[Row]]:
    """Return, by fleet, the actions that launched instances of its type today in the time that is learnt from.

    A day whose file holds what cannot be is set aside and named (`Lake.damaged`), and nothing is learnt from it.
    """
    window = Window(floor_day(end_utc) - LEARNS_FROM, floor_day(end_utc) + DAY)
    rows = sound_arrivals(workspace, window)
    ids = pa.array(sorted(fleet.id for fleet in fleets), pa.string())
    is_launch = pc.less(pc.field("instances_at_start"), pc.field("instances_after").cast(pa.float64()))
    rows = rows.filter(is_launch & pc.is_in(pc.field("fleet_id"), value_set=ids))
    rows = rows.sort_by([("starts_at_utc", "ascending"), ("action_name", "ascending")])
    types = {fleet.id: fleet.current_type.name for fleet in fleets}
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows.to_pylist():
        if row["instance_type"] == types[row["fleet_id"]]:
            found[row["fleet_id"]].append(row)
    return found


def learnt_lead(fleet: Fleet, arrivals: Sequence[Row], at_utc: datetime) -> LearntLead:
    """Return the lead time of a fleet's plan made at `at_utc`, for its type today."""
    raises = [
        PastRaise(
            starts_at_utc=row["starts_at_utc"],
            seconds_to_stand=row["seconds_to_stand"],
            has_come=row["has_come"],
        )
        for row in arrivals
    ]
    lead = lead_time(
        fleet.lead_seconds_of(fleet.current_type), raises, critical_ratio=fleet.critical_ratio, at_utc=at_utc
    )
    not_come = [row for row in arrivals if row["has_come"] is False and row["starts_at_utc"] < at_utc]
    return LearntLead(lead=lead, not_come=not_come[-1] if lead.days_without else None)
