"""Who may do what: the table of docs/security.md, as requests to Airflow's API."""

from dataclasses import dataclass, field
from typing import Any

ORDER = ("viewer", "user", "op", "admin")
PUSH_ID = "chat-large-20261118T0600Z-0a1b2c3d"
RUN = "/api/v2/dags/scale_ahead/dagRuns/none"


@dataclass(frozen=True)
class Right:
    """`lowest` is the least role that may, with SimpleAuthManager and with FAB.

    404 means allowed, and nothing of that name there.
    """

    what: str
    method: str
    path: str
    lowest: dict[str, str]
    body: dict[str, Any] | None = None
    allowed: set[int] = field(default_factory=lambda: {200})


def _both(role: str) -> dict[str, str]:
    return {"simple": role, "fab": role}


RIGHTS = (
    Right("See the pages", "GET", "/headroom/report", _both("viewer")),
    Right("See pushes, and which were rolled back", "GET", "/headroom/pushes", _both("viewer")),
    Right("See DAGs, runs and task logs", "GET", "/api/v2/dags/scale_ahead/dagRuns", _both("viewer")),
    Right(
        "Start a run of a DAG",
        "POST",
        "/api/v2/dags/scale_ahead/dagRuns",
        _both("user"),
        {"logical_date": None, "conf": {"window": "2026-11-18T05:00:00+00:00"}},
        {200, 409},
    ),
    Right(
        "Roll a push back",
        "POST",
        "/api/v2/dags/rollback_scaling/dagRuns",
        _both("user"),
        {"logical_date": None, "conf": {"push_id": PUSH_ID, "dry_run": True, "reason": "incident 4711"}},
        {200, 409},
    ),
    Right(
        "Approve or reject a push",
        "PATCH",
        f"{RUN}/taskInstances/approve_fleet.ask/0/hitlDetails",
        _both("user"),
        {"chosen_options": ["Approve"], "params_input": {}},
        {404},
    ),
    Right("Pause or unpause a DAG", "PATCH", "/api/v2/dags/scale_ahead", _both("user"), {"is_paused": True}),
    Right(
        "Clear tasks, so that they run again",
        "POST",
        "/api/v2/dags/scale_ahead/clearTaskInstances",
        _both("user"),
        {"dry_run": True},
    ),
    Right(
        "Backfill",
        "POST",
        "/api/v2/backfills",
        _both("user"),
        {
            "dag_id": "settle_days",
            "from_date": "2026-11-17T00:00:00Z",
            "to_date": "2026-11-17T00:00:00Z",
            "max_active_runs": 1,
        },
        {200, 409},
    ),
    Right("See Connections (passwords masked)", "GET", "/api/v2/connections", _both("op")),
    Right("See Variables", "GET", "/api/v2/variables", _both("op")),
    Right(
        "See Airflow's configuration (off unless `[api] expose_config`)",
        "GET",
        "/api/v2/config",
        {"simple": "viewer", "fab": "op"},
    ),
    Right("See the audit log", "GET", "/api/v2/eventLogs", {"simple": "viewer", "fab": "admin"}),
)


def may(role: str, lowest: str) -> bool:
    return ORDER.index(role) >= ORDER.index(lowest)
