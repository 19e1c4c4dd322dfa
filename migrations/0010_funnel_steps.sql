-- What raw events count for, said once: the rollup adds these up, a rebuild adds them up again, and
-- whoever asks adds those that are not rolled up yet. docs/funnel.md says it in words.

-- What each event of an order counts for, for the whole shop (the empty SKU) and for each of the
-- order's products. All of it counts at the time at which the order was written, so that of the
-- orders held at a time each is paid, abandoned or open.
create view funnel_order_steps as
select event.seq, event.xid, event.order_id, orders.created_at as at, part.sku,
    step.measure, step.detail,
    case step.measure when 'revenue' then part.worth_minor else 1 end as count
from order_events as event
join orders using (order_id)
cross join lateral (
    select 'stock_held' as measure, '' as detail where event.kind = 'held'
    union all
    select 'payment_submitted', '' where event.kind = 'attempt_begun' and not exists (
        select from order_events as earlier
        where earlier.order_id = event.order_id and earlier.version < event.version
          and earlier.kind = 'attempt_begun')
    union all
    select 'paid', '' where event.kind = 'paid'
    union all
    select 'revenue', orders.currency where event.kind = 'paid'
    union all
    select 'refused', orders.refusal ->> 'kind' where event.kind = 'refused'
    union all
    -- An abandoned order, by the last thing that happened to it before it was closed.
    select event.kind, (
        select case last.kind
            when 'held' then 'held'
            when 'none' then 'payment_submitted'
            when 'attempt_begun' then 'payment_processing'
            when 'processing' then 'payment_processing'
            when 'requires_action' then 'payment_requires_action'
            when 'declined' then 'payment_declined'
            when 'confirmed' then 'payment_authorized'
            else 'other' end
        from order_events as last
        where last.order_id = event.order_id and last.version < event.version
          and last.kind not in ('closing', 'payment_cancelled')
        order by last.version desc
        limit 1)
    where event.kind in ('expired', 'cancelled', 'payment_failed')
) as step
cross join lateral (
    select '' as sku, orders.total_minor as worth_minor
    union all
    select line.sku, line.quantity * line.unit_price_minor
    from order_lines as line where line.order_id = event.order_id
) as part
where event.kind in (
    'held', 'attempt_begun', 'paid', 'refused', 'expired', 'cancelled', 'payment_failed')
  -- For want of a product is refused what there was too little of, not what lay beside it.
  and (step.detail <> 'out_of_stock' or part.sku = '' or exists (
    select from jsonb_array_elements(orders.refusal -> 'lines') as line
    where line ->> 'sku' = part.sku and line ->> 'status' <> 'ok'));

-- How long after the last thing was put into a cart its checkout counts as that cart's.
create function cart_patience() returns interval
language sql immutable parallel safe
return interval '1 hour';

-- What browsers' sessions count for, by their events whose transactions are older than `upto`: each
-- step once, for the whole shop and for each product, when the session first took it. An opened
-- checkout counts for the products that were put into the cart before. `open_until` says until when
-- a cart that has led to no checkout may still do so.
create function funnel_session_steps(sessions text[], upto xid8)
returns table (session_id text, at timestamptz, sku text, measure text, detail text, open_until timestamptz)
language sql stable parallel safe as $$
    with event as (
        select raw.session_id, raw.sku, raw.kind, raw.occurred_at,
            max(occurred_at) filter (where kind = 'added_to_cart') over so_far as last_added,
            min(occurred_at) filter (where kind = 'checkout_opened') over from_here as next_opened
        from analytics_events as raw
        where raw.session_id = any(sessions) and raw.xid < upto
        window so_far as (partition by raw.session_id order by raw.occurred_at),
            from_here as (partition by raw.session_id order by raw.occurred_at desc)
    ), part as (
        select event.session_id, scope.sku,
            min(occurred_at) filter (where kind = 'product_viewed') as viewed,
            min(occurred_at) filter (where kind = 'added_to_cart') as added,
            min(case kind when 'checkout_opened' then occurred_at
                          when 'added_to_cart' then next_opened end) as opened,
            min(occurred_at) filter (where kind = 'refused_out_of_stock') as out_of_stock,
            min(occurred_at) filter (where kind = 'refused_price_changed') as price_changed,
            max(occurred_at) filter (where kind = 'checkout_opened'
                and occurred_at <= last_added + cart_patience()) as checked_out,
            max(last_added) as last_added
        from event
        cross join lateral (select '' as sku union all select event.sku) as scope
        where scope.sku is not null
        group by event.session_id, scope.sku
    ), session as (
        -- A product's cart is the session's: its checkout, and how long it is waited for.
        select part.*,
            max(checked_out) over whole as session_checked_out,
            max(last_added) over whole + cart_patience() as session_open_until
        from part
        window whole as (partition by part.session_id)
    )
    select session.session_id, step.at, session.sku, step.measure, step.detail, step.open_until
    from session
    cross join lateral (values
        (viewed, 'product_viewed', '', null::timestamptz),
        (added, 'added_to_cart', '',
            case when session_checked_out >= added then null else session_open_until end),
        (case when session_checked_out >= added then added end, 'cart_checked_out', '', null),
        (opened, 'checkout_opened', '', null),
        (out_of_stock, 'refused', 'out_of_stock', null),
        (price_changed, 'refused', 'price_changed', null)
    ) as step (at, measure, detail, open_until)
    where step.at is not null
$$;

-- Adds to the counts. Sums that are zero leave no trace.
create function funnel_add(
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
        on conflict on constraint funnel_quarters_pkey
            do update set count = known.count + excluded.count
    )
    insert into funnel_days as known (sku, at, measure, detail, sealed, count)
    select sku, date_trunc('day', quarter, 'UTC'), measure, detail, sealed, sum(count)::bigint
    from step
    group by 1, 2, 3, 4, 5
    having sum(count) <> 0
    on conflict on constraint funnel_days_pkey
        do update set count = known.count + excluded.count
$$;
