"""What a schedule would cost, and what runs without it: always an estimate, since no bill covers hours to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from headroom.actuation.baseline import Adoption
from headroom.domain.cost import CostBasis
from headroom.domain.demand import Floats
from headroom.domain.scaling import CapacitySetting
from headroom.lake.money import money
from headroom.units import HOURS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanCosts:
    """Instances per hour to come, today's way and as planned, and the on-demand price of one of them.

    `instances_basis` says what today's were counted by: in_service, desired or baseline. `price_day` is the day of the
    price list; None where fleets.yaml names the price, or where it is unknown.
    """

    today_instances: Floats
    instances_basis: str
    planned_instances: Floats
    usd_per_hour: float | None
    price_day: date | None

    @property
    def basis(self) -> CostBasis:
        """Estimated, or unknown where no price is known."""
        return CostBasis.of_estimate(self.usd_per_hour)

    def columns_at(self, position: int) -> dict[str, Any]:
        """Return the cost columns of mart_plan__schedule for one hour."""
        return {
            "today_instances": float(self.today_instances[position]),
            "instances_basis": self.instances_basis,
            "usd_per_hour": money(self.usd_per_hour),
            "price_day_utc": self.price_day,
            "today_cost_usd": self._cost(self.today_instances, position),
            "planned_cost_usd": self._cost(self.planned_instances, position),
            "cost_basis": self.basis.value,
        }

    def record(self) -> dict[str, Any]:
        """Return the estimate of the first day as plain values: what a person asked to approve is shown."""
        return {
            "cost_basis": self.basis.value,
            "instances_basis": self.instances_basis,
            "today_usd_per_day": self._first_day(self.today_instances),
            "planned_usd_per_day": self._first_day(self.planned_instances),
            "usd_per_hour": self.usd_per_hour,
            "price_day": None if self.price_day is None else self.price_day.isoformat(),
        }

    def _cost(self, instances: Floats, position: int) -> Decimal | None:
        return money(None if self.usd_per_hour is None else self.usd_per_hour * instances[position])

    def _first_day(self, instances: Floats) -> float | None:
        if self.usd_per_hour is None:
            return None
        return round(float(instances[:HOURS_PER_DAY].sum()) * self.usd_per_hour, 2)


def describe_estimate(estimate: Mapping[str, Any], instance_type: str) -> str:
    """Return the estimate of a plan as a sentence, marked as one; a price that nobody knows is said, not left out."""
    if estimate["cost_basis"] == CostBasis.UNKNOWN:
        return f"Cost unknown: no on-demand price of {instance_type} is known; see extract_catalogue"
    source = "fleets.yaml" if estimate["price_day"] is None else f"the price list of {estimate['price_day']}"
    return (
        f"Estimated cost, no bill: about {estimate['today_usd_per_day']:,.2f} USD a day as it runs today, about "
        f"{estimate['planned_usd_per_day']:,.2f} under the plan ({instance_type} on demand at "
        f"{estimate['usd_per_hour']:.4g} USD an hour, from {source})"
    )


def today_instances(adoption: Adoption, observed: Floats | None, count: int) -> tuple[Floats, str]:
    """Return, per hour to come, the instances that would run without Headroom, and what they were counted by.

    Where a policy scales, what ran at the same hour of the day before (in_service), or, where nobody counts that, what
    the target is set to now (desired); elsewhere the baseline's desired (EC2) or its minimum, below which nothing
    scales in.
    """
    if adoption.state.has_reactive_policy:
        if observed is not None:
            return np.array([observed[hour % len(observed)] for hour in range(count)], dtype=np.float64), "in_service"
        return np.full(count, float(adoption.state.current_instances)), "desired"
    baseline: CapacitySetting = adoption.baseline.setting
    owned = (baseline.desired_instances, baseline.min_instances)
    fixed = next((instances for instances in owned if instances is not None), None)
    if fixed is None:
        return np.full(count, float(adoption.state.current_instances)), "desired"
    return np.full(count, float(fixed)), "baseline"


def running_under_plan(floor: Floats, today: Floats, adoption: Adoption) -> Floats:
    """Return, per hour, the instances that will run: the floor, or more where a policy went above the minimum."""
    if not adoption.state.has_reactive_policy:
        return floor
    is_policy_above = today > float(adoption.baseline.setting.min_instances or 0)
    return np.where(is_policy_above, np.maximum(floor, today), floor)
