with

forecasts as (
    select * from mart_forecast__hourly_by_fleet
),

fleets as (
    select * from fleet
),

made_before_the_day as (
    select
        forecasts.fleet_id,
        forecasts.hour_start_utc,
        forecasts.made_at_utc,
        forecasts.members,
        forecasts.mean_demand_q01_per_second,
        forecasts.mean_demand_q05_per_second,
        forecasts.mean_demand_q10_per_second,
        forecasts.mean_demand_q20_per_second,
        forecasts.mean_demand_q30_per_second,
        forecasts.mean_demand_q40_per_second,
        forecasts.mean_demand_q50_per_second,
        forecasts.mean_demand_q60_per_second,
        forecasts.mean_demand_q70_per_second,
        forecasts.mean_demand_q80_per_second,
        forecasts.mean_demand_q90_per_second,
        forecasts.mean_demand_q95_per_second,
        forecasts.mean_demand_q99_per_second
    from forecasts
    inner join fleets on forecasts.fleet_id = fleets.fleet_id
    where
        forecasts.made_at_utc <= date_trunc('day', forecasts.hour_start_utc)
        and forecasts.hour_start_utc >= $window_start
        and forecasts.hour_start_utc < $window_end
),

final as (
    select *
    from made_before_the_day
    qualify made_at_utc = max(made_at_utc) over (partition by fleet_id, hour_start_utc)
)

select * from final
