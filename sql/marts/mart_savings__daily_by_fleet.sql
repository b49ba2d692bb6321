with

fleet_hours as (
    select * from int_fleet__hour
),

daily_cost as (
    select * from int_cost__daily_by_fleet
),

baselines as (
    select
        fleet_id,
        day_utc,
        cast(any_value(baseline_instances) * count(*) * any_value(on_demand_usd_per_hour) as decimal(38, 10))
            as baseline_cost_usd
    from fleet_hours
    group by fleet_id, day_utc
),

final as (
    select
        daily_cost.fleet_id,
        daily_cost.day_utc,
        baselines.baseline_cost_usd,
        daily_cost.actual_cost_usd,
        baselines.baseline_cost_usd - daily_cost.actual_cost_usd as realised_savings_usd,
        daily_cost.cost_basis,
        daily_cost.billed_cost_usd,
        daily_cost.estimated_cost_usd,
        daily_cost.instances_basis,
        daily_cost.price_day_utc
    from daily_cost
    inner join baselines
        on daily_cost.fleet_id = baselines.fleet_id and daily_cost.day_utc = baselines.day_utc
)

select * from final
