with

fleet_hours as (
    select * from int_fleet__hour
),

cost as (
    select * from mart_cost__hourly_by_fleet
),

utilization as (
    select * from mart_utilization__hourly_by_fleet
),

plans as (
    select * from mart_plan__schedule
),

billed as (
    select
        fleet_id,
        cast(hour_start_utc at time zone 'UTC' as date) as day_utc,
        sum(effective_cost) as effective_cost_usd,
        sum(usage_hours order by usage_hours asc) as billed_hours,
        count(distinct hour_start_utc) as hours_with_lines
    from cost
    -- the baseline is priced in dollars and in instances
    where billing_currency = 'USD' and instance_type is not null
    group by all
),

desired as (
    select
        fleet_id,
        -- a plan is made at the end of the hour it looks back on, and read the target then
        made_at_utc - interval 1 hour as hour_start_utc,
        max(desired_instances) as desired_instances
    from plans
    where hour_start_utc = made_at_utc
    group by fleet_id, made_at_utc
),

counted as (
    select
        fleet_hours.fleet_id,
        fleet_hours.day_utc,
        any_value(fleet_hours.on_demand_usd_per_hour) as on_demand_usd_per_hour,
        any_value(fleet_hours.price_day_utc) as price_day_utc,
        any_value(fleet_hours.baseline_instances) as baseline_instances,
        count(*) as hours,
        -- an hour nobody saw is taken for an average one, not for an empty one
        avg(utilization.instances_in_service_mean order by fleet_hours.hour_start_utc asc) as in_service_instances,
        avg(desired.desired_instances order by fleet_hours.hour_start_utc asc) as desired_instances
    from fleet_hours
    left join utilization
        on
            fleet_hours.fleet_id = utilization.fleet_id
            and fleet_hours.hour_start_utc = utilization.hour_start_utc
    left join desired
        on
            fleet_hours.fleet_id = desired.fleet_id
            and fleet_hours.hour_start_utc = desired.hour_start_utc
    group by fleet_hours.fleet_id, fleet_hours.day_utc
),

estimated as (
    select
        *,
        coalesce(in_service_instances, desired_instances, baseline_instances) * hours as estimated_hours,
        case
            when in_service_instances is not null then 'in_service'
            when desired_instances is not null then 'desired'
            when baseline_instances is not null then 'baseline'
        end as instances_basis
    from counted
),

joined as (
    select
        estimated.*,
        billed.billed_hours,
        cast(estimated.estimated_hours * estimated.on_demand_usd_per_hour as decimal(38, 10)) as estimated_cost_usd,
        case
            when
                coalesce(
                    billed.billed_hours
                    >= $complete_bill_fraction * estimated.in_service_instances * estimated.hours,
                    -- only a count of what ran says how much of it is billed; else a daily export has one hour of
                    -- lines and an hourly one has all hours
                    billed.hours_with_lines = 1
                    or billed.hours_with_lines >= $complete_bill_fraction * estimated.hours
                )
                then billed.effective_cost_usd
        end as billed_cost_usd
    from estimated
    left join billed
        on estimated.fleet_id = billed.fleet_id and estimated.day_utc = billed.day_utc
),

final as (
    select
        fleet_id,
        day_utc,
        hours,
        on_demand_usd_per_hour,
        price_day_utc,
        case when billed_cost_usd is not null then coalesce(billed_hours, estimated_hours) else estimated_hours end
            as instance_hours,
        instances_basis,
        billed_cost_usd,
        estimated_cost_usd,
        coalesce(billed_cost_usd, estimated_cost_usd) as actual_cost_usd,
        case
            when billed_cost_usd is not null then 'billed'
            when estimated_cost_usd is not null then 'estimated'
            else 'unknown'
        end as cost_basis
    from joined
)

select * from final
