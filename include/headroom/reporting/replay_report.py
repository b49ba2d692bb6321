"""The report of a replay: every policy's figures as JSON, and one page that shows them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headroom.capacity import RateSource
from headroom.domain.demand import Floats
from headroom.reporting.figures import plotly_script
from headroom.reporting.page import render_page
from headroom.reporting.replay_figures import busiest_day, day_figure, frontier_figure
from headroom.simulation.demand_path import Bursts
from headroom.simulation.engine import PERCENTILES, Run
from headroom.simulation.frontier import cost_at_share
from headroom.simulation.launches import Launches
from headroom.simulation.replay import SHARES, Played, Replay
from headroom.simulation.worst_hour import worst_hour

_SAVINGS: Final = (
    ("schedule", "static_peak", "headroom"),
    ("spot", "headroom", "headroom_spot"),
    ("tiers", "headroom", "headroom_hybrid"),
    ("type, tiers and spot together", "headroom", "headroom_combined"),
)
"""What a saving comes from: the cost of the first policy less that of the second, which differs in nothing else. No
policy changes the type alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplayReport:
    """A replay with what it was made of.

    `class_shares`: each workload class's share of demand in each step played. `left_open`: policies that cannot be
    played yet, with the reason.
    """

    replay: Replay
    demand_source: str
    recorded_step_seconds: float
    bursts: Bursts
    class_shares: Mapping[str, Floats]
    left_open: Mapping[str, str] = field(default_factory=dict)
    launches: Launches = field(default_factory=Launches)

    @property
    def has_classes(self) -> bool:
        """Whether demand was recorded by workload class."""
        return len(self.class_shares) > 1


def replay_summary(report: ReplayReport) -> dict[str, Any]:
    """Return the replay as JSON; what has no finite value is None (docs/replay.md says where that may be)."""
    replay, scene = report.replay, report.replay.scene
    policies: dict[str, dict[str, Any]] = {name: _figures(report, played) for name, played in replay.played.items()}
    policies |= {name: {"status": "refused", "reason": reason} for name, reason in replay.refused.items()}
    policies |= {name: {"status": "open", "reason": reason} for name, reason in report.left_open.items()}
    requests = float((replay.rate_per_second * scene.step_seconds).sum())
    return {
        "fleet_id": scene.fleet.id,
        "from_utc": scene.start_utc.isoformat(),
        "to_utc": scene.known.end_utc.isoformat(),
        "demand": {
            "source": report.demand_source,
            "requests": requests,
            "mean_per_second": float(replay.rate_per_second.mean()),
            "peak_per_second": float(replay.rate_per_second.max()),
            "history_from_utc": scene.known.start_utc.isoformat(),
            "workload_classes": _class_demand(report),
        },
        "settings": _settings(report),
        "oracle": {
            "target_requests": replay.target_requests,
            "target_fraction": _share(replay.target_requests, requests),
            "plain_bound_usd": replay.plain_usd,
        },
        "policies": policies,
        "frontier": [
            {
                "policy": point.name,
                "setting": point.setting,
                "cost_usd": point.cost_usd,
                "slo_met_fraction": point.slo_met_fraction,
                "slo_hours_fraction": point.slo_hours_fraction,
            }
            for point in replay.swept
        ],
        "cost_at_share_usd": {
            name: {f"{share:g}": _finite(cost) for share, cost in costs.items()}
            for name, costs in costs_at_shares(replay).items()
        },
        "savings": savings(report),
    }


def costs_at_shares(replay: Replay) -> dict[str, dict[float, float]]:
    """Return, by policy that was swept, what each of SHARES costs; infinite where its knob does not reach it."""
    return {
        name: {share: cost_at_share(_points(replay, name), share) for share in SHARES}
        for name in dict.fromkeys(point.name for point in replay.swept)
    }


def savings(report: ReplayReport) -> list[dict[str, Any]]:
    """Return what came of which part of a saving; None and a reason where a policy that would tell was not played."""
    played = report.replay.played
    rows = []
    for part, before, after in _SAVINGS:
        missing = [name for name in (before, after) if name not in played]
        costs = None if missing else (played[before].run.cost_usd, played[after].run.cost_usd)
        rows.append(
            {
                "part": part,
                "before": before,
                "after": after,
                "saved_usd": costs and costs[0] - costs[1],
                "saved_fraction": costs and ((costs[0] - costs[1]) / costs[0] if costs[0] else 0.0),
                "reason": "; ".join(_why_missing(report, name) for name in missing),
            }
        )
    return rows


def render_replay_report(report: ReplayReport, summary: Mapping[str, Any]) -> str:
    """Return the page: one HTML document that needs no network. `summary`: the report's own."""
    replay, scene = report.replay, report.replay.scene
    shared = plotly_script()
    figures = [frontier_figure(replay), day_figure(replay)]
    return render_page(
        "replay_report.html.j2",
        report=report,
        summary=summary,
        frontier_figure=figures[0],
        day_figure=figures[1],
        shares=SHARES,
        busiest_day=scene.moment(int(busiest_day(replay)[0])),
        plotly_script=shared,
        scripts=[shared, *figures],
    )


def _figures(report: ReplayReport, played: Played) -> dict[str, Any]:
    replay, run = report.replay, played.run
    worst = worst_hour(replay, run)
    return {
        "status": "played",
        "cost_usd": run.cost_usd,
        "instance_hours": float(run.instance_hours.sum()),
        "slo_met_fraction": run.slo_met_fraction,
        "slo_hours_fraction": run.slo_hours_fraction(replay.scene.queue.percentile),
        **_latencies(run),
        "success_fraction": run.success_fraction,
        "utilization_fraction": run.utilization_fraction,
        "cold_starts": run.cold_starts,
        "cold_start_seconds": run.cold_start_seconds,
        "interruptions": run.interruptions,
        "scaling_actions": run.scaling_actions,
        "cost_over_oracle": replay.cost_over_oracle(played),
        "bound_at_its_share_usd": played.bound_usd,
        "worst_hour": None if worst is None else {"start_utc": worst.start_utc.isoformat(), "explanation": str(worst)},
        "workload_classes": _class_service(report, played),
    }


def _latencies(run: Run) -> dict[str, float | None]:
    """Return percentiles of latency; where tokens are promised, of the first token and of gaps between the others."""

    def percentiles(name: str, of: Callable[..., float]) -> dict[str, float | None]:
        return {
            f"{name}_{when}p{percentile:g}_seconds": _finite(of(percentile, is_while_scaling=bool(when)))
            for when in ("", "while_scaling_")
            for percentile in PERCENTILES
        }

    if run.gaps is None:
        return percentiles("latency", run.latency_seconds)
    requests = float(run.arriving.sum())
    met = {
        f"{name}_met_fraction": 1.0 - float(late.sum()) / requests if requests else 1.0
        for name, late in (("ttft", run.gaps.first_late), ("itl", run.gaps.late))
    }
    return {**met, **percentiles("ttft", run.latency_seconds), **percentiles("itl", run.gaps.within)}


def _class_demand(report: ReplayReport) -> dict[str, float]:
    """Return each class's share of all requests."""
    rates = report.replay.rate_per_second
    total = float(rates.sum())
    return {name: float((share * rates).sum()) / total if total else 0.0 for name, share in report.class_shares.items()}


def _class_service(report: ReplayReport, played: Played) -> dict[str, float]:
    """Return the share of each class's requests inside the objective: in a step all classes fare alike."""
    run = played.run
    served = {}
    for name, share in report.class_shares.items():
        arriving = float((share * run.arriving).sum())
        served[name] = _share(arriving - float((share * run.late).sum()), arriving)
    return served if report.has_classes else {}


def _settings(report: ReplayReport) -> dict[str, Any]:
    scene, bursts = report.replay.scene, report.bursts
    return {
        "seed": bursts.seed,
        "burst_cv": bursts.variation,
        "burst_correlation_minutes": bursts.correlation_minutes,
        "recorded_step_seconds": report.recorded_step_seconds,
        "step_seconds": scene.step_seconds,
        "steps": scene.steps,
        "instance_type": scene.pool.instance_type,
        "usd_per_hour": scene.pool.usd_per_hour,
        "sustainable_rate_per_second": scene.rate_per_instance,
        **({"sustainable_rate_method": scene.rate.method} if scene.rate.source is RateSource.HISTORY else {}),
        **scene.queue.settings(),
        "objective_percentile": scene.queue.percentile,
        "timeout_seconds": scene.queue.timeout_seconds,
        "lead_time_seconds": scene.pool.lead_time_seconds,
        "lead_spread_fraction": report.launches.spread_fraction,
        "refused_launches_fraction": report.launches.refused_fraction,
        "failed_launches_fraction": report.launches.failed_fraction,
        "min_instances": scene.fleet.bounds.min_instances,
        "max_instances": scene.fleet.bounds.max_instances,
        "initial_instances": scene.initial_instances,
    }


def _why_missing(report: ReplayReport, name: str) -> str:
    for state, reasons in (("open", report.left_open), ("refused", report.replay.refused)):
        if name in reasons:
            return f"{name} is {state}: {reasons[name]}"
    return f"{name} was not played"


def _points(replay: Replay, name: str) -> list[tuple[float, float]]:
    return [(point.slo_met_fraction, point.cost_usd) for point in replay.swept if point.name == name]


def _share(part: float, whole: float) -> float:
    """Return a share, 1 of nothing, which the last digits of sums do not put outside 0 to 1."""
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 1.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
