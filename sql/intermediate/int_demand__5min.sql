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
        fleets.expected_period_seconds,
        fleets.is_demand_omitted_at_zero,
        fleets.objective_latency_seconds,
        samples.metric = fleets.objective_latency_metric as is_objective_latency,
        samples.metric in ('cpu_utilization_percent', 'gpu_utilization_percent') as is_compute_utilization,
        -- published by instances that run, whatever they have to do
        samples.metric in (
            'cpu_utilization_percent',
            'memory_utilization_percent',
            'gpu_utilization_percent',
            'gpu_memory_utilization_percent',
            'network_bytes'
        )
        or (samples.metric = 'instances_in_service' and samples.value > 0) as is_sign_of_instances,
        -- published of requests alone
        starts_with(samples.metric, 'latency_') or (samples.metric = 'error_count' and samples.value > 0)
            as is_sign_of_requests,
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
        max(value) filter (where is_compute_utilization) / 100 as busiest_fraction,
        any_value(expected_period_seconds) as expected_period_seconds,
        count(value) filter (where metric = 'demand_count') = 0
        and any_value(is_demand_omitted_at_zero)
        and bool_or(is_sign_of_instances)
        and not bool_or(is_sign_of_requests)
        -- what works at its limit works on something: then the balancer's metrics are missing, latency with them
        and not coalesce(
            max(value) filter (where is_compute_utilization) / 100 >= $saturated_utilization_fraction, false
        )
        -- demand may be delivered later than the rest: of the newest minutes, no sample says nothing
        and bin_start_utc + interval 5 minute <= cast($window_end as timestamptz) - interval 10 minute
            as is_zero_inferred
    from in_window
    group by fleet_id, bin_start_utc
),

counted as (
    select
        * exclude (demand_count, demand_seconds, samples_seen),
        case when is_zero_inferred then 0 else demand_count end as demand_count,
        case when is_zero_inferred then cast(extract(epoch from interval 5 minute) as bigint) else demand_seconds end
            as demand_seconds,
        case
            when is_zero_inferred
                then cast(extract(epoch from interval 5 minute) // expected_period_seconds as integer)
            else samples_seen
        end as samples_seen
    from bins
),

final as (
    select
        fleet_id,
        bin_start_utc,
        demand_count,
        demand_seconds,
        demand_count / demand_seconds as demand_per_second,
        samples_seen,
        case when is_zero_inferred then samples_seen else 0 end as samples_inferred,
        -- what was not measured does not saturate
        coalesce(latency_seconds > objective_latency_seconds, false)
        or coalesce(busiest_fraction >= $saturated_utilization_fraction, false) as is_saturated
    from counted
    where samples_seen > 0
)

select * from final
