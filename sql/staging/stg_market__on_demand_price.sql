with

source as (
    select * from on_demand_price
),

typed as (
    select
        cast(region as varchar) as region,
        cast(instance_type as varchar) as instance_type,
        cast(service as varchar) as service,
        cast(day_utc as date) as day_utc,
        cast(on_demand_usd_per_hour as decimal(38, 10)) as on_demand_usd_per_hour,
        cast(effective_from_utc as timestamptz) as effective_from_utc
    from source
),

final as (
    select
        region,
        instance_type,
        service,
        day_utc,
        on_demand_usd_per_hour,
        effective_from_utc
    from typed
    qualify row_number() over (
        partition by region, instance_type, service, day_utc
        order by effective_from_utc desc nulls last, on_demand_usd_per_hour desc
    ) = 1
)

select * from final
