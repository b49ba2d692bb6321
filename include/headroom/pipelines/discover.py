"""Draft fleets.yaml from what an account has: read the account, its last two weeks of hours, write the text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headroom.columns import METRICS
from headroom.config.caller import session_name
from headroom.config.settings import Settings
from headroom.config.sources import load_sources
from headroom.domain.account import AccountPicture, MetricSummary, Place, Unread
from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption
from headroom.domain.serving import Objective, Slots
from headroom.domain.window import Window, floor_hour
from headroom.extract.account.picture import own_account, read_account
from headroom.extract.clients import BotoClients, Clients
from headroom.extract.cloud_clock import first_answer, read_cloud_clock_utc
from headroom.extract.cloudwatch import read_metrics
from headroom.onboarding.draft import FleetDraft, Skipped, draft_fleets
from headroom.onboarding.estimates import estimate
from headroom.onboarding.fleets_file import EstimatedDraft, fleets_text, summary_of
from headroom.units import SECONDS_PER_HOUR

HISTORY = timedelta(days=14)
"""ListMetrics knows the metrics of the last two weeks; estimates rest on the same."""
SUMMARISED = ("demand_count", "latency_p50_seconds", "latency_p95_seconds", "instances_in_service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a discovery found: the text of fleets.yaml, the drafts in it, what was left out, what could not be read."""

    text: str
    drafts: tuple[EstimatedDraft, ...]
    skipped: tuple[Skipped, ...]
    unread: tuple[Unread, ...]

    @property
    def guess_count(self) -> int:
        """How many values of the text are guesses to look at."""
        return sum(1 for line in self.text.splitlines() if "# GUESS" in line and not line.startswith("#"))

    def summary(self) -> dict[str, object]:
        """Return it for --json."""
        return {
            **summary_of(self.drafts),
            "left_out": [{"target": item.found.target.name, "reason": item.reason} for item in self.skipped],
            "unread": [
                {"place": str(item.place or ""), "operation": item.operation, "cause": item.cause, "lost": item.lost}
                for item in self.unread
            ],
        }


def account_clients(settings: Settings, *, role_arn: str | None = None) -> BotoClients:
    """Return clients that enter accounts by `role_arn`, else by the one in sources.yaml."""
    file = settings.config_folder / "sources.yaml"
    configured = load_sources(file).aws.role_arn if file.exists() else None
    return BotoClients(role_arn=role_arn or configured, session_name=session_name())


def discover(
    clients: Clients,
    *,
    regions: Sequence[str],
    accounts: Sequence[str] = (),
    has_cpu_fleets: bool = False,
    on_step: Callable[[str], None] = lambda _text: None,
) -> Discovery:
    """Read `regions` of `accounts` (our own where none is named) and draft a fleet for each serving target."""
    named = list(accounts) or [first_answer(regions, lambda region: own_account(clients, region=region))]
    places = [
        Place(account=account, region=region) for account in dict.fromkeys(named) for region in dict.fromkeys(regions)
    ]
    picture = read_account(clients, places, on_step=on_step)
    found, skipped = draft_fleets(picture, has_cpu_fleets=has_cpu_fleets)
    on_step("two weeks of the drafted fleets' metrics")
    drafts = _estimated(clients, found, regions=regions)
    return Discovery(
        text=_text(picture, places, drafts, skipped), drafts=drafts, skipped=skipped, unread=picture.unread
    )


def _text(
    picture: AccountPicture, places: Sequence[Place], drafts: Sequence[EstimatedDraft], skipped: Sequence[Skipped]
) -> str:
    return fleets_text(drafts, places=places, skipped=skipped, unread=picture.unread, exports=picture.exports)


def _estimated(clients: Clients, drafts: Sequence[FleetDraft], *, regions: Sequence[str]) -> tuple[EstimatedDraft, ...]:
    now_utc = floor_hour(first_answer(regions, lambda region: read_cloud_clock_utc(clients, region=region)))
    window = Window(now_utc - HISTORY, now_utc)
    fleets = [fleet for draft in drafts if (fleet := _provisional_fleet(draft)) is not None]
    rows, failures = read_metrics(clients, fleets, window, period_seconds=SECONDS_PER_HOUR)
    summaries = {fleet.id: _summary(rows, fleet.id, window) for fleet in fleets}
    estimated = []
    for draft in drafts:
        summary = _with_constant_instances(draft, summaries.get(draft.fleet_id, MetricSummary()))
        estimates = estimate(draft.found, summary)
        estimated.append(EstimatedDraft(draft=draft, estimates=estimates, note=failures.get(draft.fleet_id)))
    return tuple(estimated)


def _provisional_fleet(draft: FleetDraft) -> Fleet | None:
    """Return a fleet that can be read; what metrics do not need is filled with any value."""
    if draft.demand is None:
        return None
    found = draft.found
    return Fleet(
        id=draft.fleet_id,
        account=found.place.account,
        region=found.place.region,
        target=found.target,
        demand=DemandSource(metric=draft.demand.reference),
        metrics={name: metric.reference for name, metric in draft.metrics.items() if name in SUMMARISED},
        objective=Objective(latency_seconds=1.0),
        serving=Slots(service_seconds=1.0),
        instance_types=(InstanceOption(name=found.instance_types[0]),),
        lead_time_seconds=0.0,
        bounds=Bounds(min_instances=0, max_instances=1),
    )


def _summary(rows: pa.Table, fleet_id: str, window: Window) -> MetricSummary:
    """Return the fleet's hours of `window`, NaN where there is no sample."""
    own = rows.filter(pc.equal(rows["fleet_id"], fleet_id))
    hours = int((window.end_utc - window.start_utc).total_seconds()) // SECONDS_PER_HOUR
    series = {name: np.full(hours, np.nan) for name in SUMMARISED}
    for metric, moment, value in zip(
        own["metric"].to_pylist(), own["timestamp_utc"].to_pylist(), own["value"].to_pylist(), strict=True
    ):
        if metric in series:
            series[metric][int((moment - window.start_utc).total_seconds()) // SECONDS_PER_HOUR] = value
    return MetricSummary(
        demand_per_second=tuple(series[METRICS["demand_count"].name] / SECONDS_PER_HOUR),
        latency_p50_seconds=_if_any(series["latency_p50_seconds"]),
        latency_p95_seconds=_if_any(series["latency_p95_seconds"]),
        instances=_if_any(series["instances_in_service"]),
    )


def _if_any(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, ...]:
    return tuple(values) if np.isfinite(values).any() else ()


def _with_constant_instances(draft: FleetDraft, summary: MetricSummary) -> MetricSummary:
    """Take today's count for every hour of a target that nothing scales and whose instances are not measured."""
    found = draft.found
    is_steady = not any(policy.is_acting for policy in found.policies) and not found.scheduled_actions
    if summary.instances or not summary.demand_per_second or not is_steady or not found.desired_instances:
        return summary
    return MetricSummary(
        demand_per_second=summary.demand_per_second,
        latency_p50_seconds=summary.latency_p50_seconds,
        latency_p95_seconds=summary.latency_p95_seconds,
        instances=(float(found.desired_instances),) * len(summary.demand_per_second),
    )
