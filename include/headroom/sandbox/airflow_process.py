"""An Airflow of our own, bound to loopback, in a folder of its own, ended whole; by default LocalExecutor on SQLite."""

import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.airflow_api import AirflowApi
from headroom.sandbox.ports import LOOPBACK, find_free_ports
from headroom.sandbox.process_group import StartedProcess
from headroom.sandbox.stop_signals import holding_stop_signals

USER: Final = "admin"
MIGRATION_TIMEOUT_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.5

COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "worker": ("celery", "worker", "--skip-serve-logs"),
}
"""Airflow's long-running commands.

None serves logs: those servers listen on every address. All write into one folder, which the API server reads.
"""

PRELOADED_MODULES: Final = (
    "airflow",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
)
"""What every task process needs: imported once, in the process that the others are forked from."""


class AirflowNotReadyError(RuntimeError):
    """Airflow did not come up in time; the message says what was missing."""


class LocalAirflow:
    """API server, scheduler and DAG processor of this project's DAGs.

    `home` holds database, logs and password. `environment` is added to the caller's, for tasks to see. No run starts
    by the wall clock (HEADROOM_CLOCK=manual) unless `environment` says otherwise. `options` are Airflow's own, by
    section and key (CORE__EXECUTOR), over those set here. `on_start` is called when one more process is among
    `sessions`.
    """

    description = "LocalExecutor on SQLite, loopback only"

    def __init__(
        self,
        *,
        home: Path,
        environment: Mapping[str, str],
        project_root: Path = PROJECT_ROOT,
        parallelism: int = 4,
        port: int | None = None,
        preloaded_modules: tuple[str, ...] = (),
        options: Mapping[str, str] | None = None,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        self.home = home
        self.project_root = project_root
        self.password = secrets.token_urlsafe(12)
        (free_port,) = find_free_ports(1)
        self.port = port or free_port
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.api = AirflowApi(self.url, user=USER, password=self.password)
        self._environment = {
            **os.environ,
            **environment,
            **self._configuration(parallelism, PRELOADED_MODULES + preloaded_modules),
            **{f"AIRFLOW__{name}": value for name, value in (options or {}).items()},
            "HEADROOM_CLOCK": environment.get("HEADROOM_CLOCK", "manual"),
        }
        self._processes: dict[str, StartedProcess] = {}
        self._on_start = on_start

    def prepare(self) -> None:
        """Create folders, password and an empty metadata database; raise ProcessEndedError if that fails."""
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = self.home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({USER: self.password}))
        self.run_command("db", "migrate", timeout_seconds=MIGRATION_TIMEOUT_SECONDS)

    def start(self) -> None:
        """Start the three processes; `wait_until_ready` says when they serve."""
        self.start_api_server()
        self._start("dag-processor", COMPONENTS["dag-processor"])
        self.start_scheduler()

    def start_api_server(self) -> None:
        """Start what serves the UI, the API and our pages."""
        self._start("api-server", COMPONENTS["api-server"])

    def start_scheduler(self) -> None:
        """Start the scheduler, for the first time or again after `kill_scheduler`."""
        self._start("scheduler", COMPONENTS["scheduler"])

    def kill_scheduler(self) -> None:
        """End the scheduler and the tasks it runs as a lost machine would."""
        self._processes.pop("scheduler").kill()

    def wait_until_ready(self, dag_ids: set[str], *, timeout_seconds: float = 180.0) -> None:
        """Wait until the scheduler beats and every DAG of `dag_ids` is known; say what is missing otherwise."""
        self._wait_for(self.api.is_healthy, "a healthy scheduler", timeout_seconds)
        self._wait_for(lambda: dag_ids <= self.api.dag_ids(), f"the DAGs {', '.join(sorted(dag_ids))}", timeout_seconds)

    def check_running(self) -> None:
        """Raise ProcessEndedError if one of the processes has ended."""
        for process in self._processes.values():
            process.check_running()

    def stop(self) -> None:
        """End everything that was started; no process is left when this returns."""
        for name in reversed(list(self._processes)):
            self._processes.pop(name).stop()

    def settings_script(self) -> str:
        """Return the shell commands that let `airflow` in another shell work on this Airflow."""
        names = sorted(name for name in self._environment if name.startswith("AIRFLOW"))
        return "".join(f"export {name}={shlex.quote(self._environment[name])}\n" for name in names)

    def sessions(self) -> dict[str, int]:
        """Return the processes started by name, each the leader of a session."""
        return {name: process.process_id for name, process in self._processes.items()}

    def run_command(self, *arguments: str, timeout_seconds: float = 120.0) -> None:
        """Run `airflow ARGUMENTS` against this Airflow; raise ProcessEndedError with its output if it fails."""
        self.run_module("airflow", *arguments, name=arguments[0], timeout_seconds=timeout_seconds)

    def run_module(self, *module: str, name: str = "module", timeout_seconds: float = 120.0) -> None:
        """Run `python -m MODULE ARGUMENTS` as Airflow's processes are run; ProcessEndedError if it fails."""
        self._run(name, module, timeout_seconds=timeout_seconds)

    def _run(self, name: str, module: tuple[str, ...], *, timeout_seconds: float) -> None:
        self._start_module(name, module).wait_for_success(timeout_seconds=timeout_seconds)
        del self._processes[name]

    def _start(self, name: str, arguments: tuple[str, ...]) -> StartedProcess:
        return self._start_module(name, ("airflow", *arguments))

    def _start_module(self, name: str, module: tuple[str, ...]) -> StartedProcess:
        with holding_stop_signals():
            process = StartedProcess(
                [sys.executable, "-m", *module],
                name=" ".join(module),
                log_path=self.home / "process_logs" / f"{name}.log",
                environment=self._environment,
                folder=self.home,
            )
            self._processes[name] = process
            self._on_start()
        return process

    def _wait_for(self, condition: Callable[[], bool], wanted: str, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            self.check_running()
            if time.monotonic() > deadline:
                logs = self.home / "process_logs"
                raise AirflowNotReadyError(
                    f"Airflow has not come up with {wanted} in {timeout_seconds:g} s; see {logs}"
                )
            time.sleep(POLL_SECONDS)

    def _configuration(self, parallelism: int, preloaded_modules: tuple[str, ...]) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        python_path = [str(self.project_root / "include"), os.environ.get("PYTHONPATH", "")]
        options = {
            "CORE__DAGS_FOLDER": str(self.project_root / "dags"),
            "CORE__PLUGINS_FOLDER": str(self.project_root / "plugins"),
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(parallelism),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__MP_START_METHOD": "forkserver",
            "CORE__MP_FORKSERVER_PRELOAD": ",".join(preloaded_modules),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "API__HOST": LOOPBACK,
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.home / "bundles"),
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            # After a task ends, its worker may look only this much later whether the process is gone (default 5 s).
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        }
        return {
            "AIRFLOW_HOME": str(self.home),
            "PATH": path,
            "PYTHONPATH": os.pathsep.join(part for part in python_path if part),
            "PYTHONUNBUFFERED": "1",
            **{f"AIRFLOW__{name}": value for name, value in options.items()},
        }
