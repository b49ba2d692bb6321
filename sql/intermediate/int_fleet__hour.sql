with

fleets as (
    select * from fleet
),

hours as (
    select unnest(
        generate_series(
            time_bucket(interval 1 hour, cast($window_start as timestamptz)),
            cast($window_end as timestamptz) - interval 1 microsecond,
            interval 1 hour
        )
    ) as hour_start_utc
),

final as (
    select
        fleets.fleet_id,
        fleets.region,
        fleets.tags,
        fleets.demand_unit,
        fleets.expected_period_seconds,
        fleets.objective_latency_seconds,
        fleets.objective_percentile,
        fleets.objective_latency_metric,
        fleets.has_error_metric,
        fleets.is_demand_omitted_at_zero,
        fleets.instance_type,
        fleets.sustainable_rate_per_second,
        fleets.on_demand_usd_per_hour,
        fleets.price_day_utc,
        fleets.baseline_instances,
        hours.hour_start_utc,
        cast(hours.hour_start_utc at time zone 'UTC' as date) as day_utc
    from fleets
    cross join hours
)

select * from final
