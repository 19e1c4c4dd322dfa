-- As before, and in the order of the rows' keys: events of orders and of sessions count for refusals
-- alike, and two that add to the same rows in opposite orders would wait for each other for ever.
create or replace function funnel_add(
    skus text[], ats timestamptz[], measures text[], details text[], sealeds boolean[],
    counts bigint[]
) returns void
language sql as $$
    with step as materialized (
        select sku, date_bin('15 minutes', at, 'epoch') as quarter, measure, detail, sealed,
            sum(count)::bigint as count
        from unnest(skus, ats, measures, details, sealeds, counts)
            as step (sku, at, measure, detail, sealed, count)
        group by 1, 2, 3, 4, 5
        having sum(count) <> 0
    ), quarters as (
        insert into funnel_quarters as known (sku, at, measure, detail, sealed, count)
        select sku, quarter, measure, detail, sealed, count from step
        order by 1, 2, 3, 4, 5
        on conflict on constraint funnel_quarters_pkey
            do update set count = known.count + excluded.count
    )
    insert into funnel_days as known (sku, at, measure, detail, sealed, count)
    select sku, date_trunc('day', quarter, 'UTC'), measure, detail, sealed, sum(count)::bigint
    from step
    group by 1, 2, 3, 4, 5
    having sum(count) <> 0
    order by 1, 2, 3, 4, 5
    on conflict on constraint funnel_days_pkey
        do update set count = known.count + excluded.count
$$;
