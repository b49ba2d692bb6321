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
        kpis.* exclude (cost_basis),
        savings.baseline_cost_usd,
        savings.actual_cost_usd,
        savings.realised_savings_usd,
        savings.billed_cost_usd,
        savings.estimated_cost_usd,
        savings.instances_basis,
        savings.price_day_utc,
        coalesce(savings.cost_basis, 'unknown') as cost_basis
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
        count(*) filter (where cost_basis = 'billed') as billed_days,
        count(*) filter (where cost_basis = 'estimated') as estimated_days,
        count(*) filter (where cost_basis = 'unknown') as unknown_days,
        -- the baseline is only compared on days whose cost is known
        sum(baseline_cost_usd) filter (where realised_savings_usd is not null) as baseline_cost_usd,
        sum(billed_cost_usd) filter (where cost_basis = 'billed') as billed_cost_usd,
        sum(estimated_cost_usd) filter (where cost_basis = 'estimated') as estimated_cost_usd,
        sum(realised_savings_usd) filter (where cost_basis = 'billed') as billed_savings_usd,
        sum(realised_savings_usd) filter (where cost_basis = 'estimated') as estimated_savings_usd,
        count(*) filter (where billed_cost_usd is not null and estimated_cost_usd is not null) as compared_days,
        sum(billed_cost_usd) filter (where estimated_cost_usd is not null) as compared_billed_cost_usd,
        sum(estimated_cost_usd) filter (where billed_cost_usd is not null) as compared_estimated_cost_usd,
        list_sort(list(distinct instances_basis) filter (where instances_basis is not null)) as instances_bases,
        max(price_day_utc) as price_day_utc,
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
