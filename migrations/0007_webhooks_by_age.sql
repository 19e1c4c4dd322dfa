-- Operators page through the provider's events, newest first.
create index webhook_inbox_by_age on webhook_inbox (received_at desc, event_id desc);
