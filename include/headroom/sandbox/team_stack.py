"""The team set-up as processes in one folder: sandbox cloud with the lake, PostgreSQL, Redis, Airflow with workers."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.local_stack import DEMO_CONFIG, LocalStack
from headroom.sandbox.ports import find_free_ports
from headroom.sandbox.postgres_server import LocalPostgres, remove_cluster
from headroom.sandbox.redis_server import LocalRedis
from headroom.sandbox.team_airflow import TeamAirflow

LAKE_BUCKET = "headroom-lake"
LAKE_ROOT = f"s3://{LAKE_BUCKET}/team"


class TeamStack(LocalStack):
    """What LocalStack is for one machine, in the parts a team would run; `options` are Airflow's own."""

    airflow: TeamAirflow

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        config_folder: Path = DEMO_CONFIG,
        airflow_port: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        database_port, queue_port = find_free_ports(2)
        self.database = LocalPostgres(folder, port=database_port, on_start=self._remember)
        self.queue = LocalRedis(folder, port=queue_port, on_start=self._remember)
        self._options = options
        super().__init__(folder, environment=environment, config_folder=config_folder, airflow_port=airflow_port)

    def prepare(self) -> None:
        """Empty the folder, ending what an earlier try-out left; AlreadyRunningError if that one is still at work."""
        self._refuse_second()
        self.record.end_all()
        remove_cluster(self.folder)
        super().prepare()

    def wait_for_cloud(self) -> datetime:
        """Wait until the cloud answers, and make the lake's bucket; return the cloud's clock."""
        now_utc = super().wait_for_cloud()
        self.cloud.client("s3").create_bucket(Bucket=LAKE_BUCKET)
        return now_utc

    def start_airflow(self) -> None:
        """Start database, queue and Airflow."""
        self.database.start()
        self.queue.start()
        super().start_airflow()

    def sessions(self) -> dict[str, int]:
        """Return database and queue last: they are ended after those that use them."""
        return {**super().sessions(), **self.queue.sessions(), **self.database.sessions()}

    def check_running(self) -> None:
        """Raise ProcessEndedError if a server has ended."""
        self.database.check_running()
        self.queue.check_running()
        super().check_running()

    def stop(self) -> None:
        """End everything that was started; no process is left when this returns."""
        super().stop()
        self.queue.stop()
        self.database.stop()

    def _lake_root(self) -> str:
        return LAKE_ROOT

    def _make_airflow(self, port: int | None) -> LocalAirflow:
        return TeamAirflow(
            home=self.folder / "airflow",
            environment=self.environment,
            database_url=self.database.url,
            broker_url=self.queue.url,
            port=port,
            options=self._options,
            on_start=self._remember,
        )
