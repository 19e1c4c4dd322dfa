//! What operators search workflows by. Registered by `worker setup`.

use domain::OrderId;
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes, Timestamp};

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
/// The order that a workflow is about: the checkout itself, its refunds, disputes, late payments,
/// and what operators did to it. One search finds them all.
pub const ORDER_ID: SearchAttributeKey<String> = SearchAttributeKey::keyword("OrderId");

/// Of a workflow that is about an order.
#[must_use]
pub fn about(order: OrderId) -> SearchAttributes {
    SearchAttributes::new([ORDER_ID.value_set(order.to_string())])
}
