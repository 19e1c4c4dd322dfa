-- What the shop sells, and how many units of it there are.

create table products (
    sku text not null,
    name text not null,
    description text not null,
    image_url text,
    price_minor bigint not null,
    currency text not null,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint products_pkey primary key (sku),
    constraint products_price_not_negative check (price_minor >= 0),
    constraint products_currency_is_iso_4217 check (currency ~ '^[A-Z]{3}$')
);

-- One row a SKU, changed with every hold: few columns, room on the page for HOT updates.
create table stock (
    sku text not null,
    on_hand bigint not null default 0,
    held bigint not null default 0,
    sold bigint not null default 0,
    version bigint not null default 1,
    constraint stock_pkey primary key (sku),
    constraint stock_sku_is_a_product foreign key (sku) references products (sku),
    constraint stock_held_not_negative check (held >= 0),
    constraint stock_sold_not_negative check (sold >= 0),
    constraint stock_not_oversold check (held + sold <= on_hand)
) with (fillfactor = 50);

-- Changes that are not an order's: a product written, units counted in or out. `xid` lets a
-- reader follow the table without skipping rows whose transactions commit out of order.
create table catalogue_changes (
    seq bigint generated always as identity,
    sku text not null,
    at timestamptz not null default now(),
    xid xid8 not null default pg_current_xact_id(),
    constraint catalogue_changes_pkey primary key (seq)
);
create index catalogue_changes_xid on catalogue_changes (xid);

-- Every change by an operator, written in the transaction of the change. The id is the
-- operator's own request id, so that a repeated request changes nothing and answers the same.
create table operator_changes (
    change_id uuid not null,
    kind text not null,
    actor text not null,
    reason text not null,
    request jsonb not null,
    outcome jsonb not null,
    at timestamptz not null default now(),
    constraint operator_changes_pkey primary key (change_id)
);
