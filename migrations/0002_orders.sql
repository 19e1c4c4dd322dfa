-- Orders, their lines, their holds, and everything that ever happened to them.

create table orders (
    order_id uuid not null,
    run_id text not null,
    secret_hash text not null,
    fingerprint text not null,
    client_key text,
    state text not null,
    version bigint not null default 1,
    refusal jsonb,
    currency text,
    total_minor bigint,
    expires_at timestamptz,
    payment_state text not null default 'none',
    payment_attempts integer not null default 0,
    payment_intent text,
    decline_code text,
    next_action_url text,
    captured_minor bigint not null default 0,
    refunded_minor bigint not null default 0,
    refund_pending_minor bigint not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint orders_pkey primary key (order_id),
    constraint orders_one_intent_each unique (payment_intent),
    constraint orders_state_known check (state in (
        'awaiting_payment', 'paying', 'confirmed', 'closing', 'refused', 'expired', 'cancelled',
        'payment_failed', 'paid', 'partially_refunded', 'refunded', 'disputed')),
    constraint orders_payment_state_known check (payment_state in (
        'none', 'processing', 'requires_action', 'declined', 'authorized', 'captured',
        'cancelled')),
    constraint orders_refusal_iff_refused check ((state = 'refused') = (refusal is not null)),
    constraint orders_refunds_within_capture check (
        refunded_minor >= 0 and refund_pending_minor >= 0
        and refunded_minor + refund_pending_minor <= captured_minor)
) with (fillfactor = 70);
create index orders_by_age on orders (created_at desc, order_id);
create index orders_open_by_client on orders (client_key)
    where client_key is not null and state in ('awaiting_payment', 'paying', 'closing');

create table order_lines (
    order_id uuid not null,
    position integer not null,
    sku text not null,
    name text not null,
    quantity integer not null,
    unit_price_minor bigint not null,
    constraint order_lines_pkey primary key (order_id, position),
    constraint order_lines_order foreign key (order_id) references orders (order_id),
    constraint order_lines_quantity_in_range check (quantity between 1 and 99)
);

-- Units set aside for an order. `open` units are in stock.held, `committed` ones in stock.sold,
-- `released` ones are back on the shelf.
create table holds (
    order_id uuid not null,
    run_id text not null,
    expires_at timestamptz not null,
    state text not null default 'open',
    constraint holds_pkey primary key (order_id),
    constraint holds_order foreign key (order_id) references orders (order_id),
    constraint holds_state_known check (state in ('open', 'committed', 'released'))
);
create index holds_open on holds (expires_at) where state = 'open';

create table payment_attempts (
    order_id uuid not null,
    attempt_id uuid not null,
    number integer not null,
    payment_method text not null,
    outcome text,
    decline_code text,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    constraint payment_attempts_pkey primary key (order_id, attempt_id),
    constraint payment_attempts_order foreign key (order_id) references orders (order_id)
);

-- One row a change of an order, with the order's changing part as it was after it.
create table order_events (
    seq bigint generated always as identity,
    order_id uuid not null,
    version bigint not null,
    kind text not null,
    snapshot jsonb not null,
    at timestamptz not null,
    xid xid8 not null default pg_current_xact_id(),
    constraint order_events_pkey primary key (seq),
    constraint order_events_one_a_version unique (order_id, version)
);
create index order_events_xid on order_events (xid);

-- The changing part of an order. Its lines, its total and its hold's end never change.
create function order_snapshot(o orders) returns jsonb
language sql immutable
return jsonb_build_object(
    'state', o.state,
    'payment_state', o.payment_state,
    'payment_attempts', o.payment_attempts,
    'decline_code', o.decline_code,
    'next_action_url', o.next_action_url,
    'refunded_minor', o.refunded_minor,
    'refund_pending_minor', o.refund_pending_minor
);

-- The shopper's email, kept out of Temporal: appended by the API before the workflow starts.
create table order_contacts (
    order_id uuid not null,
    secret_hash text not null,
    email text not null,
    at timestamptz not null default now(),
    constraint order_contacts_pkey primary key (order_id, secret_hash)
);
