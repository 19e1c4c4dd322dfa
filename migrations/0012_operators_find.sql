-- What operators look for. `state` is in the conditions of two indexes already, so that a change of
-- it was no HOT update before this one either.
create index orders_by_state on orders (state, created_at desc, order_id desc);
-- Lines come in at the end of it, however many there are of one product.
create index order_lines_by_sku on order_lines (sku);
create index webhook_inbox_by_payment on webhook_inbox (payment_intent)
    where payment_intent is not null;
