-- What came of holding orders, workflows and the provider's books against each other.

create table reconciliation_runs (
    run_id uuid not null,
    asked_by text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    orders_checked bigint,
    payments_checked bigint,
    constraint reconciliation_runs_pkey primary key (run_id)
);
create index reconciliation_runs_by_age on reconciliation_runs (started_at desc);

-- `repair` is what was begun to put it right; none where a person has to look.
create table reconciliation_findings (
    run_id uuid not null,
    kind text not null,
    subject text not null,
    detail text not null,
    repair text,
    at timestamptz not null default clock_timestamp(),
    constraint reconciliation_findings_pkey primary key (run_id, kind, subject),
    constraint reconciliation_findings_run foreign key (run_id)
        references reconciliation_runs (run_id)
);

-- Orders that are paid but not captured are looked through by each run, as are open holds.
create index orders_confirmed on orders (order_id) where state = 'confirmed';
