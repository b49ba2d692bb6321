"""The team's Airflow as processes: CeleryExecutor on PostgreSQL and Redis, a triggerer, workers that come and go."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from headroom.sandbox.airflow_process import COMPONENTS, MIGRATION_TIMEOUT_SECONDS, LocalAirflow

WORKERS: Final = 2
WORKER_CONCURRENCY: Final = 2
TEAM_ACCOUNTS: Final = ("headroom.airflow_glue.team_accounts",)

TEAM_OPTIONS: Final[Mapping[str, str]] = {
    "CORE__EXECUTOR": "CeleryExecutor",
    "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__PARALLELISM": str(WORKERS * WORKER_CONCURRENCY),
    # Slow imports are done once, in the process that a worker's tasks are forked from.
    "CELERY__EXTRA_CELERY_CONFIG": '{"imports": ["headroom.airflow_glue.task_preload"]}',
    "CELERY__WORKER_CONCURRENCY": str(WORKER_CONCURRENCY),
    # Longer than any task may take: a message that a lost worker held is then given to another.
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "14400",
    # A lost worker's tasks are tried again after this; an hour's actions cannot wait for the default of 300 s.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
}
"""Addresses and secrets come beside these, made anew each time."""


class TeamAirflow(LocalAirflow):
    """API server, scheduler, DAG processor, triggerer and `WORKERS` Celery workers, with one folder of logs.

    `database_url` and `broker_url` hold passwords. `options` are over all others.
    """

    description = f"CeleryExecutor with {WORKERS} workers, PostgreSQL, Redis, loopback only"

    def __init__(
        self,
        *,
        home: Path,
        environment: Mapping[str, str],
        database_url: str,
        broker_url: str,
        port: int | None = None,
        options: Mapping[str, str] | None = None,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        addresses = {
            "DATABASE__SQL_ALCHEMY_CONN": database_url,
            "CELERY__BROKER_URL": broker_url,
            "CELERY__RESULT_BACKEND": f"db+{database_url}",
            "CORE__FERNET_KEY": Fernet.generate_key().decode(),
        }
        super().__init__(
            home=home,
            environment=environment,
            port=port,
            options={**TEAM_OPTIONS, **addresses, **(options or {})},
            on_start=on_start,
        )
        self._environment["HEADROOM_ADMIN_PASSWORD"] = self.password

    def prepare(self) -> None:
        """Create the metadata database and the first admin; raise ProcessEndedError if that fails."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._run("accounts", TEAM_ACCOUNTS, timeout_seconds=MIGRATION_TIMEOUT_SECONDS)
        del self._environment["HEADROOM_ADMIN_PASSWORD"]  # no task shall see it

    def start(self) -> None:
        """Start all processes; `wait_until_ready` says when they serve."""
        super().start()
        self._start("triggerer", COMPONENTS["triggerer"])
        for number in range(1, WORKERS + 1):
            self.start_worker(number)

    def start_worker(self, number: int) -> None:
        """Start a worker, for the first time or again after `kill_worker`."""
        self._start(worker_name(number), (*COMPONENTS["worker"], "--celery-hostname", f"celery@{worker_name(number)}"))

    def worker_of(self, process_id: int) -> int | None:
        """Return the number of the worker that a task's process belongs to; None where it is of no living worker."""
        try:
            session_id = os.getsid(process_id)
        except ProcessLookupError:
            return None
        sessions = self.sessions()
        return next((n for n in range(1, WORKERS + 1) if sessions.get(worker_name(n)) == session_id), None)

    def kill_worker(self, number: int) -> None:
        """End a worker and the tasks it runs as a lost machine would."""
        self._processes.pop(worker_name(number)).kill()

    def stop_worker(self, number: int) -> None:
        """End a worker in good order."""
        self._processes.pop(worker_name(number)).stop()


def worker_name(number: int) -> str:
    """Return what a worker is called, in Celery and in its log's name."""
    return f"worker-{number}"
