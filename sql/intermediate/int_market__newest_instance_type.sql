with

types as (
    select * from stg_market__instance_type
),

fleets as (
    select * from fleet
),

distances as (
    select
        types.*,
        -- midnight ends the day before: the list of the day that begins may be read a moment too late or not
        types.day_utc
        - cast((cast($as_of as timestamptz) - interval 1 microsecond) at time zone 'UTC' as date) as days_after_as_of
    from types
    where types.region in (select fleets.region from fleets)
),

nearest as (
    select *
    from distances
    -- a list from before the moment goes first; a later one stands in where there is none
    qualify row_number() over (
        partition by region, instance_type
        order by days_after_as_of <= 0 desc, abs(days_after_as_of) asc
    ) = 1
),

final as (
    select
        region,
        instance_type,
        day_utc,
        vcpus,
        memory_mib,
        architecture,
        gpu_name,
        gpu_manufacturer,
        gpu_count,
        gpu_memory_mib,
        network_mbps
    from nearest
)

select * from final
