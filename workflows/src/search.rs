//! What operators search workflows by. Registered by `worker setup`.

use temporalio_common::search_attributes::{SearchAttributeKey, Timestamp};

/// Where the order stands: the name of a `domain::OrderState`.
///
/// A state is written here when it lasts: `awaiting_payment` at the start, the end state at the
/// end, and `paying`, `confirmed` or `closing` when the provider keeps the order in it. Writing
/// each one as it passes would cost every paid order three more history events.
pub const CHECKOUT_STATE: SearchAttributeKey<String> = SearchAttributeKey::keyword("CheckoutState");
/// What the order costs, in minor units of its currency.
pub const ORDER_TOTAL: SearchAttributeKey<i64> = SearchAttributeKey::int("OrderTotal");
/// When the hold ends.
pub const HOLD_EXPIRES_AT: SearchAttributeKey<Timestamp> =
    SearchAttributeKey::datetime("HoldExpiresAt");
