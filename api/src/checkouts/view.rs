//! A checkout as its client sees it.

use domain::{Money, OrderId, OrderState, PaymentState, PricedLine};
use read_model::{Checkout, orders::Changing};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use workflows::CheckoutMemo;

/// The checkout as it is now.
pub fn checkout_json(checkout: &Checkout) -> Value {
    checkout_at(checkout, &checkout.changing, checkout.version, checkout.updated_at)
}

/// The checkout as it was after one of its changes.
pub fn checkout_at(
    checkout: &Checkout,
    changing: &Changing,
    version: i64,
    updated_at: OffsetDateTime,
) -> Value {
    let now = checkout.read_at.now();
    let currency = checkout.total.or(checkout.lines.first().map(|line| line.unit_price));
    let money = |minor: i64| currency.map(|of| Money::new(minor, of.currency));
    let hold = checkout.expires_at.map(|at| {
        let remaining =
            if changing.state.has_ended() { 0 } else { (at - now).whole_seconds().max(0) };
        json!({"expires_at": rfc3339(at), "remaining_seconds": remaining})
    });
    let next_action = changing
        .next_action_url
        .as_ref()
        .map(|url| json!({"type": "redirect", "redirect_url": url}));
    json!({
        "order_id": checkout.order_id, "state": changing.state, "version": version,
        "lines": lines(&checkout.lines),
        "total": checkout.total.or_else(|| domain::order::total(&checkout.lines)),
        "hold": hold,
        "payment": {
            "state": changing.payment_state, "attempts": changing.payment_attempts,
            "decline_code": changing.decline_code, "next_action": next_action,
        },
        "refunded": money(changing.refunded_minor),
        "refund_pending": money(changing.refund_pending_minor),
        "server_time": rfc3339(now), "created_at": rfc3339(checkout.created_at),
        "updated_at": rfc3339(updated_at),
    })
}

/// A checkout of which nothing is written: its outcome is not known yet, or it has none.
pub fn unwritten_json(order: OrderId, memo: &CheckoutMemo, state: OrderState) -> Value {
    let now = rfc3339(OffsetDateTime::now_utc());
    let nothing = Money::zero(memo.total.currency);
    json!({
        "order_id": order, "state": state, "version": 0,
        "lines": lines(&memo.lines), "total": memo.total, "hold": null,
        "payment": {
            "state": PaymentState::None, "attempts": 0, "decline_code": null, "next_action": null,
        },
        "refunded": nothing, "refund_pending": nothing,
        "server_time": now, "created_at": now, "updated_at": now,
    })
}

fn lines(lines: &[PricedLine]) -> Vec<Value> {
    let line = |line: &PricedLine| {
        json!({
            "sku": line.sku, "name": line.name, "quantity": line.quantity,
            "unit_price": line.unit_price, "line_total": line.total(),
        })
    };
    lines.iter().map(line).collect()
}

/// A time, as every answer writes it.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let to_the_millisecond = at.replace_nanosecond(at.nanosecond() / 1_000_000 * 1_000_000);
    to_the_millisecond.unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
