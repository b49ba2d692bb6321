"""The task of the article's claims: scenarios played, findings as JSON, a page and a document."""

from headroom.lake.lake import json_bytes
from headroom.lake.storage import Storage
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.reporting.claims_document import claims_document
from headroom.reporting.claims_report import ClaimsReport, claims_summary, render_claims_report
from headroom.simulation.claims.article import findings
from headroom.simulation.claims.playing import play_claims
from headroom.simulation.replay import OnProgress


def replay_claims(seed: int, *, on_progress: OnProgress = lambda _done, _total: None) -> ClaimsReport:
    """Play the claims' scenarios with the forecasts that production would have made; nothing is read."""
    played = play_claims(seed, lambda scene: ReplayForecasts(scene.fleet, scene.known), on_progress=on_progress)
    return ClaimsReport(played=played, findings=findings(played))


def write_claims(storage: Storage, report: ClaimsReport) -> None:
    """Write claims.json, claims.md and claims.html, each whole or not at all."""
    summary = claims_summary(report)
    storage.write_bytes("claims.json", json_bytes(summary))
    storage.write_bytes("claims.md", claims_document(summary).encode())
    storage.write_bytes("claims.html", render_claims_report(report).encode())
