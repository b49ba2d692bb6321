"""Costs on the terminal: every amount with where it comes from, estimates marked at the figure itself."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from headroom.cli.terminal import plain
from headroom.domain.cost import CostBasis


def amount(usd: float | None, basis: CostBasis) -> str:
    """Return an amount as text; an estimate wears a sign.

    >>> amount(1234.5, CostBasis.ESTIMATED), amount(36.0, CostBasis.BILLED), amount(None, CostBasis.BILLED)
    ('≈ 1,234.50', '36.00', 'unknown')
    """
    if usd is None or basis is CostBasis.UNKNOWN:
        return "unknown"
    return f"≈ {usd:,.2f}" if basis is CostBasis.ESTIMATED else f"{usd:,.2f}"


def savings_table(report: Mapping[str, Any]) -> Table:
    """Return a period's costs, a row a fleet and basis: billed and estimated days are never added up."""
    table = Table("fleet", "days", "cost is", title=f"costs in USD, {report['period']}")
    for heading in ("cost", "saved", "estimate of the billed days"):
        table.add_column(heading, justify="right")
    for fleet in report["fleets"]:
        for basis in map(CostBasis, fleet["cost_bases"]):
            table.add_row(plain(fleet["fleet_id"]), str(fleet[f"{basis}_days"]), basis.value, *_cells(fleet, basis))
    return table


def _cells(fleet: Mapping[str, Any], basis: CostBasis) -> tuple[str, str, str]:
    if basis is CostBasis.UNKNOWN:
        return "unknown", "unknown", ""
    cost, saved = (amount(fleet[f"{basis}_{what}_usd"], basis) for what in ("cost", "savings"))
    if basis is CostBasis.ESTIMATED:
        return cost, saved, ""
    error = fleet["estimate_error_fraction"]
    beside = amount(fleet["compared_estimated_cost_usd"], CostBasis.ESTIMATED)
    return cost, saved, beside if error is None else f"{beside} ({error:+.1%})"
