with

fleet_hours as (
    select * from int_fleet__hour
),

demand as (
    select * from mart_demand__hourly_by_fleet
),

utilization as (
    select * from mart_utilization__hourly_by_fleet
),

latency as (
    select * from mart_latency__hourly_by_fleet
),

daily_cost as (
    select * from int_cost__daily_by_fleet
),

hours as (
    select
        fleet_hours.fleet_id,
        fleet_hours.day_utc,
        fleet_hours.hour_start_utc,
        demand.mean_demand_per_second,
        demand.peak_demand_per_second,
        demand.samples_seen,
        utilization.* exclude (fleet_id, hour_start_utc),
        latency.latency_p99_seconds,
        latency.success_fraction,
        latency.cold_starts,
        case fleet_hours.objective_latency_metric
            when 'latency_p50_seconds' then latency.latency_p50_seconds
            when 'latency_p95_seconds' then latency.latency_p95_seconds
            when 'latency_p99_seconds' then latency.latency_p99_seconds
        end <= fleet_hours.objective_latency_seconds as is_objective_met,
        ceil(demand.peak_demand_per_second / fleet_hours.sustainable_rate_per_second) as needed_instances
    from fleet_hours
    left join demand
        on fleet_hours.fleet_id = demand.fleet_id and fleet_hours.hour_start_utc = demand.hour_start_utc
    left join utilization
        on fleet_hours.fleet_id = utilization.fleet_id and fleet_hours.hour_start_utc = utilization.hour_start_utc
    left join latency
        on fleet_hours.fleet_id = latency.fleet_id and fleet_hours.hour_start_utc = latency.hour_start_utc
),

daily as (
    select
        hours.fleet_id,
        hours.day_utc,
        sum(hours.mean_demand_per_second * hours.samples_seen order by hours.hour_start_utc asc)
        / nullif(sum(hours.samples_seen) filter (where hours.mean_demand_per_second is not null), 0)
            as mean_demand_per_second,
        max(hours.peak_demand_per_second) as peak_demand_per_second,
        quantile_cont(hours.cpu_utilization_p50_fraction, 0.5) as cpu_utilization_p50_fraction,
        quantile_cont(hours.cpu_utilization_p95_fraction, 0.95) as cpu_utilization_p95_fraction,
        max(hours.cpu_utilization_max_fraction) as cpu_utilization_max_fraction,
        quantile_cont(hours.memory_utilization_p50_fraction, 0.5) as memory_utilization_p50_fraction,
        quantile_cont(hours.memory_utilization_p95_fraction, 0.95) as memory_utilization_p95_fraction,
        max(hours.memory_utilization_max_fraction) as memory_utilization_max_fraction,
        quantile_cont(hours.gpu_utilization_p50_fraction, 0.5) as gpu_utilization_p50_fraction,
        quantile_cont(hours.gpu_utilization_p95_fraction, 0.95) as gpu_utilization_p95_fraction,
        max(hours.gpu_utilization_max_fraction) as gpu_utilization_max_fraction,
        quantile_cont(hours.gpu_memory_utilization_p50_fraction, 0.5) as gpu_memory_utilization_p50_fraction,
        quantile_cont(hours.gpu_memory_utilization_p95_fraction, 0.95) as gpu_memory_utilization_p95_fraction,
        max(hours.gpu_memory_utilization_max_fraction) as gpu_memory_utilization_max_fraction,
        max(hours.latency_p99_seconds) as latency_p99_seconds,
        sum(hours.success_fraction * hours.mean_demand_per_second order by hours.hour_start_utc asc)
        / nullif(
            sum(hours.mean_demand_per_second order by hours.hour_start_utc asc)
            filter (where hours.success_fraction is not null),
            0
        ) as success_fraction,
        cast(sum(hours.cold_starts) as bigint) as cold_starts,
        -- an hour short of instances does not make up for an hour with too many
        sum(
            case
                when hours.instances_in_service_mean > hours.needed_instances
                    then hours.instances_in_service_mean - hours.needed_instances
                else 0
            end
            order by hours.hour_start_utc asc
        )
        / nullif(
            sum(hours.instances_in_service_mean order by hours.hour_start_utc asc)
            filter (where hours.needed_instances is not null),
            0
        ) as waste_fraction,
        avg(cast(hours.is_objective_met as integer)) as slo_hours_fraction
    from hours
    group by hours.fleet_id, hours.day_utc
),

final as (
    select
        daily.fleet_id,
        daily.day_utc,
        daily.mean_demand_per_second,
        daily.peak_demand_per_second,
        daily.cpu_utilization_p50_fraction,
        daily.cpu_utilization_p95_fraction,
        daily.cpu_utilization_max_fraction,
        daily.memory_utilization_p50_fraction,
        daily.memory_utilization_p95_fraction,
        daily.memory_utilization_max_fraction,
        daily.gpu_utilization_p50_fraction,
        daily.gpu_utilization_p95_fraction,
        daily.gpu_utilization_max_fraction,
        daily.gpu_memory_utilization_p50_fraction,
        daily.gpu_memory_utilization_p95_fraction,
        daily.gpu_memory_utilization_max_fraction,
        daily.latency_p99_seconds,
        daily.success_fraction,
        daily.cold_starts,
        daily_cost.instance_hours,
        cast(
            cast(daily_cost.actual_cost_usd as double)
            / nullif(daily.mean_demand_per_second * daily_cost.hours * extract(epoch from interval 1 hour), 0)
            * 1000000 as decimal(38, 10)
        ) as cost_per_million_units_usd,
        daily_cost.cost_basis,
        daily.waste_fraction,
        daily.slo_hours_fraction
    from daily
    left join daily_cost
        on daily.fleet_id = daily_cost.fleet_id and daily.day_utc = daily_cost.day_utc
)

select * from final
