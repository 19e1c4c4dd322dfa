-- How many calls to cancel or refund the order's payment are on their way, or may be: while there
-- is one, the units of an open hold do not become the buyer's.
alter table holds
    add column called_off integer not null default 0,
    add constraint holds_called_off_not_negative check (called_off >= 0);
