"""The task of the article's claims: scenarios played, findings as JSON, a page and a document."""

from typing import Final

from headroom.lake.lake import json_bytes
from headroom.lake.storage import Storage
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.reporting.claims_document import claims_document
from headroom.reporting.claims_report import ClaimsReport, claims_summary, render_claims_report
from headroom.simulation.claims.article import findings
from headroom.simulation.claims.playing import play_claims
from headroom.simulation.replay import OnProgress

CLAIMS_FILES: Final = ("claims.json", "claims.md", "claims.html")


def replay_claims(seed: int, *, on_progress: OnProgress = lambda _done, _total: None) -> ClaimsReport:
    """Play the claims' scenarios with the forecasts that production would have made; nothing is read."""
    played = play_claims(seed, lambda scene: ReplayForecasts(scene.fleet, scene.known), on_progress=on_progress)
    return ClaimsReport(played=played, findings=findings(played))


def write_claims(storage: Storage, report: ClaimsReport) -> None:
    """Write CLAIMS_FILES, each whole or not at all, and none before all are made."""
    summary = claims_summary(report)
    contents = (json_bytes(summary), claims_document(summary).encode(), render_claims_report(report).encode())
    for name, content in zip(CLAIMS_FILES, contents, strict=True):
        storage.write_bytes(name, content)
