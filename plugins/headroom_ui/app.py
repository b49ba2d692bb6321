"""The pages under /headroom: the newest report, for those who may read the DAG it is about and for nobody else."""

from typing import Final

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headroom_ui import PAGE_PATH
from headroom_ui.newest_report import read_newest_report

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
    def show_newest_report() -> HTMLResponse:
        """Show the newest report, or how to get a first one."""
        return HTMLResponse(read_newest_report())

    return app


class _SecurityHeaders:
    """Puts `HEADERS` on whatever the app answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
