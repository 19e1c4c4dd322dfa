-- Keys that the shop makes for itself, once: every node reads the same, and no setting's change
-- changes them. `addresses` hashes those of shoppers, whose open holds are counted by that hash.
create table keys (
    name text not null,
    key bytea not null,
    constraint keys_pkey primary key (name),
    constraint keys_long_enough check (octet_length(key) >= 32)
);
insert into keys (name, key)
values ('addresses', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
