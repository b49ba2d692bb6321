with

samples as (
    select * from stg_metrics__sample
),

final as (
    select
        fleet_id,
        timestamp_utc,
        time_bucket(interval 1 hour, timestamp_utc) as hour_start_utc,
        case metric
            when 'cpu_utilization_percent' then 'cpu'
            when 'memory_utilization_percent' then 'memory'
            when 'gpu_utilization_percent' then 'gpu'
            when 'gpu_memory_utilization_percent' then 'gpu_memory'
            when 'network_bytes' then 'network'
            else 'instances'
        end as part,
        case metric
            when 'network_bytes' then value / period_seconds
            when 'instances_in_service' then value
            else value / 100
        end as value
    from samples
    where
        metric in (
            'cpu_utilization_percent',
            'memory_utilization_percent',
            'gpu_utilization_percent',
            'gpu_memory_utilization_percent',
            'network_bytes',
            'instances_in_service'
        )
        and timestamp_utc >= $window_start
        and timestamp_utc < $window_end
)

select * from final
