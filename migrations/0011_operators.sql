-- Who may use the operators' listener, besides whoever has the token of the setting: a name, what
-- it may do, and the SHA-256 of its token. A name may have two tokens while one replaces the other.
create table operator_tokens (
    token_hash bytea not null,
    name text not null,
    role text not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    constraint operator_tokens_pkey primary key (token_hash),
    constraint operator_tokens_hash_is_sha256 check (octet_length(token_hash) = 32),
    constraint operator_tokens_name_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
    constraint operator_tokens_role_known check (role in ('viewer', 'operator'))
);

-- What a change is about: an order, a product, a webhook event, or a token's name. By it a change
-- is found in the timeline of an order and among the movements of a product.
alter table operator_changes add column subject text;
update operator_changes set subject = coalesce(
    request -> 'change' ->> 'sku', request -> 'change' ->> 'event_id', request ->> 'order_id',
    request ->> 'subject');
create index operator_changes_by_subject on operator_changes (subject, at desc)
    where subject is not null;
-- Operators page through the audit, newest first.
create index operator_changes_by_age on operator_changes (at desc, change_id desc);
