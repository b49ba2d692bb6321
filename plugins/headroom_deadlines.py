"""Airflow plugin: makes the deadlines that count from the close of a window known to the scheduler."""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from headroom.airflow_glue.deadlines import WindowClosed


class HeadroomDeadlines(AirflowPlugin):
    """Registers the deadline references that the DAGs use."""

    name = "headroom_deadlines"
    deadline_references: ClassVar[list[Any]] = [WindowClosed]
