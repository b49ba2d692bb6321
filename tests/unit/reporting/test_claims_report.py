"""The claims' page, figures and document, from a day played with forecasts of our own making; and docs/claims.md."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.lake.lake import json_bytes
from headroom.reporting.claims_document import claims_document
from headroom.reporting.claims_report import ClaimsReport, claims_summary, render_claims_report
from headroom.simulation.claims.article import CLAIMS, findings
from headroom.simulation.claims.claim import Verdict
from headroom.simulation.claims.playing import play_claims
from headroom.simulation.claims.scenarios import SCENARIOS
from headroom.simulation.policy import Scene

PAGE = Path(__file__).resolve().parents[3] / "docs" / "claims.md"
OPEN = {"hybrid_cost", "combined_cost", "combined_performance", "fragmentation"}


class LastWeek:
    """Forecasts each hour to peak as it did a week before, at every quantile."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def forecast(self, made_at_utc: datetime) -> DemandForecast:
        peaks = self._scene.history(made_at_utc).peak_per_second[-168:][:72]
        quantiles = np.repeat(peaks[:, np.newaxis], len(QUANTILE_LEVELS), axis=1)
        return DemandForecast(
            fleet_id=self._scene.fleet.id,
            made_at_utc=made_at_utc,
            hours=np.datetime64(made_at_utc.replace(tzinfo=None), "s") + np.arange(72) * np.timedelta64(1, "h"),
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={"last week": 1.0},
        )


def a_day(seed: int = 0) -> ClaimsReport:
    played = play_claims(seed, LastWeek, days=1)
    return ClaimsReport(played=played, findings=findings(played))


@pytest.fixture(scope="module")
def report() -> ClaimsReport:
    return a_day()


@pytest.fixture(scope="module")
def summary(report: ClaimsReport) -> dict[str, Any]:
    return claims_summary(report)


def test_every_claim_has_a_verdict_and_a_reason_and_nothing_open_has_a_figure(summary: dict[str, Any]) -> None:
    claims = {claim["key"]: claim for claim in summary["claims"]}
    assert list(claims) == [claim.key for part in CLAIMS.values() for claim in part]
    assert {key for key, claim in claims.items() if claim["verdict"] == "open"} == OPEN
    for key in OPEN:
        assert (claims[key]["replayed"], claims[key]["replayed_text"]) == (None, "open")
        assert claims[key]["why"].startswith("Open: ")
    assert all(claim["why"].endswith(".") for claim in claims.values())
    assert sum(summary["verdicts"].values()) == len(claims)


def test_what_the_article_gives_comes_out_as_given(summary: dict[str, Any]) -> None:
    replayed = {claim["key"]: claim["replayed"] for claim in summary["claims"]}
    assert replayed["before_cost"] == pytest.approx(85_000)
    assert replayed["before_utilization"] == pytest.approx(22.0, abs=0.2)  # the first minutes have fewer than 50
    assert replayed["before_p95"] == pytest.approx(280.0, abs=0.1)


def test_parts_of_the_saving_follow_from_the_costs_and_tiers_are_open(summary: dict[str, Any]) -> None:
    cost = {row["policy"]: row["usd_a_month"] for row in summary["policies"] if row["scenario"] == "shop"}
    parts = {part["part"]: part for part in summary["savings"]}
    assert list(parts) == ["count", "schedule", "type", "spot", "tiers", "all together"]
    assert parts["count"]["saved_usd_a_month"] == pytest.approx(85_000 - cost["static_peak"])
    assert parts["schedule"]["saved_usd_a_month"] == pytest.approx(cost["static_peak"] - cost["headroom"])
    assert parts["spot"]["saved_percent_of_before"] == pytest.approx(
        100 * (1 - cost["headroom_spot"] / cost["headroom"])
    )
    for part in ("tiers", "all together"):
        assert parts[part]["status"] == "open"
        assert parts[part]["saved_usd_a_month"] is None
        assert "not built yet" in parts[part]["reason"]


def test_the_page_says_open_where_it_is_open_and_needs_no_network(
    report: ClaimsReport, summary: dict[str, Any]
) -> None:
    page = render_claims_report(report)
    text = page[page.index("<header>") :]
    for claim in summary["claims"]:
        if claim["key"] in OPEN:
            assert f'<b>open</b></td><td><span class="tag ">open</span></td><td class="why">{claim["why"]}' in text
    assert text.count('<span class="tag ">open</span>') == len(OPEN) + 2  # tiers and all together among the savings
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(""", markup)


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_bytes(report: ClaimsReport, summary: dict[str, Any]) -> None:
    again = a_day()
    assert json_bytes(claims_summary(again)) == json_bytes(summary)
    assert render_claims_report(again) == render_claims_report(report)


def test_the_summary_is_json_as_it_is(summary: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def rows_of(document: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return replayed figure, verdict and why of each claim's row by its words, reading and claimed figure."""
    cells = [tuple(line[2:-2].split(" | ")) for line in document.splitlines() if line.startswith('| "')]
    return {row[:3]: row[3:] for row in cells}


def test_the_document_in_docs_has_every_claim_reading_and_setting_of_the_code(summary: dict[str, Any]) -> None:
    shipped, made = rows_of(PAGE.read_text()), rows_of(claims_document(summary))
    assert list(shipped) == list(made), "run `headroom claims --out DIR` and copy claims.md to docs/claims.md"
    assert len(made) == len(summary["claims"])
    page = PAGE.read_text()
    for scenario in SCENARIOS:
        for setting in scenario.settings:
            assert f"| {setting.what} | {setting.value} | {setting.source} |" in page
    assert page.split("\n## ")[0] == claims_document(summary).split("\n## ")[0]


def test_the_document_in_docs_says_open_where_it_is_open_and_every_verdict_fits_its_figure() -> None:
    rows = rows_of(PAGE.read_text())
    claims = [claim for part in CLAIMS.values() for claim in part]
    for claim, (replayed, verdict, why) in zip(claims, rows.values(), strict=True):
        if claim.key in OPEN:
            assert (replayed, verdict) == ("open", "open")
            assert why.startswith("Open: ")
            continue
        number = float(re.sub(r"[^0-9.]", "", replayed))
        is_other_way = claim.unit.startswith("% ") and not replayed.endswith(claim.unit[2:])
        assert claim.verdict(-number if is_other_way else number) is Verdict(verdict), claim.key
