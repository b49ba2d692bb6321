"""The report of a period: what each fleet cost, what it would have cost at its baseline, and how it served."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from headroom.domain.cost import CostBasis
from headroom.domain.window import Window
from headroom.reporting.page import render_page


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSavings:
    """One fleet over a period of `days` days; None where it is unknown. Costs are sums, fractions means of days.

    Billed and estimated days are summed apart. The compared sums are of days whose bill and estimate are both known.
    """

    fleet_id: str
    days: int
    billed_days: int
    estimated_days: int
    unknown_days: int
    baseline_cost_usd: float | None
    billed_cost_usd: float | None
    estimated_cost_usd: float | None
    billed_savings_usd: float | None
    estimated_savings_usd: float | None
    compared_days: int
    compared_billed_cost_usd: float | None
    compared_estimated_cost_usd: float | None
    instances_bases: list[str] | None
    price_day_utc: date | None
    instance_hours: float | None
    gpu_utilization_p50_fraction: float | None
    cpu_utilization_p50_fraction: float | None
    latency_p99_seconds: float | None
    success_fraction: float | None
    slo_hours_fraction: float | None
    waste_fraction: float | None
    cold_starts: int | None

    @property
    def cost_bases(self) -> list[CostBasis]:
        """Where the cost of the period's days comes from: more than one where a bill covers only some of them."""
        counts = (
            (CostBasis.BILLED, self.billed_days),
            (CostBasis.ESTIMATED, self.estimated_days),
            (CostBasis.UNKNOWN, self.unknown_days),
        )
        return [basis for basis, days in counts if days]

    @property
    def unknown_reason(self) -> str:
        """What an estimate of the unknown days lacks."""
        if self.instances_bases:
            return "no on-demand price of its type is known"
        return "no metric of instances in service, no plan and no baseline"

    @property
    def estimate_error_fraction(self) -> float | None:
        """How far the estimate of the compared days lay above (or below, if negative) their bill."""
        if self.compared_estimated_cost_usd is None or not self.compared_billed_cost_usd:
            return None
        return self.compared_estimated_cost_usd / self.compared_billed_cost_usd - 1.0

    def summary(self) -> dict[str, Any]:
        """Return the fleet as plain values for JSON."""
        return {
            **asdict(self),
            "price_day_utc": None if self.price_day_utc is None else self.price_day_utc.isoformat(),
            "cost_bases": [basis.value for basis in self.cost_bases],
            "estimate_error_fraction": self.estimate_error_fraction,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsReport:
    """A period by its name (2026-11-17, 2026-W47, 2026-11), its span, and a row a fleet."""

    name: str
    window: Window
    fleets: tuple[FleetSavings, ...]

    def summary(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "period": self.name,
            "start_utc": self.window.start_utc.isoformat(),
            "end_utc": self.window.end_utc.isoformat(),
            "fleets": [fleet.summary() for fleet in self.fleets],
        }


def render_savings_report(report: SavingsReport) -> str:
    """Return the period's page: one HTML document that needs no network."""
    fleets = report.fleets
    return render_page(
        "savings_report.html.j2",
        report=report,
        plotly_script="",
        billed_total_usd=total(fleet.billed_cost_usd for fleet in fleets),
        estimated_total_usd=total(fleet.estimated_cost_usd for fleet in fleets),
        baseline_total_usd=total(fleet.baseline_cost_usd for fleet in fleets),
        billed_saved_usd=total(fleet.billed_savings_usd for fleet in fleets),
        estimated_saved_usd=total(fleet.estimated_savings_usd for fleet in fleets),
        billed_days=sum(fleet.billed_days for fleet in fleets),
        estimated_days=sum(fleet.estimated_days for fleet in fleets),
        unknown_days=sum(fleet.unknown_days for fleet in fleets),
        known_count=sum(fleet.baseline_cost_usd is not None for fleet in fleets),
        compared=[fleet for fleet in fleets if fleet.compared_days],
        estimated=[fleet for fleet in fleets if fleet.estimated_days or fleet.compared_days],
    )


def total(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of what is known; None where nothing is, which is not 0."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
