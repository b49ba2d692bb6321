with

source as (
    select * from spot_price
),

typed as (
    select
        cast(region as varchar) as region,
        cast(availability_zone as varchar) as availability_zone,
        cast(instance_type as varchar) as instance_type,
        cast(product_description as varchar) as product_description,
        cast(timestamp_utc as timestamptz) as timestamp_utc,
        cast(spot_usd_per_hour as decimal(38, 10)) as spot_usd_per_hour
    from source
),

final as (
    select
        region,
        availability_zone,
        instance_type,
        product_description,
        timestamp_utc,
        spot_usd_per_hour
    from typed
    -- every hour's file repeats the price in force at its start
    qualify row_number() over (
        partition by region, availability_zone, instance_type, product_description, timestamp_utc
        order by spot_usd_per_hour desc
    ) = 1
)

select * from final
