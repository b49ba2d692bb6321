"""The page of recent pushes, each with a way to take it back: the browser asks Airflow's API to run rollback_scaling.

So who may is Airflow's decision alone, its audit log has it, and nothing of ours changes anything on a request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from markupsafe import Markup

from headroom.domain.recent_push import FleetPushes
from headroom.reporting.page import TEMPLATES, content_policy, render_page

ROLLBACK_DAG: Final = "rollback_scaling"
FLEETS_ON_A_PAGE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PushesPage:
    """What the page shows: some fleets' pushes; `fleet_id` where it is about one alone."""

    fleets: Sequence[FleetPushes]
    fleet_id: str = ""
    number: int = 1
    count: int = 1
    """This page's number, and how many pages all fleets take."""
    may_roll_back: bool = False
    """Whether Airflow would let the reader start a run of rollback_scaling."""


def render_pushes_page(page: PushesPage) -> str:
    """Return the page; without the right to roll back it has neither controls nor a script."""
    script = _script() if page.may_roll_back else Markup("")
    return render_page(
        "pushes.html.j2",
        scripts=[script],
        may_ask_its_server=page.may_roll_back,
        plotly_script="",
        script=script,
        page=page,
        dag_id=ROLLBACK_DAG,
    )


def pushes_policy(*, may_roll_back: bool) -> str:
    """Return the page's Content-Security-Policy, for its answer's header as well."""
    scripts = [_script()] if may_roll_back else []
    return f"{content_policy(scripts, may_ask_its_server=may_roll_back)}; frame-ancestors 'self'"


@cache
def _script() -> Markup:
    text = (TEMPLATES / "pushes.js").read_text(encoding="utf-8")
    return Markup(f"<script>\n{text}</script>")  # noqa: S704, a file of ours, without a word of others in it
