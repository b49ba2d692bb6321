"""What the SQL models need to know of fleets, as one relation named `fleet`: one row per fleet."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from headroom.domain.fleet import Fleet
from headroom.domain.sparse_metrics import is_omitted_at_zero
from headroom.lake.money import money_array

EXPECTED_PERIOD_SECONDS: Final = 300

LATENCY_METRICS: Final = ((50.0, "latency_p50_seconds"), (95.0, "latency_p95_seconds"), (99.0, "latency_p99_seconds"))
"""Percentiles we have as metrics; an objective at another is judged by the next higher one, at most the last."""

FLEET_RELATION_SCHEMA: Final = pa.schema(
    [
        pa.field("fleet_id", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("tags", pa.string()),
        pa.field("demand_unit", pa.string(), nullable=False),
        pa.field("expected_period_seconds", pa.int32(), nullable=False),
        pa.field("objective_latency_seconds", pa.float64()),
        pa.field("objective_percentile", pa.float64(), nullable=False),
        pa.field("objective_latency_metric", pa.string(), nullable=False),
        pa.field("has_error_metric", pa.bool_(), nullable=False),
        pa.field("is_demand_omitted_at_zero", pa.bool_(), nullable=False),
        pa.field("instance_type", pa.string(), nullable=False),
        pa.field("sustainable_rate_per_second", pa.float64()),
        pa.field("on_demand_usd_per_hour", pa.decimal128(38, 10)),
        pa.field("price_day_utc", pa.date32()),
        pa.field("baseline_instances", pa.float64()),
    ],
)
"""fleet_id is unique. tags: JSON object every tag of which a bill line must carry, null when the fleet names none.
objective_latency_seconds: null for objectives on tokens. has_error_metric: errors are measured, so no sample means none
(CloudWatch reports them only when there are some). is_demand_omitted_at_zero: no sample of demand may mean that there
was none (headroom.domain.sparse_metrics). instance_type: today's. Rates and prices are of that type and null
where unknown; price_day_utc is the day of the list the price is of, null where fleets.yaml names it. baseline_instances
is the baseline's desired count, null before a fleet is adopted."""


def fleet_relation(
    fleets: Sequence[Fleet],
    *,
    expected_period_seconds: int = EXPECTED_PERIOD_SECONDS,
    sustainable_rate_per_second: Mapping[str, float] | None = None,
    on_demand_usd_per_hour: Mapping[str, float] | None = None,
    price_day_utc: Mapping[str, date] | None = None,
    baseline_instances: Mapping[str, float] | None = None,
) -> pa.Table:
    """Return the relation `fleet`; the mappings are by fleet id, of today's type, and what fleets.yaml says wins."""
    rates = sustainable_rate_per_second or {}
    prices = on_demand_usd_per_hour or {}
    baselines = baseline_instances or {}
    columns: dict[str, list[object] | pa.Array] = {
        "fleet_id": [fleet.id for fleet in fleets],
        "region": [fleet.region for fleet in fleets],
        "tags": [_tags(fleet) for fleet in fleets],
        "demand_unit": [fleet.demand.unit for fleet in fleets],
        "expected_period_seconds": [expected_period_seconds for _ in fleets],
        "objective_latency_seconds": [fleet.objective.latency_seconds for fleet in fleets],
        "objective_percentile": [fleet.objective.percentile for fleet in fleets],
        "objective_latency_metric": [latency_metric(fleet.objective.percentile) for fleet in fleets],
        "has_error_metric": ["error_count" in fleet.metrics for fleet in fleets],
        "is_demand_omitted_at_zero": [is_omitted_at_zero(fleet.demand.metric) for fleet in fleets],
        "instance_type": [fleet.current_type.name for fleet in fleets],
        "sustainable_rate_per_second": [
            _first(fleet.current_type.sustainable_rate_per_second, rates.get(fleet.id)) for fleet in fleets
        ],
        "on_demand_usd_per_hour": money_array(
            [_first(fleet.current_type.on_demand_usd_per_hour, prices.get(fleet.id)) for fleet in fleets],
        ),
        "price_day_utc": [(price_day_utc or {}).get(fleet.id) for fleet in fleets],
        "baseline_instances": [baselines.get(fleet.id) for fleet in fleets],
    }
    return pa.table(columns, schema=FLEET_RELATION_SCHEMA)


def latency_metric(percentile: float) -> str:
    """Return the metric that judges an objective at `percentile`.

    >>> latency_metric(90.0), latency_metric(99.9)
    ('latency_p95_seconds', 'latency_p99_seconds')
    """
    return next((name for level, name in LATENCY_METRICS if level >= percentile), LATENCY_METRICS[-1][1])


def _tags(fleet: Fleet) -> str | None:
    if fleet.billing is None or not fleet.billing.tags:
        return None
    return json.dumps(fleet.billing.tags, sort_keys=True)


def _first(configured: float | None, known: float | None) -> float | None:
    return known if configured is None else configured
