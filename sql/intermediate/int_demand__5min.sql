with

samples as (
    select * from stg_metrics__sample
),

fleets as (
    select * from fleet
),

in_window as (
    select
        samples.fleet_id,
        samples.metric,
        samples.period_seconds,
        samples.timestamp_utc,
        samples.value,
        fleets.objective_latency_seconds,
        samples.metric = fleets.objective_latency_metric as is_objective_latency,
        samples.metric in ('cpu_utilization_percent', 'gpu_utilization_percent') as is_compute_utilization,
        time_bucket(interval 5 minute, samples.timestamp_utc) as bin_start_utc
    from samples
    inner join fleets on samples.fleet_id = fleets.fleet_id
    where samples.timestamp_utc >= $window_start and samples.timestamp_utc < $window_end
),

bins as (
    select
        fleet_id,
        bin_start_utc,
        -- here and in every model: fractions are summed in one order, else a rerun differs in the last digit
        sum(value order by timestamp_utc asc) filter (where metric = 'demand_count') as demand_count,
        cast(sum(period_seconds) filter (where metric = 'demand_count') as bigint) as demand_seconds,
        cast(count(value) filter (where metric = 'demand_count') as integer) as samples_seen,
        any_value(objective_latency_seconds) as objective_latency_seconds,
        max(value) filter (where is_objective_latency) as latency_seconds,
        max(value) filter (where is_compute_utilization) / 100 as busiest_fraction
    from in_window
    group by fleet_id, bin_start_utc
),

final as (
    select
        fleet_id,
        bin_start_utc,
        demand_count,
        demand_seconds,
        demand_count / demand_seconds as demand_per_second,
        samples_seen,
        -- what was not measured does not saturate
        coalesce(latency_seconds > objective_latency_seconds, false)
        or coalesce(busiest_fraction >= $saturated_utilization_fraction, false) as is_saturated
    from bins
    where samples_seen > 0
)

select * from final
