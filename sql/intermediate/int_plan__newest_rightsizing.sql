with

plans as (
    select * from mart_plan__rightsizing
),

fleets as (
    select * from fleet
),

feasible as (
    select plans.*
    from plans
    inner join fleets on plans.fleet_id = fleets.fleet_id
    where plans.is_feasible and plans.made_at_utc <= $as_of
),

newest as (
    select *
    from feasible
    qualify made_at_utc = max(made_at_utc) over (partition by fleet_id)
),

final as (
    select
        fleet_id,
        rank,
        instance_type,
        purchase_option,
        sustainable_rate_per_second,
        rate_source,
        usd_per_hour,
        peak_instances,
        instance_hours,
        cost_usd,
        is_current,
        break_even_rate_per_second,
        explanation
    from newest
)

select * from final
