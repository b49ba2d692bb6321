"""The report of one run: a self-contained HTML page per hour, and the same as data for other pages and tools."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final

from markupsafe import Markup

from headroom.capacity import CostCurve
from headroom.domain.cost import CostBasis
from headroom.domain.demand import DemandForecast, DemandHistory, bought_level
from headroom.domain.plan import RightsizingOption, SpotMixPlan
from headroom.domain.scaling import Action, Verdict
from headroom.forecasting.drift import drift_told_in
from headroom.reporting.figures import capacity_figure, cost_figure, demand_figure, parts_figure, plotly_script
from headroom.reporting.page import render_page
from headroom.units import HOURS_PER_DAY

SHORT_HISTORY_HOURS: Final = 2 * HOURS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleHour:
    """One hour of the planned schedule, as the report draws it."""

    hour_start_utc: datetime
    required_instances: int
    planned_instances: int
    today_instances: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedAction:
    """An action with what became of it and the need it precedes."""

    action: Action
    status: str
    lead_minutes: float
    """Minutes between the action's start and the hour whose need it serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySpan:
    """How much demand a forecast rests on: `hours` from the first hour seen to the run, `hours_seen` of them."""

    first_hour_utc: datetime
    hours: int
    hours_seen: int

    @property
    def is_short(self) -> bool:
        """Whether the ensemble of models cannot serve yet: it wants two days of demand."""
        return self.hours_seen < SHORT_HISTORY_HOURS

    def __str__(self) -> str:
        length = f"{self.hours} hours" if self.hours < SHORT_HISTORY_HOURS else f"{self.hours / HOURS_PER_DAY:.1f} days"
        missing = self.hours - self.hours_seen
        unit = "hour" if missing == 1 else "hours"
        return f"{length} of demand" + (f", {missing} {unit} of it missing" if missing else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSection:
    """What the report says of one fleet; None where the run did not get that far, `cause` then saying why."""

    fleet_id: str
    mode: str
    target: str
    instance_type: str
    critical_ratio: float
    state: str
    cause: str = ""
    history: DemandHistory | None = None
    history_span: HistorySpan | None = None
    forecast: DemandForecast | None = None
    schedule: tuple[ScheduleHour, ...] = ()
    actions: tuple[PresentedAction, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    today_usd_per_day: float | None = None
    planned_usd_per_day: float | None = None
    instances_basis: str = "baseline"
    """What today's cost counts: in_service, desired or baseline instances."""
    usd_per_hour: float | None = None
    price_day: date | None = None
    """Day of the list the price is of; None where fleets.yaml names the price, or none is known."""
    sizing_method: str = ""
    rate_not_measured: str | None = None
    """Why history does not tell what an instance carries; None where it does."""
    short_of_capacity: str | None = None
    """Which hours the fleet's step limits leave short; None where they leave none."""
    lead_time: str | None = None
    """How long before a need its raise starts, and why; None in plans of older versions."""
    capacity_not_come: str | None = None
    """Which capacity did not come lately and what to reserve; None where all came."""
    cost_curve: CostCurve | None = None
    """What the plan's first day is expected to cost at each quantile of its minutes; None without a price."""
    rightsizing: tuple[RightsizingOption, ...] = ()
    spot_mix: SpotMixPlan | None = None

    @property
    def cost_basis(self) -> CostBasis:
        """Where the costs come from: a plan's lie ahead, so they are estimated, or unknown without a price."""
        return CostBasis.of_estimate(self.saved_usd_per_day)

    @property
    def bought_level(self) -> float:
        """The quantile of the minutes that is bought: the critical ratio, or the nearest that is forecast."""
        return bought_level(self.critical_ratio)

    @property
    def price_source(self) -> str:
        """Where the price comes from, in words."""
        return "fleets.yaml" if self.price_day is None else f"the price list of {self.price_day:%d %b %Y}"

    @property
    def saved_usd_per_day(self) -> float | None:
        """Today's cost less the plan's, per day; None where either is unknown."""
        if self.today_usd_per_day is None or self.planned_usd_per_day is None:
            return None
        return self.today_usd_per_day - self.planned_usd_per_day

    @property
    def has_parts(self) -> bool:
        """Whether the parts of the forecast are known: those of older versions are not."""
        return self.forecast is not None and self.forecast.mean_parts_per_second is not None

    @property
    def drift(self) -> str:
        """What the forecast says of demand that has left it, empty where nothing is to say: trust is lowered then."""
        return "" if self.forecast is None else drift_told_in(self.forecast.note)

    @property
    def passed_checks(self) -> int:
        """Guardrails that passed."""
        return sum(verdict.is_passed for verdict in self.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that failed or was rejected in the run, with its cause."""

    step: str
    subject: str
    status: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything the page of one run shows."""

    window_start_utc: datetime
    window_end_utc: datetime
    deployment: str
    fleets: tuple[FleetSection, ...]
    incidents: tuple[Incident, ...] = ()
    notes: tuple[str, ...] = field(default=())


def render_run_report(report: RunReport) -> str:
    """Return the run's page: one HTML document that needs no network."""
    drawn: list[dict[str, Any]] = [
        {
            "section": section,
            "demand_figure": demand_figure(section) if section.history is not None else "",
            "parts_figure": parts_figure(section) if section.has_parts else "",
            "capacity_figure": capacity_figure(section) if section.schedule else "",
            "cost_figure": cost_figure(section) if section.cost_curve is not None else "",
        }
        for section in report.fleets
    ]
    kinds = ("demand_figure", "parts_figure", "capacity_figure", "cost_figure")
    figures = [item[kind] for item in drawn for kind in kinds if item[kind]]
    shared = plotly_script() if figures else Markup("")
    known = [s for s in report.fleets if s.saved_usd_per_day is not None]
    return render_page(
        "run_report.html.j2",
        report=report,
        drawn=drawn,
        plotly_script=shared,
        scripts=[shared, *figures],
        today_total_usd=sum(s.today_usd_per_day or 0.0 for s in known) if known else None,
        planned_total_usd=sum(s.planned_usd_per_day or 0.0 for s in known) if known else None,
        unknown_costs=[s.fleet_id for s in report.fleets if s.saved_usd_per_day is None],
        basis=CostBasis.ESTIMATED,
        action_count=sum(len(s.actions) for s in report.fleets),
    )


def run_summary(report: RunReport) -> dict[str, Any]:
    """Return the report as JSON: what a terminal or another tool shows of a run."""
    return {
        "window_start_utc": report.window_start_utc.isoformat(),
        "window_end_utc": report.window_end_utc.isoformat(),
        "deployment": report.deployment,
        "fleets": [_section_summary(section) for section in report.fleets],
        "incidents": [asdict(incident) for incident in report.incidents],
    }


def _history_summary(span: HistorySpan) -> dict[str, Any]:
    return {
        "first_hour_utc": span.first_hour_utc.isoformat(),
        "hours": span.hours,
        "hours_seen": span.hours_seen,
    }


def _section_summary(section: FleetSection) -> dict[str, Any]:
    return {
        "fleet_id": section.fleet_id,
        "mode": section.mode,
        "state": section.state,
        "cause": section.cause,
        "history": None if section.history_span is None else _history_summary(section.history_span),
        "forecast_note": None if section.forecast is None else section.forecast.note,
        "short_of_capacity": section.short_of_capacity,
        "lead_time": section.lead_time,
        "capacity_not_come": section.capacity_not_come,
        "drift": section.drift or None,
        "explanation": None if section.forecast is None else section.forecast.explanation or None,
        "cost_basis": section.cost_basis.value,
        "instances_basis": section.instances_basis if section.schedule else None,
        "usd_per_hour": section.usd_per_hour,
        "price_day": None if section.price_day is None else section.price_day.isoformat(),
        "today_usd_per_day": section.today_usd_per_day,
        "planned_usd_per_day": section.planned_usd_per_day,
        "checks": len(section.verdicts),
        "checks_passed": section.passed_checks,
        "actions": [
            {
                "name": item.action.name,
                "starts_at_utc": item.action.starts_at_utc.isoformat(),
                "purpose": item.action.purpose,
                "min_instances": item.action.setting.min_instances,
                "max_instances": item.action.setting.max_instances,
                "desired_instances": item.action.setting.desired_instances,
                "need_at_utc": item.action.need_at_utc.isoformat(),
                "lead_minutes": item.lead_minutes,
                "demand_per_second": item.action.demand_per_second,
                "status": item.status,
            }
            for item in section.actions
        ],
    }
