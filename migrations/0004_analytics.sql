-- What browsers report of the stages before a checkout. Appended by the API.

create table analytics_events (
    event_hash bytea not null,
    session_id text not null,
    kind text not null,
    sku text,
    occurred_at timestamptz not null,
    received_at timestamptz not null default now(),
    constraint analytics_events_pkey primary key (event_hash),
    constraint analytics_events_kind_known check (kind in (
        'product_viewed', 'added_to_cart', 'removed_from_cart', 'checkout_opened'))
);
