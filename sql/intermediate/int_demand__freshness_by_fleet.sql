with

demand as (
    select * from mart_demand__hourly_by_fleet
),

fleets as (
    select * from fleet
),

in_window as (
    select
        demand.fleet_id,
        demand.hour_start_utc,
        demand.samples_expected,
        demand.samples_seen
    from demand
    inner join fleets on demand.fleet_id = fleets.fleet_id
    where demand.hour_start_utc >= $window_start and demand.hour_start_utc < $window_end
),

final as (
    select
        fleet_id,
        max(hour_start_utc) filter (where samples_seen > 0) + interval 1 hour as newest_sample_utc,
        cast(coalesce(sum(samples_expected), 0) as integer) as samples_expected,
        cast(coalesce(sum(samples_seen), 0) as integer) as samples_seen
    from in_window
    group by fleet_id
)

select * from final
