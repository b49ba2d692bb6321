from typing import Any

import pytest

from headroom.airflow_glue.metrics import carries_labels, emit_measurements, emit_push_delay
from headroom.insight.metrics import Measurement

BEHIND = Measurement(name="headroom.hours_behind", value=0.2)
CHAT = Measurement(name="headroom.fleet_hours_behind", value=3.5, label="chat")


class Gauges(list[tuple[str, float, Any]]):
    """Takes what stats.gauge takes."""

    def __call__(self, stat: str, value: float, *, tags: dict[str, str] | None = None) -> None:
        self.append((stat, value, tags))


def set_metrics(monkeypatch: pytest.MonkeyPatch, **options: str) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, False),
        ({"STATSD_ON": "True"}, False),
        ({"STATSD_ON": "True", "STATSD_INFLUXDB_ENABLED": "True"}, True),
        ({"STATSD_DATADOG_ENABLED": "True"}, True),
        ({"STATSD_DATADOG_ENABLED": "True", "STATSD_DATADOG_METRICS_TAGS": "False"}, False),
        ({"OTEL_ON": "True"}, True),
        # Airflow takes StatsD where both are on.
        ({"STATSD_ON": "True", "OTEL_ON": "True"}, False),
    ],
)
def test_what_carries_labels(monkeypatch: pytest.MonkeyPatch, options: dict[str, str], labels: bool) -> None:  # noqa: FBT001, a table
    set_metrics(monkeypatch, **options)
    assert carries_labels() is labels


def test_plain_statsd_has_the_label_last_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    set_metrics(monkeypatch, STATSD_ON="True")
    gauges = Gauges()
    assert emit_measurements([BEHIND, CHAT], gauge=gauges) == 2
    assert gauges == [("headroom.hours_behind", 0.2, None), ("headroom.fleet_hours_behind.chat", 3.5, None)]


def test_a_backend_with_labels_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    set_metrics(monkeypatch, STATSD_ON="True", STATSD_INFLUXDB_ENABLED="True")
    gauges = Gauges()
    emit_measurements([CHAT], gauge=gauges)
    assert gauges == [("headroom.fleet_hours_behind", 3.5, {"fleet": "chat"})]


def test_without_a_backend_nothing_happens() -> None:
    assert emit_measurements([BEHIND, CHAT]) == 2


def test_a_metric_that_is_not_in_the_registry_is_refused() -> None:
    with pytest.raises(KeyError):
        emit_measurements([Measurement(name="headroom.mood", value=1)])


def test_the_counts_of_a_push_are_handed_on_with_or_without_its_delay() -> None:
    assert emit_push_delay({"ok": 3, "seconds_after_close": 95.0}) == {"ok": 3, "seconds_after_close": 95.0}
    assert emit_push_delay({"ok": 3}) == {"ok": 3}
