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

billed as (
    select
        fleet_id,
        cast(hour_start_utc at time zone 'UTC' as date) as day_utc,
        sum(effective_cost) as billed_cost_usd,
        sum(usage_hours order by usage_hours asc) as billed_hours
    from cost
    -- the baseline is priced in dollars and in instances
    where billing_currency = 'USD' and instance_type is not null
    group by all
),

in_service as (
    select
        fleet_hours.fleet_id,
        fleet_hours.day_utc,
        any_value(fleet_hours.on_demand_usd_per_hour) as on_demand_usd_per_hour,
        count(*) as hours,
        -- an hour nobody saw is taken for an average one, not for an empty one
        avg(utilization.instances_in_service_mean order by utilization.hour_start_utc asc)
        * count(*) as in_service_hours
    from fleet_hours
    left join utilization
        on
            fleet_hours.fleet_id = utilization.fleet_id
            and fleet_hours.hour_start_utc = utilization.hour_start_utc
    group by fleet_hours.fleet_id, fleet_hours.day_utc
),

joined as (
    select
        in_service.*,
        billed.billed_cost_usd,
        billed.billed_hours,
        coalesce(
            billed.billed_hours >= $complete_bill_fraction * in_service.in_service_hours,
            billed.billed_cost_usd is not null
        ) as is_bill_complete
    from in_service
    left join billed
        on in_service.fleet_id = billed.fleet_id and in_service.day_utc = billed.day_utc
),

final as (
    select
        fleet_id,
        day_utc,
        hours,
        on_demand_usd_per_hour,
        case when is_bill_complete then coalesce(billed_hours, in_service_hours) else in_service_hours end
            as instance_hours,
        case
            when is_bill_complete then billed_cost_usd
            else cast(in_service_hours * on_demand_usd_per_hour as decimal(38, 10))
        end as actual_cost_usd,
        not is_bill_complete as is_estimated
    from joined
)

select * from final
