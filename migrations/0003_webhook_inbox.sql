-- What the payment provider told us, exactly as it told it. The API appends; the worker
-- delivers each to its order and records the outcome.

create table webhook_inbox (
    event_id text not null,
    event_type text not null,
    payment_intent text,
    order_id uuid,
    body bytea not null,
    headers jsonb not null,
    received_at timestamptz not null default clock_timestamp(),
    constraint webhook_inbox_pkey primary key (event_id)
);

create table webhook_deliveries (
    event_id text not null,
    outcome text,
    detail text,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint webhook_deliveries_pkey primary key (event_id),
    constraint webhook_deliveries_event foreign key (event_id) references webhook_inbox (event_id),
    constraint webhook_deliveries_outcome_known check (outcome in (
        'delivered', 'known', 'late', 'ignored', 'foreign'))
);
create index webhook_deliveries_due on webhook_deliveries (next_attempt_at)
    where outcome is null;

-- Every event stored is due at once; the API, which appends the event, need not know of it.
create function webhook_is_due() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    insert into webhook_deliveries (event_id) values (new.event_id);
    return null;
end
$$;
create trigger webhook_is_due after insert on webhook_inbox
    for each row execute function webhook_is_due();
