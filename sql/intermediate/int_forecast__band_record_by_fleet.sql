with

record as (
    select * from int_forecast__record_by_fleet_hour
),

judged as (
    select
        fleet_id,
        peak_demand_per_second between peak_demand_q10_per_second and peak_demand_q90_per_second as is_inside
    from record
),

final as (
    select
        fleet_id,
        count(*) as hours_judged,
        count(*) filter (where is_inside) as hours_inside
    from judged
    group by fleet_id
)

select * from final
