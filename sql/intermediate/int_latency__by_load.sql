with

latency as (
    select * from mart_latency__hourly_by_fleet
),

demand as (
    select * from mart_demand__hourly_by_fleet
),

utilization as (
    select * from mart_utilization__hourly_by_fleet
),

fleets as (
    select * from fleet
),

joined as (
    select
        demand.fleet_id,
        demand.hour_start_utc,
        demand.peak_demand_per_second,
        case fleets.objective_latency_metric
            when 'latency_p50_seconds' then latency.latency_p50_seconds
            when 'latency_p95_seconds' then latency.latency_p95_seconds
            when 'latency_p99_seconds' then latency.latency_p99_seconds
        end as latency_seconds,
        utilization.instances_in_service_mean,
        utilization.instances_in_service_min,
        utilization.instances_in_service_max,
        demand.censored_fraction
    from demand
    inner join fleets on demand.fleet_id = fleets.fleet_id
    inner join latency
        on demand.fleet_id = latency.fleet_id and demand.hour_start_utc = latency.hour_start_utc
    inner join utilization
        on demand.fleet_id = utilization.fleet_id and demand.hour_start_utc = utilization.hour_start_utc
),

final as (
    select *
    from joined
    where
        hour_start_utc >= $window_start
        and hour_start_utc < $window_end
        and latency_seconds is not null
        and peak_demand_per_second > 0
        and instances_in_service_mean > 0
)

select * from final
