//! Bodies of requests: each reader against a check of the same rules, written down plainly.

use std::fmt::Debug;

use fuzz::{Verdict, hold};
use serde_json::{Map, Value};

use super::refused;
use crate::{
    body::parse,
    problem::Answer,
    requests::{
        AdjustStock, AskRefund, ChangeOrder, PayRequest, PutProduct, Replay, StartCheckout,
        stock_check,
    },
};

/// Holds a body's reader to `plainly`.
fn hold_body<T: Debug>(
    target: &str,
    read: impl Fn(&Value) -> Answer<T>,
    plainly: impl Fn(&Value) -> bool,
) {
    hold(target, |input| {
        let Ok(body) = parse(input) else { return Verdict::refused("no JSON") };
        match read(&body) {
            Ok(request) => {
                assert!(plainly(&body), "it should be refused: {body}");
                let again = read(&parse(body.to_string().as_bytes()).unwrap()).unwrap();
                assert_eq!(format!("{again:?}"), format!("{request:?}"), "it changes");
                let members = body.as_object().map(|body| body.keys().cloned().collect::<Vec<_>>());
                Verdict::Accepted(members.unwrap_or_default().join(" "))
            }
            Err(problem) => {
                assert!(!plainly(&body), "it should be taken: {}", problem.detail);
                refused(problem, Some(&body))
            }
        }
    });
}

/// A member's name, and what fits there.
type Member<'a> = (&'a str, &'a dyn Fn(&Value) -> bool);

/// An object of these members, of which those with a `?` may be missing, and no others.
fn is_object(value: &Value, members: &[Member<'_>]) -> bool {
    let Some(object) = value.as_object() else { return false };
    let name = |member: &str| member.trim_end_matches('?').to_owned();
    object.keys().all(|key| members.iter().any(|(member, _)| name(member) == *key))
        && members.iter().all(|(member, fits)| match object.get(&name(member)) {
            None | Some(Value::Null) => member.ends_with('?'),
            Some(value) => fits(value),
        })
}

fn is_whole(value: &Value, least: i64, most: i64) -> bool {
    value.as_i64().is_some_and(|number| least <= number && number <= most)
}

fn is_text(value: &Value, fits: impl Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(fits)
}

fn is_plain(value: &Value, least: usize, most: usize) -> bool {
    is_text(value, |text| {
        let letters: Vec<char> = text.chars().collect();
        least <= letters.len()
            && letters.len() <= most
            && letters.iter().all(|c| !c.is_control() || *c == '\n' || *c == '\t')
    })
}

fn is_sku(value: &Value) -> bool {
    is_text(value, |text| text.parse::<domain::Sku>().is_ok())
}

fn is_uuid(value: &Value) -> bool {
    is_text(value, |text| text.parse::<uuid::Uuid>().is_ok())
}

fn is_flag(value: &Value) -> bool {
    value == &Value::Bool(true) || value == &Value::Bool(false)
}

fn is_money(value: &Value, least: i64) -> bool {
    let code = |value: &Value| is_text(value, |text| domain::Currency::codes().any(|c| c == text));
    is_object(value, &[("amount", &|v| is_whole(v, least, i64::MAX)), ("currency", &code)])
}

/// 1 to 50 lines, a SKU once.
fn are_lines(value: &Value, further: &[Member<'_>]) -> bool {
    let Some(lines) = value.as_array() else { return false };
    let units = |v: &Value| is_whole(v, 1, 99);
    let mut members = further.to_vec();
    members.extend([("sku", &is_sku as &dyn Fn(&Value) -> bool), ("quantity", &units)]);
    let is_once = |index: usize| lines[..index].iter().all(|l| l["sku"] != lines[index]["sku"]);
    (1..=50).contains(&lines.len())
        && lines.iter().all(|line| is_object(line, &members))
        && (0..lines.len()).all(is_once)
}

fn is_email(value: &Value) -> bool {
    is_text(value, |text| {
        let parts: Vec<&str> = text.split('@').collect();
        text.len() <= 254
            && parts.len() == 2
            && parts.iter().all(|part| !part.is_empty())
            && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
    })
}

#[test]
fn a_checkout_is_lines_and_what_the_shopper_expects_to_pay() {
    hold_body("checkout-body", StartCheckout::read, |body| {
        is_object(
            body,
            &[
                ("lines", &|lines| are_lines(lines, &[])),
                ("expected_total?", &|total| is_money(total, 0)),
                ("email?", &is_email),
            ],
        )
    });
}

#[test]
fn a_stock_check_is_lines_alone() {
    hold_body("stock-check-body", stock_check, |body| {
        is_object(body, &[("lines", &|lines| are_lines(lines, &[]))])
    });
}

#[test]
fn a_payment_is_an_attempt_and_a_payment_method() {
    let is_method = |value: &Value| {
        is_text(value, |text| {
            (1..=255).contains(&text.len()) && text.chars().all(|c| ('!'..='~').contains(&c))
        })
    };
    hold_body("payment-body", PayRequest::read, |body| {
        is_object(body, &[("attempt_id", &is_uuid), ("payment_method", &is_method)])
    });
}

#[test]
fn a_refund_is_an_amount_or_lines_or_all_that_is_left() {
    hold_body("refund-body", AskRefund::read, |body| {
        let given = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
        let one_of_them = [given("amount"), given("lines"), given("restock")];
        one_of_them.iter().filter(|given| **given).count() <= 1
            && is_object(
                body,
                &[
                    ("refund_id", &is_uuid),
                    ("amount?", &|amount| is_money(amount, 1)),
                    ("lines?", &|lines| are_lines(lines, &[("restock?", &is_flag)])),
                    ("restock?", &is_flag),
                    ("reason?", &|reason| is_plain(reason, 1, 500)),
                ],
            )
    });
}

#[test]
fn a_product_has_a_name_a_description_and_a_price() {
    let is_picture = |value: &Value| {
        is_text(value, |text| {
            let from_here = text.starts_with('/') && !text.starts_with("//");
            text.len() <= 500
                && (from_here || text.starts_with("https://"))
                && text.chars().all(|c| ('!'..='~').contains(&c))
        })
    };
    hold_body("product-body", PutProduct::read, |body| {
        is_object(
            body,
            &[
                ("change_id?", &is_uuid),
                ("reason?", &|reason| is_plain(reason, 1, 500)),
                ("name", &|name| is_plain(name, 1, 200)),
                ("description", &|description| is_plain(description, 0, 5_000)),
                ("image_url?", &is_picture),
                ("price", &|price| is_money(price, 1) && is_whole(&price["amount"], 1, 99_999_999)),
            ],
        )
    });
}

#[test]
fn a_count_of_stock_is_so_many_units_in_or_out() {
    hold_body("stock-body", AdjustStock::read, |body| {
        let delta = |v: &Value| is_whole(v, -1_000_000_000, 1_000_000_000) && !is_whole(v, 0, 0);
        let reason = |v: &Value| is_plain(v, 1, 500);
        is_object(
            body,
            &[("adjustment_id", &is_uuid), ("on_hand_delta", &delta), ("reason", &reason)],
        )
    });
}

#[test]
fn a_change_of_an_order_has_an_id_and_a_reason() {
    let reason = |v: &Value| is_plain(v, 1, 500);
    hold_body("change-body", ChangeOrder::read, |body| {
        is_object(body, &[("change_id", &is_uuid), ("reason", &reason)])
    });
    hold_body("replay-body", Replay::read, |body| {
        is_object(body, &[("change_id?", &is_uuid), ("reason?", &reason)])
    });
}

#[test]
fn the_plain_check_is_one() {
    let member = |name: &str| Value::Object(Map::from_iter([(name.to_owned(), Value::from(1))]));
    let one = |value: &Value| is_whole(value, 1, 1);
    assert!(is_object(&member("a"), &[("a", &one)]) && is_object(&member("a"), &[("a?", &one)]));
    assert!(!is_object(&member("b"), &[("a?", &one)]) && !is_object(&member("b"), &[("a", &one)]));
}
