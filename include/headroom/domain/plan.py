"""Plans: what should be. Pure data, no side effect."""

from dataclasses import dataclass

from headroom.domain.instance_type import CapacityPool


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsizingOption:
    """One feasible instance type for a fleet over the planning horizon, with its cost and what it rests on.

    `instance_hours` and `cost_usd` are of the whole horizon; `break_even_rate_per_second` is the sustainable rate per
    instance below which the option stops being cheaper than today's type (None for today's type).
    """

    fleet_id: str
    instance_type: str
    purchase_option: str
    sustainable_rate_per_second: float
    rate_source: str
    usd_per_hour: float
    peak_instances: int
    instance_hours: float
    cost_usd: float
    is_current: bool
    rank: int
    break_even_rate_per_second: float | None
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InfeasibleType:
    """A type that cannot serve the fleet, and why."""

    fleet_id: str
    instance_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotAllocation:
    """Instances of the spot-mix plan in one capacity pool; on-demand ones stand under purchase_option on_demand."""

    pool: CapacityPool
    purchase_option: str
    instances: int
    usd_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotMixPlan:
    """How a fleet's peak need is bought: an on-demand base and spot pools whose joint shortage risk fits the budget."""

    fleet_id: str
    required_instances: int
    allocations: tuple[SpotAllocation, ...]
    shortage_probability: float
    risk_budget_fraction: float
    cost_usd_per_hour: float
    on_demand_cost_usd_per_hour: float
    mixed_instances_policy: dict[str, object] | None
    """As EC2 Auto Scaling takes it; None for targets that know no such policy."""
    explanation: str
