with

demand as (
    select * from mart_demand__hourly_by_fleet
),

fleets as (
    select * from fleet
),

final as (
    select
        demand.fleet_id,
        demand.hour_start_utc,
        demand.mean_demand_per_second,
        demand.peak_demand_per_second,
        demand.censored_fraction
    from demand
    inner join fleets on demand.fleet_id = fleets.fleet_id
    where
        demand.hour_start_utc >= $window_start
        and demand.hour_start_utc < $window_end
        and demand.mean_demand_per_second is not null
)

select * from final
