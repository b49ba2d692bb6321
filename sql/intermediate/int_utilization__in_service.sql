with

samples as (
    select * from stg_metrics__sample
),

fleets as (
    select * from fleet
),

final as (
    select
        samples.fleet_id,
        samples.timestamp_utc,
        samples.period_seconds,
        samples.value as instances_in_service
    from samples
    inner join fleets on samples.fleet_id = fleets.fleet_id
    where
        samples.metric = 'instances_in_service'
        and samples.value is not null
        and samples.timestamp_utc >= $window_start
        and samples.timestamp_utc < $window_end
)

select * from final
