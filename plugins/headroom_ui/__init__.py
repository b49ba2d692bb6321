"""Airflow plugin: Headroom's page inside the Airflow UI, behind its login.

Every Airflow process loads every plugin, each task's process too, so nothing but names is imported here.
"""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from headroom_ui.late_app import LateApp

URL_PREFIX = "/headroom"
PAGE_PATH = "/report"


class HeadroomUi(AirflowPlugin):
    """Adds the entry Headroom to the navigation; it shows the newest report."""

    name = "headroom_ui"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": LateApp("headroom_ui.app", "create_app"), "url_prefix": URL_PREFIX, "name": "Headroom"},
    ]
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Headroom",
            "href": f"{URL_PREFIX}{PAGE_PATH}",
            "destination": "nav",
            "url_route": "headroom",
            "nav_top_level": True,
        },
    ]
