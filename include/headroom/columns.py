"""Registry of columns and of the metrics we read: one quantity, one name, one unit, everywhere.

Types are spelt as DuckDB spells them; `headroom.lake.tables` turns them into Arrow schemas.
"""

from dataclasses import dataclass
from typing import Final

MONEY: Final = "DECIMAL(38,10)"
TIMESTAMP: Final = "TIMESTAMPTZ"

QUANTILE_LEVELS: Final = (0.01, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.99)
"""The quantiles every forecast is stored at (docs/reference/commands.md)."""
QUANTILE_NAMES: Final = tuple(f"q{round(level * 100):02d}" for level in QUANTILE_LEVELS)
PART_NAMES: Final = ("trend", "daily", "weekly", "holiday", "event", "residual")
"""The parts of a forecast's median, in the order in which they are added up."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name (with the unit in it), type, and what it holds or where it comes from."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric under its canonical name, its unit as CloudWatch delivers it, and the statistic asked for."""

    name: str
    statistic: str
    description: str


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("demand_count", "Sum", "work offered in the period, in the fleet's demand unit"),
        Metric("error_count", "Sum", "requests that failed on the server's side in the period"),
        Metric("latency_p50_seconds", "p50", "median request latency"),
        Metric("latency_p95_seconds", "p95", "95th percentile of request latency"),
        Metric("latency_p99_seconds", "p99", "99th percentile of request latency"),
        Metric("cpu_utilization_percent", "Average", "CPU in use, mean over the fleet's instances"),
        Metric("memory_utilization_percent", "Average", "main memory in use"),
        Metric("gpu_utilization_percent", "Average", "GPU in use (CloudWatch agent, nvidia_smi_utilization_gpu)"),
        Metric("gpu_memory_utilization_percent", "Average", "GPU memory in use"),
        Metric("network_bytes", "Sum", "bytes in and out in the period"),
        Metric("instances_in_service", "Average", "instances that serve"),
        Metric("cold_start_count", "Sum", "instances that came into service in the period"),
    )
}
"""Canonical metrics. `fleet.metrics` gives each one's place in CloudWatch; demand_count's is `fleet.demand.metric`."""

_COLUMNS: Final = (
    Column("fleet_id", "VARCHAR", "the fleet's id in fleets.yaml"),
    Column("metric", "VARCHAR", "canonical metric name, a key of headroom.columns.METRICS"),
    Column("timestamp_utc", TIMESTAMP, "start of the sample's period, or the moment a price took effect"),
    Column("period_seconds", "INTEGER", "length of the sample's period"),
    Column("value", "DOUBLE", "the sample, in the unit its metric's name says"),
    Column("hour_start_utc", TIMESTAMP, "start of the hour"),
    Column("day_utc", "DATE", "UTC day"),
    Column("region", "VARCHAR", "cloud region"),
    Column("availability_zone", "VARCHAR", "availability zone; null where the line or price names none"),
    Column("instance_type", "VARCHAR", "instance type"),
    Column("product_description", "VARCHAR", "platform the spot price is for, such as Linux/UNIX"),
    Column("purchase_option", "VARCHAR", "on_demand, spot or commitment"),
    Column("service", "VARCHAR", "ec2 or sagemaker"),
    Column("spot_usd_per_hour", MONEY, "spot price (DescribeSpotPriceHistory)"),
    Column("on_demand_usd_per_hour", MONEY, "on-demand price (Price List Query API)"),
    Column("effective_from_utc", TIMESTAMP, "when the price took effect"),
    Column("vcpus", "INTEGER", "virtual CPUs"),
    Column("memory_mib", "BIGINT", "main memory"),
    Column("architecture", "VARCHAR", "x86_64 or arm64"),
    Column("gpu_name", "VARCHAR", "GPU model; null without one"),
    Column("gpu_manufacturer", "VARCHAR", "GPU maker; null without one"),
    Column("gpu_count", "INTEGER", "GPUs; null without one"),
    Column("gpu_memory_mib", "BIGINT", "memory of all GPUs together; null without one"),
    Column("network_mbps", "DOUBLE", "network bandwidth; null where unknown"),
    Column("mean_demand_per_second", "DOUBLE", "mean rate over the hour; null when no sample was seen"),
    Column("peak_demand_per_second", "DOUBLE", "largest 5-minute mean inside the hour"),
    Column("samples_expected", "INTEGER", "samples a complete hour has"),
    Column("samples_seen", "INTEGER", "samples that were there, inferred zeros among them"),
    Column("samples_inferred", "INTEGER", "samples taken for 0: the source leaves zeros out, and instances ran"),
    Column("censored_fraction", "DOUBLE", "share of samples taken while saturated, when demand is under-reported"),
    *(
        Column(f"{part}_utilization_{statistic}_fraction", "DOUBLE", f"{statistic} over the hour's samples")
        for part in ("cpu", "memory", "gpu", "gpu_memory")
        for statistic in ("p50", "p95", "max")
    ),
    *(
        Column(f"network_{statistic}_bytes_per_second", "DOUBLE", f"{statistic} over the hour's samples")
        for statistic in ("p50", "p95", "max")
    ),
    Column("instances_in_service_mean", "DOUBLE", "mean of the hour's samples"),
    Column("instances_in_service_min", "DOUBLE", "least of the hour's samples"),
    Column("instances_in_service_max", "DOUBLE", "most of the hour's samples"),
    Column("latency_p50_seconds", "DOUBLE", "mean over samples, weighted by demand, of the sample's p50"),
    Column("latency_p95_seconds", "DOUBLE", "largest of the hour's 5-minute p95"),
    Column("latency_p99_seconds", "DOUBLE", "largest of the hour's 5-minute p99"),
    Column("success_fraction", "DOUBLE", "1 - errors / requests; null without demand"),
    Column("cold_starts", "BIGINT", "instances that came into service in the hour"),
    Column("effective_cost", MONEY, "FOCUS EffectiveCost, in billing_currency"),
    Column("billed_cost", MONEY, "FOCUS BilledCost, in billing_currency"),
    Column("list_cost", MONEY, "FOCUS ListCost, in billing_currency"),
    Column("billing_currency", "VARCHAR", "ISO 4217"),
    Column("usage_hours", "DOUBLE", "instance-hours"),
    Column("made_at_utc", TIMESTAMP, "end of the window the forecast or plan was made from"),
    *(
        Column(f"{target}_demand_{name}_per_second", "DOUBLE", f"{name} of the hour's {target} demand")
        for target in ("mean", "peak")
        for name in QUANTILE_NAMES
    ),
    Column("mean_demand_trend_per_second", "DOUBLE", "level: first part of mean_demand_q50; null in older forecasts"),
    Column("mean_demand_daily_per_second", "DOUBLE", "what the hour of the day adds to the level"),
    Column("mean_demand_weekly_per_second", "DOUBLE", "what the day of the week adds to the parts before it"),
    Column("mean_demand_holiday_per_second", "DOUBLE", "what a holiday adds to the parts before it"),
    Column("mean_demand_event_per_second", "DOUBLE", "what events of events.yaml add to the parts before it"),
    Column("mean_demand_residual_per_second", "DOUBLE", "the rest of mean_demand_q50: what the newest hours add"),
    Column("members", "VARCHAR", "JSON object: member -> weight"),
    Column("forecast_note", "VARCHAR", "what the choice of members rests on, or which fallback served"),
    Column("inputs_hash", "VARCHAR", "SHA-256 of the inputs"),
    Column("horizon_band", "VARCHAR", "hours ahead, such as 1-2, 3-6, 7-24"),
    Column("mase", "DOUBLE", "mean absolute scaled error of the median (daily seasonal naive in sample)"),
    Column("wape", "DOUBLE", "sum of absolute errors of the median / sum of demand"),
    Column("naive_wape", "DOUBLE", "WAPE of weekly naive on the same hours"),
    Column("pinball_per_second", "DOUBLE", "mean pinball loss over the 13 quantile levels"),
    Column("coverage80_fraction", "DOUBLE", "share of hours inside q10 to q90"),
    Column("bias_per_second", "DOUBLE", "mean of forecast median - demand"),
    Column("plan_id", "VARCHAR", "id of the plan: fleet, window end and a hash of its content"),
    Column("push_id", "VARCHAR", "id of the push"),
    Column("action_name", "VARCHAR", "scheduled action's name; null for events of the push as a whole"),
    Column("state", "VARCHAR", "ledger state (headroom.domain.ledger.LedgerState)"),
    Column("at_utc", TIMESTAMP, "when, by the cloud's clock"),
    Column("sequence", "INTEGER", "place of the event among its push's, from 1"),
    Column("reason", "VARCHAR", "why"),
    Column("who", "VARCHAR", "who approved, rejected, confirmed or asked for it; mode auto where nobody had to"),
    Column("setting_before", "VARCHAR", "JSON: min, max, desired before, of the action; null where none stood"),
    Column("setting_after", "VARCHAR", "JSON: min, max, desired after, of the action; null where it goes"),
    Column("result", "VARCHAR", "what is asked of the action (create, replace, delete), or came of it"),
    Column("starts_at_utc", TIMESTAMP, "start that the action was asked for"),
    Column("need_at_utc", TIMESTAMP, "start of the hour whose need the action serves"),
    Column("instances_before", "BIGINT", "floor before the action"),
    Column("instances_after", "BIGINT", "floor that the action set: its level"),
    Column("instances_at_start", "DOUBLE", "in service in the last whole period before the action; null: not seen"),
    Column("most_instances", "DOUBLE", "most in service while the action was followed: 6 h, or until the floor fell"),
    Column("stood_at_utc", TIMESTAMP, "when the level was in service; null: never while followed, or not seen"),
    Column("seconds_to_stand", "DOUBLE", "from the action's start until its level stood; 0 where it stood before"),
    Column("seconds_late", "DOUBLE", "from the need until the level stood; negative where it stood before the need"),
    Column("is_short", "BOOLEAN", "whether fewer than the level were in service at the need; null: not seen"),
    Column("has_come", "BOOLEAN", "whether the level stood within the hour after the need; null: nobody can tell"),
    Column("required_instances", "BIGINT", "instances the demand at the critical-ratio quantile needs"),
    Column("planned_instances", "BIGINT", "instances the schedule holds at least"),
    Column("today_instances", "DOUBLE", "instances that run without the plan (baseline's desired, or today's mean)"),
    Column("sized_for_demand_per_second", "DOUBLE", "forecast demand of its minutes at the critical-ratio quantile"),
    Column("usd_per_hour", MONEY, "price of one instance-hour"),
    Column("today_cost_usd", MONEY, "cost of the hour without the plan"),
    Column("planned_cost_usd", MONEY, "cost of the hour under the plan"),
    Column("desired_instances", "BIGINT", "instances the target was set to; null in a plan of a past window"),
    Column("sizing_method", "VARCHAR", "where the sustainable rate came from, and the formula"),
    Column("rank", "INTEGER", "1 is recommended, 2 the runner-up"),
    Column("is_current", "BOOLEAN", "today's type"),
    Column("is_feasible", "BOOLEAN", "whether the type can serve the fleet at all"),
    Column("sustainable_rate_per_second", "DOUBLE", "work one instance carries while the objective holds"),
    Column("rate_source", "VARCHAR", "configuration, history or specification"),
    Column("peak_instances", "BIGINT", "instances at the horizon's peak"),
    Column("instance_hours", "DOUBLE", "over the horizon"),
    Column("cost_usd", MONEY, "over the horizon"),
    Column("break_even_rate_per_second", "DOUBLE", "sustainable rate at which the type costs what today's does"),
    Column("explanation", "VARCHAR", "why, in a sentence"),
    Column("instances", "BIGINT", "instances"),
    Column("shortage_probability", "DOUBLE", "chance that a draw of interruptions leaves fewer than required"),
    Column("risk_budget_fraction", "DOUBLE", "the most of that chance the owner accepts"),
    Column("mixed_instances_policy", "VARCHAR", "JSON as EC2 Auto Scaling takes it; null where it does not apply"),
    Column("cost_per_million_units_usd", MONEY, "actual cost of the day / work served"),
    Column("waste_fraction", "DOUBLE", "share of paid instance-hours above what the demand needed"),
    Column("slo_hours_fraction", "DOUBLE", "share of hours whose latency percentile met the objective"),
    Column("baseline_cost_usd", MONEY, "the day at the baseline's capacity and on-demand prices"),
    Column("actual_cost_usd", MONEY, "billed_cost_usd, else estimated_cost_usd; cost_basis says which"),
    Column("realised_savings_usd", MONEY, "baseline_cost_usd - actual_cost_usd"),
    Column("cost_basis", "VARCHAR", "where the money comes from: billed, estimated or unknown (docs/estimates.md)"),
    Column("billed_cost_usd", MONEY, "effective cost on the bill; null until the bill covers the day"),
    Column("estimated_cost_usd", MONEY, "instances x hours x on-demand price, beside the bill as before it"),
    Column("instances_basis", "VARCHAR", "what was counted for the cost: in_service, desired or baseline instances"),
    Column("price_day_utc", "DATE", "day of the price list; null where fleets.yaml names the price or none is known"),
)

COLUMNS: Final = {column.name: column for column in _COLUMNS}
