with

lines as (
    select * from stg_billing__line
),

usage_lines as (
    select
        *,
        time_bucket(interval 1 hour, charge_period_start_utc) as hour_start_utc,
        case
            when pricing_category = 'Committed' or commitment_discount_status is not null then 'commitment'
            when pricing_category = 'Dynamic' then 'spot'
            else 'on_demand'
        end as purchase_option,
        case
            when instance_type is null then null
            when commitment_discount_status = 'Unused' then 0.0
            when lower(consumed_unit) in ('hrs', 'hours', 'hour', 'hr') then consumed_quantity
            when lower(pricing_unit) in ('hrs', 'hours', 'hour', 'hr') then pricing_quantity
        end as usage_hours
    from lines
    where
        charge_category = 'Usage'
        and charge_period_start_utc >= $window_start
        and charge_period_start_utc < $window_end
),

final as (
    select
        tags,
        hour_start_utc,
        region,
        instance_type,
        availability_zone,
        purchase_option,
        billing_currency,
        sum(effective_cost) as effective_cost,
        sum(billed_cost) as billed_cost,
        sum(list_cost) as list_cost,
        sum(usage_hours order by usage_hours asc) as usage_hours
    from usage_lines
    group by
        tags,
        hour_start_utc,
        region,
        instance_type,
        availability_zone,
        purchase_option,
        billing_currency
)

select * from final
