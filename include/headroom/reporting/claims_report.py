"""The report of the article's claims: claim and replay side by side, as JSON and as one page."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from headroom.reporting.figures import GREEN, GREY, ORANGE, figure_of, fragment_of, plotly_script
from headroom.reporting.page import render_page
from headroom.reporting.replay_figures import day_figure
from headroom.simulation.claims.article import CLAIMS, Finding
from headroom.simulation.claims.claim import USD_A_MONTH, Verdict
from headroom.simulation.claims.playing import PlayedClaims
from headroom.simulation.claims.savings import Row, choice_rows, policy_rows, saving_parts
from headroom.simulation.claims.scenarios import SCENARIOS, SHOP_USD_PER_MONTH

_COLOURS: Final = {Verdict.HOLDS: GREEN, Verdict.MORE: GREEN, Verdict.FAILS: ORANGE}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClaimsReport:
    """What was played and what it says of each claim."""

    played: PlayedClaims
    findings: tuple[Finding, ...]


def claims_summary(report: ClaimsReport) -> dict[str, Any]:
    """Return the findings as JSON; `value` and what is open are None."""
    known = report.played.shop.scene.known
    return {
        "seed": report.played.seed,
        "history_from_utc": known.start_utc.isoformat(),
        "from_utc": report.played.shop.scene.start_utc.isoformat(),
        "to_utc": known.end_utc.isoformat(),
        "scenarios": [
            {
                "name": scenario.name,
                "section": scenario.section,
                "settings": [
                    {"what": setting.what, "value": setting.value, "source": setting.source}
                    for setting in scenario.settings
                ],
            }
            for scenario in SCENARIOS
        ],
        "verdicts": {verdict.value: count for verdict, count in _counts(report).items()},
        "claims": [
            {
                "key": item.claim.key,
                "section": item.section,
                "words": item.claim.words,
                "reading": item.claim.reading,
                "unit": item.claim.unit,
                "claimed_low": item.claim.low,
                "claimed_high": item.claim.high if math.isfinite(item.claim.high) else None,
                "claimed_text": claimed_text(item),
                "replayed": item.value,
                "replayed_text": replayed_text(item),
                "verdict": item.verdict.value,
                "why": item.why,
            }
            for item in report.findings
        ],
        "savings": [
            {
                "part": part.part,
                "before": part.before,
                "after": part.after,
                "before_usd_a_month": part.before_usd,
                "after_usd_a_month": part.after_usd,
                "saved_usd_a_month": part.saved_usd,
                "saved_percent_of_before": _share(part.saved_usd, part.before_usd),
                "saved_percent_of_85000": _share(part.saved_usd, SHOP_USD_PER_MONTH),
                "status": "open" if part.saved_usd is None else "played",
                "reason": part.reason,
            }
            for part in saving_parts(report.played)
        ],
        "choices": [_finite(row) for row in choice_rows(report.played)],
        "policies": [_finite(row) for row in policy_rows(report.played)],
    }


def render_claims_report(report: ClaimsReport) -> str:
    """Return the page: one HTML document that needs no network."""
    shared = plotly_script()
    figures = [ranges_figure(report.findings), day_figure(report.played.shop)]
    return render_page(
        "claims_report.html.j2",
        summary=claims_summary(report),
        sections=list(CLAIMS),
        scene=report.played.shop.scene,
        ranges_figure=figures[0],
        day_figure=figures[1],
        plotly_script=shared,
        scripts=[shared, *figures],
    )


def claimed_text(item: Finding) -> str:
    """Return what is claimed, with its unit."""
    low, high, unit = item.claim.low, item.claim.high, item.claim.unit
    if math.isinf(high):
        return f"at least {_number(low, unit)} {unit}"
    numbers = _number(low, unit) if low == high else f"{_number(low, unit)} to {_number(high, unit)}"
    return numbers if unit == USD_A_MONTH else f"{numbers} {unit}"


def replayed_text(item: Finding) -> str:
    """Return what was measured, with its unit; "open" where nothing was.

    A change the other way is said in words: 2 % longer, where 15 to 25 % shorter is claimed.
    """
    if item.verdict is Verdict.OPEN or item.value is None:
        return "open"
    value, unit = item.value, item.claim.unit
    if value < 0:
        for one, other in (("less", "more"), ("shorter", "longer"), ("longer", "shorter")):
            if unit == f"% {one}":
                return f"{-value:.1f} % {other}"
    digits = _number(value, unit, has_tenths=unit.startswith("%"))
    return digits if unit == USD_A_MONTH else f"{digits} {unit}"


def ranges_figure(findings: tuple[Finding, ...]) -> Markup:
    """Draw each claim in percent that was played: the claimed range as a bar, the replayed value as a mark."""
    drawn = [item for item in findings if item.claim.unit.startswith("%") and item.verdict in _COLOURS][::-1]
    figure = figure_of("Claimed and replayed, in percent", "", height=60 + 27 * len(drawn))
    names = [item.claim.key.replace("_", " ") for item in drawn]
    figure.add_bar(
        y=names,
        x=[max(min(item.claim.high, 100.0) - item.claim.low, 0.8) for item in drawn],
        base=[item.claim.low for item in drawn],
        orientation="h",
        marker={"color": "rgba(123, 135, 148, 0.45)"},
        width=0.55,
        name="claimed",
        text=[claimed_text(item) for item in drawn],
        textposition="none",
        hovertemplate="%{text}<extra>claimed</extra>",
    )
    for verdict, colour, symbol in (
        (Verdict.HOLDS, GREEN, "circle"),
        (Verdict.MORE, GREEN, "diamond"),
        (Verdict.FAILS, ORANGE, "x"),
    ):
        chosen = [(name, item) for name, item in zip(names, drawn, strict=True) if item.verdict is verdict]
        figure.add_scatter(
            y=[name for name, _ in chosen],
            x=[max(item.value or 0.0, _LEAST_DRAWN) for _, item in chosen],
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": symbol},
            name=f"replayed: {verdict.value}",
            text=[replayed_text(item) for _, item in chosen],
            hovertemplate="%{text}<extra>replayed</extra>",
        )
    figure.update_layout(hovermode="closest", legend={"orientation": "h", "y": -0.08}, margin={"l": 190})
    figure.update_xaxes(range=[_LEAST_DRAWN - 3, 100], ticksuffix=" %", zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(title="", categoryorder="array", categoryarray=names)
    return fragment_of(figure, "ranges")


_LEAST_DRAWN: Final = -25.0
"""What is further below is drawn here; its mark says the number."""


def _counts(report: ClaimsReport) -> dict[Verdict, int]:
    found = Counter(item.verdict for item in report.findings)
    return {verdict: found[verdict] for verdict in Verdict}


def _number(value: float, unit: str, *, has_tenths: bool = False) -> str:
    if unit == USD_A_MONTH:
        return f"${value:,.0f}"
    return f"{value:.1f}" if has_tenths else f"{value:,.0f}"


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100.0 * part / whole


def _finite(row: Row) -> Row:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
