with

source as (
    select * from instance_type
),

typed as (
    select
        cast(region as varchar) as region,
        cast(instance_type as varchar) as instance_type,
        cast(day_utc as date) as day_utc,
        cast(vcpus as integer) as vcpus,
        cast(memory_mib as bigint) as memory_mib,
        cast(architecture as varchar) as architecture,
        cast(gpu_name as varchar) as gpu_name,
        cast(gpu_manufacturer as varchar) as gpu_manufacturer,
        cast(gpu_count as integer) as gpu_count,
        cast(gpu_memory_mib as bigint) as gpu_memory_mib,
        cast(network_mbps as double) as network_mbps
    from source
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
    from typed
    qualify row_number() over (
        partition by region, instance_type, day_utc
        order by vcpus, memory_mib
    ) = 1
)

select * from final
