with

samples as (
    select * from stg_metrics__sample
),

final as (
    select
        fleet_id,
        timestamp_utc,
        time_bucket(interval 1 hour, timestamp_utc) as hour_start_utc,
        max(value) filter (where metric = 'demand_count') as demand_count,
        max(value) filter (where metric = 'error_count') as error_count,
        max(value) filter (where metric = 'latency_p50_seconds') as latency_p50_seconds,
        max(value) filter (where metric = 'latency_p95_seconds') as latency_p95_seconds,
        max(value) filter (where metric = 'latency_p99_seconds') as latency_p99_seconds,
        max(value) filter (where metric = 'cold_start_count') as cold_start_count
    from samples
    where timestamp_utc >= $window_start and timestamp_utc < $window_end
    group by fleet_id, timestamp_utc
)

select * from final
