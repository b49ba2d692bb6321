"""The pages under /headroom, for those who may read the DAG they are about and for nobody else; they are only read."""

from typing import Annotated, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headroom_ui import PAGE_PATH, PUSHES_PATH
from headroom_ui.cannot_be_shown import say_what_cannot_be_read
from headroom_ui.newest_report import read_newest_report
from headroom_ui.pushes import NoSuchPageError, read_pushes

ROLLBACK_DAG: Final = "rollback_scaling"
MOST_PAGES: Final = 10_000
GUARDING_DAG: Final = "scale_ahead"
"""Who may read this DAG may read the pages, which show what its runs planned and pushed (docs/security.md)."""

HEADERS: Final = {
    # A page is self-contained: it may load nothing and send nothing, and runs in an origin of its own, out of reach of
    # the Airflow session. Its own policy narrows the scripts to those it was made with.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",  # Airflow shows the page in a frame
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer of the app, refusals included."""


def create_app() -> ASGIApp:
    """Return the pages with the headers around them: inside, the answer to a failure would go without."""
    return _SecurityHeaders(make_pages())


def make_pages() -> FastAPI:
    """Return the pages; Airflow checks no login for a plugin's app, so the app asks for it on every path."""
    app = FastAPI(
        title="Headroom",
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=GUARDING_DAG))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )

    @app.get(PAGE_PATH)
    @say_what_cannot_be_read
    def show_newest_report() -> HTMLResponse:
        """Show the newest report, or how to get a first one."""
        return HTMLResponse(read_newest_report())

    @app.get(PUSHES_PATH)
    @say_what_cannot_be_read
    def show_pushes(
        user: GetUserDep,
        fleet: Annotated[str, Query(max_length=100)] = "",
        page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    ) -> HTMLResponse:
        """Show the newest pushes; to take one back the page asks Airflow's API, which asks who it is."""
        try:
            text, policy = read_pushes(fleet_id=fleet, number=page, may_roll_back=_may_start_rollbacks(user))
        except NoSuchPageError as error:
            raise HTTPException(404, "Not Found") from error
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    return app


def _may_start_rollbacks(user: BaseUser) -> bool:
    """Whether Airflow would let `user` start a run of rollback_scaling; it decides anew when it is asked for one."""
    details = DagDetails(id=ROLLBACK_DAG, team_name=DagModel.get_team_name(ROLLBACK_DAG))
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )


class _SecurityHeaders:
    """Puts `HEADERS` on whatever the app answers; the page of pushes has a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
