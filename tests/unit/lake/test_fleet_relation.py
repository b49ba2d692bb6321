from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from headroom.domain.fleet import (
    BillingMatch,
    Bounds,
    DemandSource,
    Fleet,
    InstanceOption,
    MetricReference,
    Target,
    TargetKind,
)
from headroom.domain.serving import Objective, Slots
from headroom.lake.fleet_relation import FLEET_RELATION_SCHEMA, fleet_relation, latency_metric

METRIC = MetricReference(namespace="App", name="Requests")


def fleet(**changes: Any) -> Any:
    return Fleet(
        **{
            "id": "chat",
            "target": Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name="chat"),
            "demand": DemandSource(metric=METRIC),
            "objective": Objective(latency_seconds=2.0, percentile=99.0),
            "serving": Slots(service_seconds=0.4),
            "instance_types": (InstanceOption(name="g5.xlarge"),),
            "lead_time_seconds": 300.0,
            "bounds": Bounds(min_instances=1, max_instances=9),
        }
        | changes,
    )


def test_a_fleet_becomes_a_row_with_nulls_for_what_is_unknown() -> None:
    relation = fleet_relation([fleet()])

    assert relation.schema == FLEET_RELATION_SCHEMA
    assert relation.to_pylist() == [
        {
            "fleet_id": "chat",
            "region": "us-east-1",
            "tags": None,
            "demand_unit": "requests",
            "expected_period_seconds": 300,
            "objective_latency_seconds": 2.0,
            "objective_percentile": 99.0,
            "objective_latency_metric": "latency_p99_seconds",
            "has_error_metric": False,
            "is_demand_omitted_at_zero": False,
            "instance_type": "g5.xlarge",
            "sustainable_rate_per_second": None,
            "on_demand_usd_per_hour": None,
            "price_day_utc": None,
            "baseline_instances": None,
        },
    ]


def test_what_is_known_elsewhere_fills_what_the_configuration_leaves_open() -> None:
    configured = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=9.0, on_demand_usd_per_hour=5.672)

    rows = fleet_relation(
        [fleet(), fleet(id="embed", instance_types=(configured,), billing=BillingMatch(tags={"b": "2", "a": "1"}))],
        sustainable_rate_per_second={"chat": 4.0, "embed": 1.0},
        on_demand_usd_per_hour={"chat": 0.1, "embed": 99.0},
        price_day_utc={"chat": date(2026, 11, 20)},
        baseline_instances={"chat": 50.0},
        expected_period_seconds=60,
    ).to_pylist()

    assert [row["sustainable_rate_per_second"] for row in rows] == [4.0, 9.0]
    assert [row["on_demand_usd_per_hour"] for row in rows] == [Decimal("0.1"), Decimal("5.672")]
    assert [row["price_day_utc"] for row in rows] == [date(2026, 11, 20), None]
    assert [row["baseline_instances"] for row in rows] == [50.0, None]
    assert rows[1]["tags"] == '{"a": "1", "b": "2"}'
    assert rows[0]["expected_period_seconds"] == 60


def test_objectives_on_tokens_and_empty_tags_are_null() -> None:
    (row,) = fleet_relation(
        [
            fleet(
                objective=Objective(ttft_seconds=0.5, itl_seconds=0.05),
                billing=BillingMatch(tags={}),
                metrics={"error_count": METRIC},
            ),
        ],
    ).to_pylist()

    assert (row["objective_latency_seconds"], row["tags"], row["has_error_metric"]) == (None, None, True)


@pytest.mark.parametrize(
    ("percentile", "metric"),
    [(50, "p50"), (75, "p95"), (95, "p95"), (95.5, "p99"), (99, "p99"), (99.9, "p99")],
)
def test_an_objective_is_judged_by_the_next_higher_percentile_there_is(percentile: Any, metric: str) -> None:
    assert latency_metric(percentile) == f"latency_{metric}_seconds"


def test_no_fleets_give_an_empty_relation() -> None:
    assert fleet_relation([]).num_rows == 0
