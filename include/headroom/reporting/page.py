"""Jinja templates to HTML, every value escaped; a page runs the scripts it was made with and no other."""

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
_SCRIPT = re.compile(r"<script(?: [^>]*)?>(.*?)</script>", re.DOTALL)


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


def content_policy(scripts: Iterable[Markup], *, may_ask_its_server: bool = False) -> str:
    """Return the Content-Security-Policy of a page: `scripts` by their hashes, inline styles, drawn images, no network.

    With `may_ask_its_server` its scripts may ask the server that it came from, and no other. So what slips through all
    escaping still does not run, also in a page that was saved and opened from a disk.
    """
    texts = [text for script in scripts for text in _SCRIPT.findall(script)]
    allowed = " ".join(f"'sha256-{_sha256(text)}'" for text in texts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'" + ("; connect-src 'self'" if may_ask_its_server else "")
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render_page(
    template: str, *, scripts: Iterable[Markup] = (), may_ask_its_server: bool = False, **values: object
) -> str:
    """Render a template of the templates folder; an undefined name raises instead of printing nothing.

    `scripts` are all fragments among `values` that hold scripts of ours.
    """
    policy = content_policy(scripts, may_ask_its_server=may_ask_its_server)
    return _environment().get_template(template).render(content_policy=policy, **values)


@cache
def _environment() -> Environment:
    """Return the one environment of a process, so that each template is compiled once and not for every page."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(usd=_usd, moment=_moment, number=_number)
    return environment
