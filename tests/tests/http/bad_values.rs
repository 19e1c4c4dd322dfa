//! Bodies that can be read and ask for what can't be: 422, with a pointer to each bad value.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::pointers;

/// Where the errors point to when `body` is put as a checkout, and checked against the stock
/// where that takes the same members.
async fn cart_pointers(shop: &Shop, body: &Value) -> Vec<String> {
    let shopper = shop.shopper();
    let put = shopper.put(body).await;
    let found: Vec<String> = pointers(&put).into_iter().map(str::to_owned).collect();
    if body.as_object().is_some_and(|body| body.keys().all(|name| name == "lines")) {
        let check = shopper.anonymous(Method::POST, "/v1/stock-check").json(body);
        assert_eq!(pointers(&Shopper::send(check).await), found, "{body}");
    }
    assert_eq!(shopper.get().await.status, 404, "a bad request started a checkout");
    found
}

fn one_line(quantity: Value) -> Value {
    json!({"lines": [{"sku": "mug", "quantity": quantity}]})
}

#[tokio::test]
async fn a_quantity_is_a_whole_number_from_1_to_99() {
    let shop = Shop::shared().await;
    for bad in [
        json!(0),
        json!(-1),
        json!(100),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(true),
        json!([1]),
        json!(4_294_967_297_u64),
        json!(u64::MAX),
        json!(i64::MIN),
    ] {
        assert_eq!(cart_pointers(&shop, &one_line(bad)).await, ["/lines/0/quantity"]);
    }
}

#[tokio::test]
async fn a_cart_has_1_to_50_lines() {
    let shop = Shop::shared().await;
    let lines = |count: usize| -> Value {
        let line = |n: usize| json!({"sku": format!("sku-{n}"), "quantity": 1});
        json!({"lines": (0..count).map(line).collect::<Vec<_>>()})
    };
    assert_eq!(cart_pointers(&shop, &lines(0)).await, ["/lines"]);
    assert_eq!(cart_pointers(&shop, &lines(51)).await, ["/lines"]);
    let fifty = shop.shopper().put(&lines(50)).await;
    assert_eq!(fifty.problem(), "unknown-sku", "50 lines are fine: {}", fifty.body);
}

#[tokio::test]
async fn lines_are_an_array_of_objects() {
    let shop = Shop::shared().await;
    for bad in [json!({}), json!({"lines": null}), json!({"lines": {}}), json!({"lines": "mug"})] {
        assert_eq!(cart_pointers(&shop, &bad).await, ["/lines"], "{bad}");
    }
    for bad in [json!("mug"), json!(1), json!(null), json!([])] {
        assert_eq!(cart_pointers(&shop, &json!({"lines": [bad]})).await, ["/lines/0"]);
    }
    for bad in [json!([]), json!("mug"), json!(7), json!(null)] {
        assert_eq!(cart_pointers(&shop, &bad).await, [""], "{bad}");
    }
}

#[tokio::test]
async fn a_cart_names_a_sku_once() {
    let shop = Shop::shared().await;
    let line = |sku: &str| json!({"sku": sku, "quantity": 1});
    let body = json!({"lines": [line("mug"), line("tee"), line("mug")]});
    assert_eq!(cart_pointers(&shop, &body).await, ["/lines/2/sku"]);
}

#[tokio::test]
async fn a_sku_is_a_short_text_without_oddities() {
    let shop = Shop::shared().await;
    let long = "a".repeat(65);
    for bad in ["", " ", "a b", "-a", "a/b", "ä", "a\u{0}", "a\n", "';--", &long] {
        let body = json!({"lines": [{"sku": bad, "quantity": 1}]});
        assert_eq!(cart_pointers(&shop, &body).await, ["/lines/0/sku"], "{bad:?}");
    }
    for bad in [json!(1), json!(null), json!({"sku": "mug"})] {
        let body = json!({"lines": [{"sku": bad, "quantity": 1}]});
        assert_eq!(cart_pointers(&shop, &body).await, ["/lines/0/sku"]);
    }
}

#[tokio::test]
async fn an_unknown_member_is_pointed_to_wherever_it_is() {
    let shop = Shop::shared().await;
    let line = json!({"sku": "mug", "quantity": 1, "price": 1});
    let body = json!({"lines": [line], "coupon/code~": "x"});
    assert_eq!(cart_pointers(&shop, &body).await, ["/lines/0/price", "/coupon~1code~0"]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let shop = Shop::shared().await;
    let body = json!({
        "lines": [{"sku": "a b", "quantity": 0}, {"quantity": 1}, {"sku": "mug"}],
        "email": "nobody", "expected_total": {"amount": "1"},
    });
    let mut found = cart_pointers(&shop, &body).await;
    found.sort();
    assert_eq!(
        found,
        [
            "/email",
            "/expected_total/amount",
            "/expected_total/currency",
            "/lines/0/quantity",
            "/lines/0/sku",
            "/lines/1/sku",
            "/lines/2/quantity",
        ]
    );
}

#[tokio::test]
async fn an_expected_total_is_whole_minor_units_of_a_currency() {
    let shop = Shop::shared().await;
    let money = |amount: Value, currency: Value| json!({"amount": amount, "currency": currency});
    for (bad, pointer) in [
        (json!(1200), ""),
        (json!("12.00 EUR"), ""),
        (money(json!(12.5), json!("EUR")), "/amount"),
        (money(json!(-1), json!("EUR")), "/amount"),
        (money(json!("1200"), json!("EUR")), "/amount"),
        (money(json!(1200), json!("eur")), "/currency"),
        (money(json!(1200), json!("EURO")), "/currency"),
        (money(json!(1200), json!(978)), "/currency"),
        (json!({"amount": 1, "currency": "EUR", "vat": 1}), "/vat"),
    ] {
        let mut body = one_line(json!(1));
        body["expected_total"] = bad;
        let expected = format!("/expected_total{pointer}");
        assert_eq!(cart_pointers(&shop, &body).await, [expected], "{body}");
    }
}

#[tokio::test]
async fn an_email_is_one_address_on_one_line() {
    let shop = Shop::shared().await;
    let long = format!("{}@shop.example", "a".repeat(260));
    for bad in ["", "nobody", "@", "a@", "@b", "a@b@c", "a b@c.example", "a@b\r\nBcc: x", &long] {
        let mut body = one_line(json!(1));
        body["email"] = json!(bad);
        assert_eq!(cart_pointers(&shop, &body).await, ["/email"], "{bad:?}");
    }
    let mut body = one_line(json!(1));
    body["email"] = json!(7);
    assert_eq!(cart_pointers(&shop, &body).await, ["/email"]);
}

#[tokio::test]
async fn an_attempt_has_a_uuid_and_a_payment_method() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let id = Uuid::new_v4();
    for (body, expected) in [
        (json!({}), vec!["/attempt_id", "/payment_method"]),
        (json!({"attempt_id": "1", "payment_method": "pm_card_visa"}), vec!["/attempt_id"]),
        (json!({"attempt_id": 1, "payment_method": "pm_card_visa"}), vec!["/attempt_id"]),
        (json!({"attempt_id": id, "payment_method": ""}), vec!["/payment_method"]),
        (json!({"attempt_id": id, "payment_method": "pm card"}), vec!["/payment_method"]),
        (json!({"attempt_id": id, "payment_method": 1}), vec!["/payment_method"]),
        (json!({"attempt_id": id, "payment_method": "pm_card_visa", "amount": 1}), vec!["/amount"]),
        (json!([id]), vec!["", "/attempt_id", "/payment_method"]),
    ] {
        let post = shopper.request(Method::POST, "/payment").json(&body);
        let reply = Shopper::send(post).await;
        let found = pointers(&reply);
        assert!(found == expected || found == expected[..1], "{body}: {found:?}");
    }
    assert_eq!(shopper.get().await.body["payment"]["attempts"], 0);
}
