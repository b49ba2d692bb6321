with

source as (
    select * from metric_sample
),

typed as (
    select
        cast(fleet_id as varchar) as fleet_id,
        cast(metric as varchar) as metric,
        cast(timestamp_utc as timestamptz) as timestamp_utc,
        cast(period_seconds as integer) as period_seconds,
        cast(value as double) as value
    from source
),

final as (
    select
        fleet_id,
        metric,
        timestamp_utc,
        period_seconds,
        value
    from typed
    -- the same sample read twice: the finer period, then the larger value, since late points only add
    qualify row_number() over (
        partition by fleet_id, metric, timestamp_utc
        order by period_seconds asc, value desc nulls last
    ) = 1
)

select * from final
