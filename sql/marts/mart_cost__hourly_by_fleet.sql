with

pools as (
    select * from int_cost__hourly_by_pool
),

fleet_tags as (
    select * from int_cost__tags_by_fleet
),

final as (
    select
        fleet_tags.fleet_id,
        pools.hour_start_utc,
        max(pools.region) as region,
        pools.instance_type,
        pools.availability_zone,
        pools.purchase_option,
        sum(pools.effective_cost) as effective_cost,
        sum(pools.billed_cost) as billed_cost,
        sum(pools.list_cost) as list_cost,
        pools.billing_currency,
        sum(pools.usage_hours order by pools.usage_hours asc) as usage_hours,
        'billed' as cost_basis
    from pools
    inner join fleet_tags on pools.tags = fleet_tags.tags
    group by
        fleet_tags.fleet_id,
        pools.hour_start_utc,
        pools.instance_type,
        pools.availability_zone,
        pools.purchase_option,
        pools.billing_currency
)

select * from final
