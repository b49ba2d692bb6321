"""Airflow plugin: Headroom's pages inside the Airflow UI, behind its login.

Every Airflow process loads every plugin, each task's process too, so nothing but names is imported here.
"""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from headroom_ui.late_app import LateApp

URL_PREFIX = "/headroom"
PAGE_PATH = "/report"
PUSHES_PATH = "/pushes"


class HeadroomUi(AirflowPlugin):
    """Adds two entries to the navigation: Headroom shows the newest report, Pushes what can be rolled back."""

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
        {
            "name": "Pushes",
            "href": f"{URL_PREFIX}{PUSHES_PATH}",
            "destination": "nav",
            "url_route": "headroom-pushes",
            "nav_top_level": True,
        },
    ]
