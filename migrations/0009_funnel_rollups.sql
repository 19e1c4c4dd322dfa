-- The funnel: raw events that can be followed in the order in which they commit, and the counts
-- that are made of them.

-- `xid` lets the rollup follow the table without skipping rows whose transactions commit late.
alter table analytics_events add column xid xid8 not null default pg_current_xact_id();
create index analytics_events_xid on analytics_events (xid);
create index analytics_events_by_session on analytics_events (session_id);
create index analytics_events_by_time on analytics_events (occurred_at);

-- Besides what browsers report: a checkout that the API refused before an order was written. Its
-- session is the order's id.
alter table analytics_events drop constraint analytics_events_kind_known;
alter table analytics_events add constraint analytics_events_kind_known check (kind in (
    'product_viewed', 'added_to_cart', 'removed_from_cart', 'checkout_opened',
    'refused_out_of_stock', 'refused_price_changed'));

-- One row a quarter of an hour, product and measure: every offset of a time zone is a multiple of a
-- quarter, so that days of any zone are sums of these. The whole shop has the empty SKU. `sealed`
-- rows are of sessions whose raw events have been deleted: a rebuild leaves them alone.
create table funnel_quarters (
    sku text not null,
    at timestamptz not null,
    measure text not null,
    detail text not null,
    sealed boolean not null,
    count bigint not null,
    constraint funnel_quarters_pkey primary key (sku, at, measure, detail, sealed) include (count)
);
create index funnel_quarters_by_time on funnel_quarters (at) where sku <> '';

-- The same by days of UTC: so that a month, or a list of all products, need not add up quarters.
create table funnel_days (
    sku text not null,
    at timestamptz not null,
    measure text not null,
    detail text not null,
    sealed boolean not null,
    count bigint not null,
    constraint funnel_days_pkey primary key (at, sku, measure, detail, sealed) include (count)
);

-- Carts that have led to no checkout and may still do so: what `open_until` is compared with is the
-- clock, so that counts can't tell. Of those events that are in the counts.
create table funnel_open_carts (
    session_id text not null,
    sku text not null,
    at timestamptz not null,
    open_until timestamptz not null,
    constraint funnel_open_carts_pkey primary key (session_id, sku)
);
create index funnel_open_carts_by_end on funnel_open_carts (open_until);

-- Every row of a source whose transaction is older than `upto` is in the counts, and no other. Who
-- changes the counts holds these rows.
create table funnel_progress (
    source text not null,
    upto xid8 not null,
    constraint funnel_progress_pkey primary key (source),
    constraint funnel_progress_source_known check (source in ('orders', 'sessions'))
);
insert into funnel_progress (source, upto) values ('orders', '0'), ('sessions', '0');
