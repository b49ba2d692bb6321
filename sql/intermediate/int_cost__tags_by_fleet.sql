with

pools as (
    select * from int_cost__hourly_by_pool
),

fleets as (
    select * from fleet
),

tags_present as (
    select distinct tags
    from pools
    where tags is not null
),

tag_sets as (
    select
        tags,
        -- text that is no JSON object carries no tag
        case
            when json_valid(tags)
                then case when json_type(tags) = 'OBJECT' then from_json(tags, '"MAP(VARCHAR, VARCHAR)"') end
        end as tag_map
    from tags_present
),

tags_on_lines as (
    select
        tags,
        unnest(map_entries(tag_map)) as tag
    from tag_sets
),

fleet_maps as (
    select
        fleet_id,
        from_json(tags, '"MAP(VARCHAR, VARCHAR)"') as tag_map
    from fleets
    where tags is not null
),

tags_of_fleets as (
    select
        fleet_id,
        cardinality(tag_map) as tag_count,
        unnest(map_entries(tag_map)) as tag
    from fleet_maps
),

matches as (
    select
        tags_on_lines.tags,
        tags_of_fleets.fleet_id,
        tags_of_fleets.tag_count
    from tags_of_fleets
    inner join tags_on_lines on tags_of_fleets.tag = tags_on_lines.tag
    group by tags_on_lines.tags, tags_of_fleets.fleet_id, tags_of_fleets.tag_count
    having count(*) = tags_of_fleets.tag_count
),

final as (
    select
        tags,
        fleet_id,
        tag_count
    from matches
    -- a line belongs to one fleet: the one that asks for most tags
    qualify row_number() over (partition by tags order by tag_count desc, fleet_id asc) = 1
)

select * from final
