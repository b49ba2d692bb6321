with

fleet_hours as (
    select * from int_fleet__hour
),

bins as (
    select * from int_demand__5min
),

hourly as (
    select
        fleet_id,
        time_bucket(interval 1 hour, bin_start_utc) as hour_start_utc,
        sum(demand_count order by bin_start_utc asc) / sum(demand_seconds) as mean_demand_per_second,
        max(demand_per_second) as peak_demand_per_second,
        sum(samples_seen) as samples_seen,
        sum(samples_inferred) as samples_inferred,
        avg(cast(is_saturated as integer)) as censored_fraction
    from bins
    group by all
),

final as (
    select
        fleet_hours.fleet_id,
        fleet_hours.hour_start_utc,
        hourly.mean_demand_per_second,
        hourly.peak_demand_per_second,
        cast(extract(epoch from interval 1 hour) // fleet_hours.expected_period_seconds as integer)
            as samples_expected,
        cast(coalesce(hourly.samples_seen, 0) as integer) as samples_seen,
        cast(coalesce(hourly.samples_inferred, 0) as integer) as samples_inferred,
        hourly.censored_fraction
    from fleet_hours
    left join hourly
        on fleet_hours.fleet_id = hourly.fleet_id and fleet_hours.hour_start_utc = hourly.hour_start_utc
)

select * from final
