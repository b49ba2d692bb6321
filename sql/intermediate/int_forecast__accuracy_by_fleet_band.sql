with

scores as (
    select * from mart_forecast_score__by_fleet
),

fleets as (
    select * from fleet
),

final as (
    select
        scores.fleet_id,
        scores.horizon_band,
        count(*) as forecasts_judged,
        avg(scores.mase order by scores.made_at_utc asc) as mase,
        avg(scores.wape order by scores.made_at_utc asc) as wape,
        avg(scores.naive_wape order by scores.made_at_utc asc) as naive_wape,
        avg(scores.coverage80_fraction order by scores.made_at_utc asc) as coverage80_fraction
    from scores
    inner join fleets on scores.fleet_id = fleets.fleet_id
    where
        scores.made_at_utc > $window_start
        and scores.made_at_utc <= $window_end
    group by scores.fleet_id, scores.horizon_band
)

select * from final
