with

fleet_hours as (
    select * from int_fleet__hour
),

samples as (
    select * from int_latency__sample
),

hourly as (
    select
        fleet_id,
        hour_start_utc,
        sum(latency_p50_seconds * demand_count order by timestamp_utc asc)
        / nullif(sum(demand_count order by timestamp_utc asc) filter (where latency_p50_seconds is not null), 0)
            as latency_p50_seconds,
        max(latency_p95_seconds) as latency_p95_seconds,
        max(latency_p99_seconds) as latency_p99_seconds,
        sum(demand_count order by timestamp_utc asc) as demand_count,
        -- errors of moments whose requests nobody counted would make the share too large
        coalesce(sum(error_count order by timestamp_utc asc) filter (where demand_count is not null), 0) as error_count,
        cast(sum(cold_start_count) as bigint) as cold_starts
    from samples
    group by fleet_id, hour_start_utc
),

final as (
    select
        fleet_hours.fleet_id,
        fleet_hours.hour_start_utc,
        hourly.latency_p50_seconds,
        hourly.latency_p95_seconds,
        hourly.latency_p99_seconds,
        -- errors are counted in requests: a share of tokens would mean nothing
        case
            when fleet_hours.has_error_metric and fleet_hours.demand_unit = 'requests' and hourly.demand_count > 0
                then greatest(1 - hourly.error_count / hourly.demand_count, 0)
        end as success_fraction,
        hourly.cold_starts
    from fleet_hours
    left join hourly
        on fleet_hours.fleet_id = hourly.fleet_id and fleet_hours.hour_start_utc = hourly.hour_start_utc
)

select * from final
