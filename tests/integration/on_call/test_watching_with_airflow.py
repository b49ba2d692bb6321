"""A real Airflow whose hour went wrong: gauges over UDP, one message for it, and a deadline from the hour's close."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.end_to_end.demo_under_test import wait_until
from tests.integration.on_call.listeners import StatsdListener
from tests.unit.airflow_glue.alert_inbox import Inbox

from headroom.airflow_glue.deadlines import counts_from
from headroom.config import load_fleets
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import DagRun
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.local_stack import DEMO_CONFIG
from headroom.sandbox.process import SandboxProcess

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


@dataclass
class OnCall:
    """Airflow, the sandbox cloud, and where gauges and messages arrive."""

    airflow: LocalAirflow
    sandbox: SandboxProcess
    statsd: StatsdListener
    inbox: Inbox

    def run(self, dag_id: str, window: Window) -> DagRun:
        """Run a DAG about a window and return the run, finished."""
        started = self.airflow.api.trigger(dag_id, key=window_key(window))

        def found() -> DagRun:
            return next(run for run in self.airflow.api.runs(dag_id) if run.run_id == started.run_id)

        wait_until(lambda: found().is_finished, f"{dag_id} of {window_key(window)}")
        return found()


@pytest.fixture(scope="module")
def on_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnCall]:
    folder = tmp_path_factory.mktemp("on call")
    statsd, inbox = StatsdListener(), Inbox()
    with SandboxProcess(folder / "cloud") as sandbox:
        environment = {
            "AWS_ENDPOINT_URL": sandbox.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
            "HEADROOM_CONFIG": str(DEMO_CONFIG),
            "HEADROOM_LAKE": str(folder / "lake"),
            "HEADROOM_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "HEADROOM_ALERT_URL": inbox.url,
            "NO_PROXY": "127.0.0.1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        options = {
            "METRICS__STATSD_ON": "True",
            "METRICS__STATSD_HOST": "127.0.0.1",
            "METRICS__STATSD_PORT": str(statsd.port),
        }
        airflow = LocalAirflow(home=folder / "airflow", environment=environment, options=options)
        try:
            airflow.prepare()
            airflow.start()
            airflow.wait_until_ready({path.stem for path in (Path(__file__).parents[3] / "dags").glob("*.py")})
            yield OnCall(airflow, sandbox, statsd, inbox)
        finally:
            airflow.stop()
            statsd.close()
            inbox.close()


def newest_hour(on_call: OnCall) -> Window:
    closed = floor_hour(on_call.sandbox.clock())
    return Window(closed - HOUR, closed)


def test_an_hour_without_pushes_is_measured_and_told_once(on_call: OnCall) -> None:
    fleets = [fleet.id for fleet in load_fleets(DEMO_CONFIG / "fleets.yaml")]
    window = newest_hour(on_call)
    assert on_call.run("watch_fleets", window).state == "failed"
    wait_until(lambda: "airflow.headroom.late_pushes" in on_call.statsd.gauges, "gauges over UDP")
    gauges = on_call.statsd.gauges
    assert gauges["airflow.headroom.late_pushes"] == len(fleets)
    assert gauges["airflow.headroom.worst_fleet_hours_behind"] == 24
    assert {f"airflow.headroom.fleet_hours_behind.{fleet_id}" for fleet_id in fleets} <= set(gauges)
    assert gauges["airflow.headroom.refused_pushes.kill_switch"] == 0

    wait_until(lambda: bool(on_call.inbox.texts), "a message")
    assert on_call.run("watch_fleets", window).state == "failed"
    (text,) = on_call.inbox.texts
    first, run, runbook = text.splitlines()
    assert first.startswith(f"[critical] Headroom: watch_fleets.check_outcomes failed for {window_key(window)}: ")
    assert first.count("scale_ahead has pushed nothing for it") == len(fleets)
    assert run.startswith(f"run: {on_call.airflow.url}/dags/watch_fleets/runs/")
    assert runbook == "runbook: docs/runbook.md#an-hour-has-no-verified-actions"


def test_a_deadline_counts_from_the_close_and_missing_it_is_told(on_call: OnCall) -> None:
    on_call.inbox.texts.clear()
    window = newest_hour(on_call)
    asked = datetime.now(UTC)
    started = on_call.airflow.api.trigger("settle_days", key=f"{window.day}T00:00:00")
    database = next(Path(on_call.airflow.home).glob("*.db"))
    with sqlite3.connect(database, timeout=30) as connection:
        query = "select d.id, d.deadline_time from deadline d join dag_run r on r.id = d.dagrun_id where r.run_id = ?"
        ((deadline_id, moment),) = connection.execute(query, (started.run_id,)).fetchall()
        counted = counts_from(f"{window.day}T00:00:00", window_hours=24, is_scheduled=False, now_utc=asked)
        found = datetime.fromisoformat(moment)
        found = found.replace(tzinfo=found.tzinfo or UTC)
        assert abs(found - counted - timedelta(hours=6)) < timedelta(minutes=2)
        # Let six hours pass for it.
        connection.execute(
            "update deadline set deadline_time = ? where id = ?", ("2026-01-01 00:00:00.000000", deadline_id)
        )
    is_told = "it is not done 360 minutes after its window closed"
    wait_until(lambda: any(is_told in text for text in on_call.inbox.texts), "the missed deadline")
    (text,) = [text for text in on_call.inbox.texts if is_told in text]
    assert f"dags/settle_days/runs/{started.run_id[:7]}" in text
    assert text.startswith("[warning] ")
