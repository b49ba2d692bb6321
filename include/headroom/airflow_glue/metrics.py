"""Our few metrics through Airflow's own: StatsD or OpenTelemetry as its section [metrics] says, nothing without.

Only OpenTelemetry and the StatsD dialects of Datadog and InfluxDB carry labels; for plain StatsD the label is the last
part of the name, and deploy/alerts/statsd_mapping.yml makes a label of it again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from headroom.insight.metrics import METRICS, Measurement

PUSH_DELAY = "headroom.push_delay_seconds"


def emit_measurements(measurements: Iterable[Measurement], *, gauge: Callable[..., None] = stats.gauge) -> int:
    """Set a gauge per measurement; return how many."""
    count = 0
    has_labels = carries_labels()
    for item in measurements:
        kind = METRICS[item.name].label
        if item.label is None or kind is None:
            gauge(item.name, item.value)
        elif has_labels:
            gauge(item.name, item.value, tags={kind: item.label})
        else:
            gauge(f"{item.name}.{item.label}", item.value)
        count += 1
    _flush()
    return count


def emit_push_delay(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Set the gauge of how long after the hour's close a chunk was pushed; hand the task's counts on."""
    if "seconds_after_close" in counts:
        emit_measurements([Measurement(name=PUSH_DELAY, value=counts["seconds_after_close"])])
    return dict(counts)


def carries_labels() -> bool:
    """Whether what Airflow's section [metrics] switches on takes labels."""
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_datadog_metrics_tags", fallback=True))
    if conf.getboolean("metrics", "statsd_on", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False))
    return bool(conf.getboolean("metrics", "otel_on", fallback=False))


def _flush() -> None:
    """Send what OpenTelemetry has gathered: a task's process is gone before its exporter wakes up."""
    if conf.getboolean("metrics", "otel_on", fallback=False):
        from opentelemetry import metrics  # noqa: PLC0415, only where it is switched on

        flush = getattr(metrics.get_meter_provider(), "force_flush", None)
        if flush is not None:
            flush()
