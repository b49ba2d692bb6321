with

forecasts as (
    select * from mart_forecast__hourly_by_fleet
),

demand as (
    select * from mart_demand__hourly_by_fleet
),

fleets as (
    select * from fleet
),

made_before as (
    select
        forecasts.fleet_id,
        forecasts.made_at_utc,
        forecasts.hour_start_utc,
        forecasts.peak_demand_q10_per_second,
        forecasts.peak_demand_q50_per_second,
        forecasts.peak_demand_q90_per_second
    from forecasts
    inner join fleets on forecasts.fleet_id = fleets.fleet_id
    where
        forecasts.made_at_utc <= forecasts.hour_start_utc
        and forecasts.hour_start_utc >= $window_start
        and forecasts.hour_start_utc < $window_end
),

newest as (
    select *
    from made_before
    qualify made_at_utc = max(made_at_utc) over (partition by fleet_id, hour_start_utc)
),

final as (
    select
        newest.fleet_id,
        newest.hour_start_utc,
        newest.made_at_utc,
        demand.peak_demand_per_second,
        newest.peak_demand_q10_per_second,
        newest.peak_demand_q50_per_second,
        newest.peak_demand_q90_per_second
    from newest
    inner join demand
        on newest.fleet_id = demand.fleet_id and newest.hour_start_utc = demand.hour_start_utc
    where
        demand.peak_demand_per_second is not null
        -- the largest of a few samples lies below the peak of the hour
        and demand.samples_seen >= $complete_hour_fraction * demand.samples_expected
)

select * from final
