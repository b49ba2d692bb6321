"""The tables of the lake: layer, grain, columns and Arrow schemas (docs/reference/tables.md is made from them)."""

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from headroom.columns import COLUMNS, PART_NAMES, QUANTILE_NAMES

SCHEMA_VERSION: Final = 1

_ARROW: Final[dict[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "DECIMAL(38,10)": pa.decimal128(38, 10),
}

Layer = Literal["raw", "mart"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake: a set of Parquet files with one schema, whose rows are unique by `key`."""

    name: str
    layer: Layer
    grain: str
    key: tuple[str, ...]
    schema: pa.Schema

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(self.schema.names)


def _table(name: str, layer: Layer, grain: str, key: str, columns: str) -> Table:
    schema = pa.schema([pa.field(column, _ARROW[COLUMNS[column].type]) for column in columns.split()])
    return Table(name, layer, grain, tuple(key.split()), schema)


_MONEY = pa.decimal128(38, 10)
_FOCUS: Final = pa.schema(
    [
        *(
            pa.field(name, pa.timestamp("us", tz="UTC"))
            for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
        ),
        *(pa.field(name, _MONEY) for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")),
        *(pa.field(name, pa.float64()) for name in ("ConsumedQuantity", "PricingQuantity")),
        *(
            pa.field(name, pa.string())
            for name in (
                "BillingCurrency",
                "BillingAccountId",
                "SubAccountId",
                "ChargeCategory",
                "ChargeClass",
                "ChargeDescription",
                "CommitmentDiscountId",
                "CommitmentDiscountStatus",
                "ConsumedUnit",
                "PricingCategory",
                "PricingUnit",
                "ProviderName",
                "RegionId",
                "AvailabilityZone",
                "ResourceId",
                "ServiceName",
                "SkuId",
                "x_InstanceType",
                "Tags",
            )
        ),
    ],
)
"""The FOCUS 1.2 columns we use; x_InstanceType is ours (the prefix is FOCUS's for a provider's own); Tags is JSON."""

_QUANTILES: Final = " ".join(
    f"{target}_demand_{name}_per_second" for target in ("mean", "peak") for name in QUANTILE_NAMES
)
_PARTS: Final = " ".join(f"mean_demand_{part}_per_second" for part in PART_NAMES)
_UTILIZATION: Final = " ".join(
    f"{part}_utilization_{statistic}_fraction"
    for part in ("cpu", "memory", "gpu", "gpu_memory")
    for statistic in ("p50", "p95", "max")
)

_TABLES: Final = (
    _table(
        "metric_sample",
        "raw",
        "fleet, metric, timestamp",
        "fleet_id metric timestamp_utc",
        "fleet_id metric timestamp_utc period_seconds value",
    ),
    Table(
        "billing_line",
        "raw",
        "one bill line; unique by the export's assembly, not line by line",
        (),
        _FOCUS,
    ),
    _table(
        "spot_price",
        "raw",
        "price change of a pool",
        "region availability_zone instance_type product_description timestamp_utc",
        "region availability_zone instance_type product_description timestamp_utc spot_usd_per_hour",
    ),
    _table(
        "on_demand_price",
        "raw",
        "region, type, service, day observed",
        "region instance_type service day_utc",
        "region instance_type service day_utc on_demand_usd_per_hour effective_from_utc",
    ),
    _table(
        "instance_type",
        "raw",
        "region, type, day observed",
        "region instance_type day_utc",
        "region instance_type day_utc vcpus memory_mib architecture gpu_name gpu_manufacturer gpu_count gpu_memory_mib "
        "network_mbps",
    ),
    _table(
        "mart_demand__hourly_by_fleet",
        "mart",
        "fleet, hour",
        "fleet_id hour_start_utc",
        "fleet_id hour_start_utc mean_demand_per_second peak_demand_per_second samples_expected samples_seen "
        "samples_inferred censored_fraction",
    ),
    _table(
        "mart_utilization__hourly_by_fleet",
        "mart",
        "fleet, hour",
        "fleet_id hour_start_utc",
        f"fleet_id hour_start_utc {_UTILIZATION} network_p50_bytes_per_second network_p95_bytes_per_second "
        "network_max_bytes_per_second instances_in_service_mean instances_in_service_min instances_in_service_max",
    ),
    _table(
        "mart_latency__hourly_by_fleet",
        "mart",
        "fleet, hour",
        "fleet_id hour_start_utc",
        "fleet_id hour_start_utc latency_p50_seconds latency_p95_seconds latency_p99_seconds success_fraction "
        "cold_starts",
    ),
    _table(
        "mart_cost__hourly_by_fleet",
        "mart",
        "fleet, hour, pool, purchase option",
        "fleet_id hour_start_utc instance_type availability_zone purchase_option billing_currency",
        "fleet_id hour_start_utc region instance_type availability_zone purchase_option effective_cost billed_cost "
        "list_cost billing_currency usage_hours cost_basis",
    ),
    _table(
        "mart_forecast__hourly_by_fleet",
        "mart",
        "fleet, made at, hour",
        "fleet_id made_at_utc hour_start_utc",
        f"fleet_id made_at_utc hour_start_utc {_QUANTILES} {_PARTS} members forecast_note explanation inputs_hash",
    ),
    _table(
        "mart_forecast_score__by_fleet",
        "mart",
        "fleet, made at, horizon band",
        "fleet_id made_at_utc horizon_band",
        "fleet_id made_at_utc horizon_band mase wape naive_wape pinball_per_second coverage80_fraction bias_per_second",
    ),
    _table(
        "mart_plan__schedule",
        "mart",
        "plan, hour",
        "plan_id hour_start_utc",
        "plan_id fleet_id made_at_utc hour_start_utc sized_for_demand_per_second required_instances planned_instances "
        "today_instances instances_basis desired_instances instance_type usd_per_hour price_day_utc today_cost_usd "
        "planned_cost_usd cost_basis sizing_method",
    ),
    _table(
        "mart_plan__rightsizing",
        "mart",
        "plan, type, purchase option",
        "plan_id instance_type purchase_option",
        "plan_id fleet_id made_at_utc instance_type purchase_option is_feasible is_current rank "
        "sustainable_rate_per_second rate_source usd_per_hour peak_instances instance_hours cost_usd cost_basis "
        "break_even_rate_per_second explanation",
    ),
    _table(
        "mart_plan__spot_mix",
        "mart",
        "plan, pool, purchase option",
        "plan_id instance_type availability_zone purchase_option",
        "plan_id fleet_id made_at_utc instance_type availability_zone purchase_option instances usd_per_hour "
        "cost_basis required_instances shortage_probability risk_budget_fraction mixed_instances_policy explanation",
    ),
    _table(
        "mart_action__ledger",
        "mart",
        "push, event, action",
        "push_id sequence action_name",
        "push_id fleet_id sequence state at_utc action_name plan_id inputs_hash who setting_before setting_after "
        "result reason",
    ),
    _table(
        "mart_action__arrival",
        "mart",
        "action that raised the floor; in the file of the day that it starts in",
        "action_name",
        "fleet_id action_name push_id plan_id instance_type starts_at_utc need_at_utc instances_before instances_after "
        "instances_at_start most_instances samples_seen stood_at_utc seconds_to_stand seconds_late is_short has_come",
    ),
    _table(
        "mart_kpi__daily_by_fleet",
        "mart",
        "fleet, day",
        "fleet_id day_utc",
        f"fleet_id day_utc mean_demand_per_second peak_demand_per_second {_UTILIZATION} latency_p99_seconds "
        "success_fraction cold_starts instance_hours cost_per_million_units_usd cost_basis waste_fraction "
        "slo_hours_fraction",
    ),
    _table(
        "mart_savings__daily_by_fleet",
        "mart",
        "fleet, day",
        "fleet_id day_utc",
        "fleet_id day_utc baseline_cost_usd actual_cost_usd realised_savings_usd cost_basis billed_cost_usd "
        "estimated_cost_usd instances_basis price_day_utc",
    ),
)

TABLES: Final = {table.name: table for table in _TABLES}
