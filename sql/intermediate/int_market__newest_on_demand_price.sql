with

prices as (
    select * from stg_market__on_demand_price
),

fleets as (
    select * from fleet
),

distances as (
    select
        prices.*,
        -- midnight ends the day before: the list of the day that begins may be read a moment too late or not
        prices.day_utc
        - cast((cast($as_of as timestamptz) - interval 1 microsecond) at time zone 'UTC' as date) as days_after_as_of
    from prices
    where prices.region in (select fleets.region from fleets)
),

known as (
    select *
    from distances
    -- a list read later serves with the prices it says were in force already
    where days_after_as_of <= 0 or effective_from_utc <= $as_of
),

final as (
    select
        region,
        instance_type,
        service,
        day_utc,
        on_demand_usd_per_hour,
        effective_from_utc
    from known
    qualify row_number() over (
        partition by region, instance_type
        order by
            days_after_as_of <= 0 desc,
            abs(days_after_as_of) asc,
            effective_from_utc desc nulls last,
            service asc
    ) = 1
)

select * from final
