with

prices as (
    select * from stg_market__spot_price
),

fleets as (
    select * from fleet
),

final as (
    select
        region,
        instance_type,
        availability_zone,
        timestamp_utc,
        spot_usd_per_hour
    from prices
    where
        region in (select fleets.region from fleets)
        and timestamp_utc <= $as_of
    qualify row_number() over (
        partition by region, instance_type, availability_zone
        order by timestamp_utc desc, product_description asc
    ) = 1
)

select * from final
