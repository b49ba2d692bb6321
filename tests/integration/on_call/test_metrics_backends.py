"""Our gauges reach a StatsD server and an OpenTelemetry collector as Airflow's task process sets its stats up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.on_call.listeners import OtlpCollector, StatsdListener

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parents[3]
# The first statement is that of airflow.sdk.execution_time.task_runner.main, which every task's process runs.
TASK = """
from airflow.sdk.configuration import conf
from airflow.sdk._shared.observability.metrics import stats
from airflow.sdk.observability.metrics import stats_utils
stats.initialize(
    factory=stats_utils.get_stats_factory(),
    export_legacy_names=conf.getboolean("metrics", "legacy_names_on"),
)

import os
from headroom.airflow_glue.metrics import emit_measurements
from headroom.insight.metrics import Measurement
emit_measurements([
    Measurement(name="headroom.hours_behind", value=0.25),
    Measurement(name="headroom.refused_pushes", value=2, label="data_fresh"),
    Measurement(name="headroom.fleet_hours_behind", value=3.5, label="chat-large"),
])
os._exit(0)  # as a task's process ends: no exit handler gets its turn
"""


def run_task(folder: Path, **options: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "OTEL_"))},
        "PYTHONPATH": str(PROJECT / "include"),
        "AIRFLOW_HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        **options,
    }
    done = subprocess.run([sys.executable, "-c", TASK], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def statsd() -> Iterator[StatsdListener]:
    listener = StatsdListener()
    yield listener
    listener.close()


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    collector = OtlpCollector()
    yield collector
    collector.close()


def test_plain_statsd_gets_every_gauge_with_its_label_in_the_name(statsd: StatsdListener, tmp_path: Path) -> None:
    options = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(statsd.port)}
    run_task(tmp_path, **{f"AIRFLOW__METRICS__{name}": value for name, value in options.items()})
    statsd.close()
    assert statsd.gauges == {
        "airflow.headroom.hours_behind": 0.25,
        "airflow.headroom.refused_pushes.data_fresh": 2,
        "airflow.headroom.fleet_hours_behind.chat-large": 3.5,
    }


def test_opentelemetry_gets_every_gauge_with_its_label_before_the_process_ends(
    collector: OtlpCollector, tmp_path: Path
) -> None:
    run_task(tmp_path, AIRFLOW__METRICS__OTEL_ON="True", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert collector.gauges == {
        ("airflow.headroom.hours_behind", ()): 0.25,
        ("airflow.headroom.refused_pushes", (("rule", "data_fresh"),)): 2,
        ("airflow.headroom.fleet_hours_behind", (("fleet", "chat-large"),)): 3.5,
    }


def test_without_a_backend_a_task_ends_well(tmp_path: Path) -> None:
    run_task(tmp_path)
