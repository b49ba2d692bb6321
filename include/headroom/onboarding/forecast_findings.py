"""Findings about the newest forecasts: fleets whose demand has left them, and fleets without one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from headroom.forecasting.drift import drift_told_in
from headroom.onboarding.findings import Finding, Topic, ok, unknown, warning


def no_run_finding(subject: str) -> Finding:
    """Return that no run has been reported yet, so there is no forecast to look at."""
    return ok(Topic.FORECASTS, subject, "no run has been reported yet, so there is no forecast to look at")


def unreadable_finding(path: str, cause: str) -> Finding:
    """Return that the forecasts of some fleets cannot be read."""
    remedy = "wait an hour, the next run writes a file of its own"
    return unknown(Topic.FORECASTS, path, f"it cannot be read: {cause.splitlines()[0]}", remedy=remedy)


def forecast_findings(fleet_ids: Sequence[str], notes: Mapping[str, str], *, made_at_utc: datetime) -> list[Finding]:
    """Return what the newest forecasts, made at `made_at_utc`, say of themselves; `notes` by fleet.

    A fleet that drifts and one without a forecast are a warning each; the others are one line together.
    """
    made = f"{made_at_utc:%Y-%m-%d %H:%M}Z"
    drifts = {fleet_id: drift_told_in(notes[fleet_id]) for fleet_id in fleet_ids if fleet_id in notes}
    findings = [_drifting(fleet_id, told, made) for fleet_id, told in drifts.items() if told]
    findings += [_absent(fleet_id, made) for fleet_id in fleet_ids if fleet_id not in notes]
    steady = sum(not told for told in drifts.values())
    if steady:
        findings.append(
            ok(Topic.FORECASTS, "forecasts", f"no drift in {steady} of {len(fleet_ids)} (forecasts of {made})")
        )
    return findings


def _drifting(fleet_id: str, told: str, made: str) -> Finding:
    remedy = (
        "none at once, members are chosen anew after each such hour; where it stays, name launches and deploys in "
        "events.yaml, exclude a freak spell there, and see that the metric still measures demand"
    )
    return warning(Topic.FORECASTS, fleet_id, f"{told} (forecast of {made})", remedy=remedy)


def _absent(fleet_id: str, made: str) -> Finding:
    text = f"it has no forecast of {made}, the newest hour that was reported"
    return warning(
        Topic.FORECASTS, fleet_id, text, remedy="see why in reports/latest.html, or wait an hour if it is new"
    )
