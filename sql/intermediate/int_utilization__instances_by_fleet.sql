with

utilization as (
    select * from mart_utilization__hourly_by_fleet
),

fleets as (
    select * from fleet
),

seen as (
    select
        utilization.fleet_id,
        utilization.hour_start_utc,
        utilization.instances_in_service_mean
    from utilization
    inner join fleets on utilization.fleet_id = fleets.fleet_id
    where
        utilization.hour_start_utc >= $window_start
        and utilization.hour_start_utc < $window_end
        and utilization.instances_in_service_mean is not null
),

final as (
    select
        fleet_id,
        count(*) as hours_seen,
        list(instances_in_service_mean order by hour_start_utc asc) as instances_in_service_by_hour
    from seen
    group by fleet_id
)

select * from final
