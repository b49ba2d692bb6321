with

kpis as (
    select * from mart_kpi__daily_by_fleet
),

savings as (
    select * from mart_savings__daily_by_fleet
),

fleets as (
    select * from fleet
),

days as (
    select
        kpis.*,
        savings.baseline_cost_usd,
        savings.actual_cost_usd,
        savings.realised_savings_usd,
        savings.is_estimated
    from kpis
    inner join fleets on kpis.fleet_id = fleets.fleet_id
    left join savings
        on kpis.fleet_id = savings.fleet_id and kpis.day_utc = savings.day_utc
    where
        kpis.day_utc >= cast(cast($window_start as timestamptz) at time zone 'UTC' as date)
        and kpis.day_utc < cast(cast($window_end as timestamptz) at time zone 'UTC' as date)
),

final as (
    select
        fleet_id,
        count(*) as days,
        sum(baseline_cost_usd) as baseline_cost_usd,
        sum(actual_cost_usd) as actual_cost_usd,
        sum(realised_savings_usd) as realised_savings_usd,
        coalesce(bool_or(is_estimated), true) as is_estimated,
        -- floats are added in the order of days, so that the same days give the same bytes
        sum(instance_hours order by day_utc asc) as instance_hours,
        avg(gpu_utilization_p50_fraction order by day_utc asc) as gpu_utilization_p50_fraction,
        avg(cpu_utilization_p50_fraction order by day_utc asc) as cpu_utilization_p50_fraction,
        max(latency_p99_seconds) as latency_p99_seconds,
        avg(success_fraction order by day_utc asc) as success_fraction,
        avg(slo_hours_fraction order by day_utc asc) as slo_hours_fraction,
        avg(waste_fraction order by day_utc asc) as waste_fraction,
        cast(sum(cold_starts) as bigint) as cold_starts
    from days
    group by fleet_id
)

select * from final
