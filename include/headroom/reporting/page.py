"""Jinja templates to HTML, every value escaped."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def _usd(amount: float | None) -> str:
    if amount is None:
        return "unknown"
    return f"${amount:,.0f}" if abs(amount) >= 100 else f"${amount:,.2f}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%a %d %b %H:%M")


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def render_page(template: str, **values: object) -> str:
    """Render a template of the templates folder; an undefined name raises instead of printing nothing."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(usd=_usd, moment=_moment, number=_number)
    return environment.get_template(template).render(**values)
