"""The sandbox cloud and an Airflow that works on it, in one folder, started and ended together."""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from headroom.config.settings import PACKAGE_ROOT, PROJECT_ROOT
from headroom.lake.s3_storage import S3Storage
from headroom.lake.storage import LocalStorage, Storage
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.control_client import SandboxControl
from headroom.sandbox.ports import LOOPBACK, find_free_ports
from headroom.sandbox.process import ENDPOINT_FILE
from headroom.sandbox.process_group import ProcessEndedError, StartedProcess
from headroom.sandbox.running_record import RunningRecord
from headroom.sandbox.stop_signals import holding_stop_signals

DEMO_CONFIG = PACKAGE_ROOT / "sandbox" / "config"
RECORD_FILE = "running.json"
SANDBOX_TIMEOUT_SECONDS = 120.0
HISTORY_TIMEOUT_SECONDS = 600.0
POLL_SECONDS = 0.2
DEMAND_VARIABLE = "HEADROOM_SANDBOX_DEMAND"

PRELOADED_MODULES = ("headroom.airflow_glue.task_preload",)


class AlreadyRunningError(RuntimeError):
    """Another try-out works in the same folder."""


class LocalStack:
    """Sandbox cloud, lake and Airflow under `folder`, which is emptied when they are prepared.

    Whatever way the caller ends, `stop` must be called: it ends all that was started, by process id.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        config_folder: Path = DEMO_CONFIG,
        airflow_port: int | None = None,
    ) -> None:
        self.folder = folder
        self.lake_folder = folder / "lake"
        self.config_folder = config_folder
        self.record = RunningRecord(folder / RECORD_FILE)
        self._inherited = environment
        (self._cloud_port,) = find_free_ports(1)
        self.cloud = SandboxControl(f"http://{LOOPBACK}:{self._cloud_port}")
        self.environment = self._task_environment()
        self.airflow = self._make_airflow(airflow_port)
        self._cloud_process: StartedProcess | None = None
        self._history_process: StartedProcess | None = None

    def prepare(self) -> None:
        """Empty the folder, ending what an earlier try-out left; AlreadyRunningError if that one is still at work."""
        self._refuse_second()
        self.record.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lake_folder.mkdir(parents=True)

    def start_cloud(self) -> None:
        """Start the sandbox cloud; `wait_for_cloud` says when it answers."""
        demand = self._inherited.get(DEMAND_VARIABLE)
        state = self.folder / "cloud"
        command = [sys.executable, "-m", "headroom.sandbox", "--state", str(state), "--port", str(self._cloud_port)]
        if demand:
            command += ["--demand", str(Path(demand).absolute())]
        with holding_stop_signals():
            self._cloud_process = self._start("sandbox cloud", command)
            self._remember()

    def wait_for_cloud(self) -> datetime:
        """Wait until the cloud answers; return its clock."""
        deadline = time.monotonic() + SANDBOX_TIMEOUT_SECONDS
        while not (self.folder / "cloud" / ENDPOINT_FILE).exists():
            if self._cloud_process is not None:
                self._cloud_process.check_running()
            if time.monotonic() > deadline:
                raise ProcessEndedError(f"the sandbox cloud is not ready after {SANDBOX_TIMEOUT_SECONDS:g} s")
            time.sleep(POLL_SECONDS)
        return self.cloud.clock()

    def start_airflow(self) -> None:
        """Make the metadata database and start Airflow."""
        self.airflow.prepare()
        self.airflow.start()

    def start_history(self, first_day: date, last_day: date) -> None:
        """Begin to settle older days into the lake."""
        command = [sys.executable, "-m", "headroom.sandbox.bootstrap_history", f"{first_day}", f"{last_day}"]
        with holding_stop_signals():
            self._history_process = self._start("history", command)
            self._remember()

    def is_history_done(self) -> bool:
        """Whether the older days are settled; raise ProcessEndedError if that failed."""
        if self._history_process is None or self._history_process.is_running:
            return False
        self._history_process.wait_for_success(timeout_seconds=HISTORY_TIMEOUT_SECONDS)
        return True

    @property
    def lake_files(self) -> Storage:
        """The files of the lake that the tasks write."""
        root = self._lake_root()
        if not root.startswith("s3://"):
            return LocalStorage(Path(root))
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        return S3Storage(bucket, prefix, client=self.cloud.client("s3"))

    def settled_days(self) -> int:
        """Return how many days of metrics are settled in the lake."""
        files = self.lake_files.list("raw/metric_sample", name_prefix="day=")
        return sum(1 for path in files if path.endswith("/settled.parquet"))

    def sessions(self) -> dict[str, int]:
        """Return what was started by name, each the leader of a session, in the order in which it is to be ended."""
        started = [process for process in (self._cloud_process, self._history_process) if process is not None]
        return {**{process.name: process.process_id for process in started}, **self.airflow.sessions()}

    def check_running(self) -> None:
        """Raise ProcessEndedError if a server has ended."""
        if self._cloud_process is not None:
            self._cloud_process.check_running()
        self.airflow.check_running()

    def stop(self) -> None:
        """End everything that was started; no process is left when this returns."""
        if self._history_process is not None:
            self._history_process.stop(grace_seconds=1.0)
        self.airflow.stop()
        if self._cloud_process is not None:
            self._cloud_process.stop()
        self.record.end_all()

    def _start(self, name: str, command: list[str]) -> StartedProcess:
        return StartedProcess(
            command,
            name=name,
            log_path=self.folder / "logs" / f"{name.replace(' ', '_')}.log",
            environment=self.environment,
            folder=PROJECT_ROOT,
        )

    def _task_environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in self._inherited.items()
            if not name.startswith(("AWS_", "HEADROOM_", "AIRFLOW_"))
        }
        return {
            **kept,
            **self.cloud.environment(),
            "PYTHONPATH": str(PACKAGE_ROOT.parent),
            "HEADROOM_CONFIG": str(self.config_folder),
            "HEADROOM_LAKE": self._lake_root(),
            "HEADROOM_WAREHOUSE": str(self.folder / "warehouse.duckdb"),
            "HEADROOM_CLOCK": "manual",
        }

    def _refuse_second(self) -> None:
        starter = self.record.living_starter()
        if starter is not None:
            raise AlreadyRunningError(f"process {starter} works in {self.folder}: end it first")

    def _lake_root(self) -> str:
        return str(self.lake_folder)

    def _make_airflow(self, port: int | None) -> LocalAirflow:
        return LocalAirflow(
            home=self.folder / "airflow",
            environment=self.environment,
            port=port,
            preloaded_modules=PRELOADED_MODULES,
            on_start=self._remember,
        )

    def _remember(self) -> None:
        self.record.write(list(self.sessions().values()))
