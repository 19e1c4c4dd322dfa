-- An email belongs to the request that it came with: of two requests with one order id, only one
-- becomes the order, and its fingerprint says which.
alter table order_contacts add column fingerprint text not null default '';
alter table order_contacts drop constraint order_contacts_pkey;
alter table order_contacts add constraint order_contacts_pkey
    primary key (order_id, secret_hash, fingerprint);
