"""The pages under /headroom: the newest report, for those who may see the Airflow UI and for nobody else."""

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from headroom_ui import PAGE_PATH
from headroom_ui.newest_report import read_newest_report

CONTENT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""The report is one self-contained page: whatever stands in it, it may load nothing and send nothing."""


def create_app() -> FastAPI:
    """Return the app; Airflow checks no login for a plugin's app, so the app asks for it on every path."""
    app = FastAPI(
        title="Headroom",
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )

    @app.get(PAGE_PATH)
    def show_newest_report() -> HTMLResponse:
        """Show the newest report, or how to get a first one."""
        return HTMLResponse(
            read_newest_report(),
            headers={"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "no-store"},
        )

    return app
