"""The report of a period: what each fleet cost, what it would have cost at its baseline, and how it served."""

from dataclasses import asdict, dataclass
from typing import Any

from headroom.domain.window import Window
from headroom.reporting.page import render_page


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSavings:
    """One fleet over a period of `days` days; None where it is unknown. Costs are sums, fractions means of days."""

    fleet_id: str
    days: int
    baseline_cost_usd: float | None
    actual_cost_usd: float | None
    realised_savings_usd: float | None
    is_estimated: bool
    instance_hours: float | None
    gpu_utilization_p50_fraction: float | None
    cpu_utilization_p50_fraction: float | None
    latency_p99_seconds: float | None
    success_fraction: float | None
    slo_hours_fraction: float | None
    waste_fraction: float | None
    cold_starts: int | None


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
            "fleets": [asdict(fleet) for fleet in self.fleets],
        }


def render_savings_report(report: SavingsReport) -> str:
    """Return the period's page: one HTML document that needs no network."""
    known = [fleet for fleet in report.fleets if fleet.realised_savings_usd is not None]
    return render_page(
        "savings_report.html.j2",
        report=report,
        plotly_script="",
        actual_total_usd=sum(fleet.actual_cost_usd or 0.0 for fleet in report.fleets),
        baseline_total_usd=sum(fleet.baseline_cost_usd or 0.0 for fleet in known) if known else None,
        saved_total_usd=sum(fleet.realised_savings_usd or 0.0 for fleet in known) if known else None,
        known_count=len(known),
    )
