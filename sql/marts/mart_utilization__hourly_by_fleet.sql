with

fleet_hours as (
    select * from int_fleet__hour
),

samples as (
    select * from int_utilization__sample
),

hourly as (
    select
        fleet_id,
        hour_start_utc,
        quantile_cont(value, 0.5) filter (where part = 'cpu') as cpu_utilization_p50_fraction,
        quantile_cont(value, 0.95) filter (where part = 'cpu') as cpu_utilization_p95_fraction,
        max(value) filter (where part = 'cpu') as cpu_utilization_max_fraction,
        quantile_cont(value, 0.5) filter (where part = 'memory') as memory_utilization_p50_fraction,
        quantile_cont(value, 0.95) filter (where part = 'memory') as memory_utilization_p95_fraction,
        max(value) filter (where part = 'memory') as memory_utilization_max_fraction,
        quantile_cont(value, 0.5) filter (where part = 'gpu') as gpu_utilization_p50_fraction,
        quantile_cont(value, 0.95) filter (where part = 'gpu') as gpu_utilization_p95_fraction,
        max(value) filter (where part = 'gpu') as gpu_utilization_max_fraction,
        quantile_cont(value, 0.5) filter (where part = 'gpu_memory') as gpu_memory_utilization_p50_fraction,
        quantile_cont(value, 0.95) filter (where part = 'gpu_memory') as gpu_memory_utilization_p95_fraction,
        max(value) filter (where part = 'gpu_memory') as gpu_memory_utilization_max_fraction,
        quantile_cont(value, 0.5) filter (where part = 'network') as network_p50_bytes_per_second,
        quantile_cont(value, 0.95) filter (where part = 'network') as network_p95_bytes_per_second,
        max(value) filter (where part = 'network') as network_max_bytes_per_second,
        avg(value order by timestamp_utc asc) filter (where part = 'instances') as instances_in_service_mean,
        min(value) filter (where part = 'instances') as instances_in_service_min,
        max(value) filter (where part = 'instances') as instances_in_service_max
    from samples
    group by fleet_id, hour_start_utc
),

final as (
    select
        fleet_hours.fleet_id,
        fleet_hours.hour_start_utc,
        hourly.cpu_utilization_p50_fraction,
        hourly.cpu_utilization_p95_fraction,
        hourly.cpu_utilization_max_fraction,
        hourly.memory_utilization_p50_fraction,
        hourly.memory_utilization_p95_fraction,
        hourly.memory_utilization_max_fraction,
        hourly.gpu_utilization_p50_fraction,
        hourly.gpu_utilization_p95_fraction,
        hourly.gpu_utilization_max_fraction,
        hourly.gpu_memory_utilization_p50_fraction,
        hourly.gpu_memory_utilization_p95_fraction,
        hourly.gpu_memory_utilization_max_fraction,
        hourly.network_p50_bytes_per_second,
        hourly.network_p95_bytes_per_second,
        hourly.network_max_bytes_per_second,
        hourly.instances_in_service_mean,
        hourly.instances_in_service_min,
        hourly.instances_in_service_max
    from fleet_hours
    left join hourly
        on fleet_hours.fleet_id = hourly.fleet_id and fleet_hours.hour_start_utc = hourly.hour_start_utc
)

select * from final
