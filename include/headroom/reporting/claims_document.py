"""docs/claims.md, made from the figures of `headroom claims`: the article's claims and what the replay says of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from headroom.simulation.claims.article import CLAIMS
from headroom.simulation.claims.claim import POINT_TOLERANCE
from headroom.units import percent_from_fraction

_TOLERANCE: Final = f"{percent_from_fraction(POINT_TOLERANCE):.0f} %"
INTRO: Final = f"""# The article's claims, replayed

Headroom began with an article, "Rightsizing AI Infrastructure: Auto-Scaling Strategies That Actually Reduce Costs".
This page sets its figures beside a replay. `headroom claims --out DIR` makes it anew, as `claims.md`, with a page
(`claims.html`) and the numbers (`claims.json`); `--seed` gives other demand and chance, and nothing else is read.

The demand is generated, chosen once by the article's words and stated below; nothing was tuned so that a claim holds.

| verdict | meaning |
| --- | --- |
| holds | the replay lies in the claimed range, or within {_TOLERANCE} of a single figure |
| more than claimed | it lies beyond the claim, on the side that its author would like |
| does not hold | it lies on the other side, or just elsewhere |
| given | the scenario was made from it |
| open | it could not be played; the reason stands beside it |

Where a claim can be read in several ways, each reading has a row. A month has 730 hours.
"""
_SAVINGS_NOTE: Final = (
    "Count and schedule follow one upon the other and add up; type and spot each start from the schedule on today's "
    "type, so they do not add up with each other."
)
_CHOICES_NOTE: Final = (
    "Headroom at the shop with one choice changed and the rest as they are: how much of the result hangs on what the "
    "article does not say."
)


def claims_document(summary: Mapping[str, Any]) -> str:
    """Return the document of a summary (claims_report.claims_summary)."""
    lines = [INTRO]
    for section in CLAIMS:
        lines += [f"## {section}", ""]
        lines += _table(
            ("claim", "read as", "claimed", "replayed", "verdict", "why"),
            [claim_cells(claim) for claim in summary["claims"] if claim["section"] == section],
        )
    lines += ["## What saved how much", "", _SAVINGS_NOTE, ""]
    lines += _table(
        ("part", "from", "to", "saved a month", "of what stood before", "of $85,000"),
        [
            (
                part["part"],
                part["before"],
                part["after"],
                f"open: {part['reason']}" if part["status"] == "open" else f"${part['saved_usd_a_month']:,.0f}",
                _percent(part["saved_percent_of_before"]),
                _percent(part["saved_percent_of_85000"]),
            )
            for part in summary["savings"]
        ],
    )
    lines += ["## Other choices", "", _CHOICES_NOTE, ""]
    lines += _table(
        (
            "choice",
            "cost a month",
            "less than the 50",
            "than static_peak",
            "than threshold",
            "p95",
            "busy",
            "instances",
        ),
        [
            (
                row["choice"],
                f"${row['usd_a_month']:,.0f}",
                _percent(row["less_than_fixed_50_percent"]),
                _percent(row["less_than_static_peak_percent"]),
                _percent(row["less_than_threshold_percent"]),
                f"{row['latency_p95_ms']:.0f} ms",
                f"{row['utilization_percent']:.0f} %",
                f"{row['fewest_instances']} to {row['most_instances']}",
            )
            for row in summary["choices"]
        ],
    )
    lines += ["## The scenarios", "", f"Four weeks of history, then two weeks played; seed {summary['seed']}.", ""]
    for scenario in summary["scenarios"]:
        lines += [f"### {scenario['name']}", "", f"After {scenario['section']}.", ""]
        lines += _table(
            ("what", "value", "from"),
            [(setting["what"], setting["value"], setting["source"]) for setting in scenario["settings"]],
        )
    return "\n".join(lines).rstrip() + "\n"


def claim_cells(claim: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a claim's row."""
    words = claim["words"].replace(" | ", ", ")
    return (
        f'"{words}"',
        claim["reading"],
        claim["claimed_text"],
        claim["replayed_text"],
        claim["verdict"],
        claim["why"],
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]
