-- Money that goes back: refunds that operators ask for, refunds made at the provider, disputes.

create table refunds (
    refund_id uuid not null,
    order_id uuid not null,
    origin text not null,
    state text not null,
    amount_minor bigint,
    actor text not null,
    reason text,
    request jsonb not null,
    refusal jsonb,
    failure text,
    provider_refund text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint refunds_pkey primary key (refund_id),
    constraint refunds_order foreign key (order_id) references orders (order_id),
    constraint refunds_one_each_at_provider unique (provider_refund),
    constraint refunds_origin_known check (origin in ('operator', 'provider')),
    constraint refunds_state_known check (state in ('pending', 'succeeded', 'failed', 'refused')),
    constraint refunds_refusal_iff_refused check ((state = 'refused') = (refusal is not null)),
    constraint refunds_amount_iff_not_refused check (
        (state = 'refused') = (amount_minor is null) and coalesce(amount_minor, 1) > 0)
);
create index refunds_by_order on refunds (order_id, created_at);

-- The units of a refund. `restocked` of them are back on the shelf.
create table refund_lines (
    refund_id uuid not null,
    sku text not null,
    quantity integer not null,
    restock boolean not null,
    restocked integer not null default 0,
    constraint refund_lines_pkey primary key (refund_id, sku),
    constraint refund_lines_refund foreign key (refund_id) references refunds (refund_id),
    constraint refund_lines_quantity_in_range check (quantity between 1 and 99),
    constraint refund_lines_restocked_within_quantity check (
        restocked between 0 and quantity and (restock or restocked = 0))
);

-- What the provider last said of each dispute. An order is disputed while one of its disputes
-- is open or lost.
create table disputes (
    dispute_id text not null,
    order_id uuid not null,
    status text not null,
    freezes boolean not null,
    amount_minor bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint disputes_pkey primary key (dispute_id),
    constraint disputes_order foreign key (order_id) references orders (order_id)
);
create index disputes_by_order on disputes (order_id);
