//! The provider's webhooks.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use sqlx::Row;
use system_tests::{Reply, Shop, eventually};

use crate::support::{brief_shop, event, is_problem, post_event, signature};

const SECRET: &str = "whsec_sandbox";

async fn post(shop: &Shop, body: &str) -> Reply {
    post_event(shop, body, &signature(SECRET, body, 0)).await
}

/// The raw bodies that are stored under this id.
async fn stored(shop: &Shop, id: &str) -> Vec<Vec<u8>> {
    let stored = "select body from webhook_inbox where event_id = $1";
    sqlx::query_scalar(stored).bind(id).fetch_all(&shop.database().await).await.unwrap()
}

/// What becomes of the event, however long the shop would wait for it to make sense.
async fn outcome(shop: &Shop, id: &str) -> String {
    let database = shop.database().await;
    eventually(&format!("event {id} has an outcome"), Duration::from_secs(20), || async {
        let due = "update webhook_deliveries set next_attempt_at = clock_timestamp()
                   where event_id = $1 and outcome is null";
        sqlx::query(due).bind(id).execute(&database).await.unwrap();
        let outcome = "select outcome from webhook_deliveries where event_id = $1";
        sqlx::query_scalar(outcome).bind(id).fetch_one(&database).await.unwrap()
    })
    .await
}

#[tokio::test]
async fn an_event_is_stored_byte_by_byte_before_it_is_200() {
    let shop = Shop::shared().await;
    let (id, body) = event("customer.created", "pi_none");
    let spaced = body.replace(':', " :\t").replace(',', " ,\n");
    assert_eq!(post(&shop, &spaced).await.status, 200);
    assert_eq!(stored(&shop, &id).await, [spaced.as_bytes()]);
    let headers = "select headers from webhook_inbox where event_id = $1";
    let headers: Value =
        sqlx::query_scalar(headers).bind(&id).fetch_one(&shop.database().await).await.unwrap();
    assert_eq!(headers["content-type"], "application/json; charset=utf-8", "{headers}");
}

#[tokio::test]
async fn the_same_event_again_is_200_and_has_no_effect() {
    let shop = Shop::shared().await;
    let (id, body) = event("customer.created", "pi_none");
    post(&shop, &body).await;
    assert_eq!(outcome(&shop, &id).await, "ignored");
    for again in [body.clone(), body.replace("customer.created", "payment_intent.succeeded")] {
        assert_eq!(post(&shop, &again).await.status, 200);
    }
    assert_eq!(stored(&shop, &id).await, [body.as_bytes()], "the first stays");
}

#[tokio::test]
async fn a_bad_missing_or_old_signature_is_400_and_nothing_is_stored() {
    let shop = Shop::shared().await;
    let (id, body) = event("payment_intent.succeeded", "pi_none");
    let good = signature(SECRET, &body, 0);
    let (time, digest) = good.split_once(",v1=").unwrap();
    for bad in [
        "",
        "nonsense",
        time,
        &format!("v1={digest}"),
        &format!("{time},v0={digest}"),
        &format!("{time},v1="),
        &format!("{time},v1={}", "0".repeat(64)),
        &format!("{time},v1={}", &digest[..62]),
        &format!("t=1,v1={digest}"),
        &signature("whsec_other", &body, 0),
        &signature(SECRET, &body.replace("pi_none", "pi_some"), 0),
        &signature(SECRET, &body, 310),
        &signature(SECRET, &body, -310),
    ] {
        is_problem(&post_event(&shop, &body, bad).await, "bad-signature");
    }
    assert!(stored(&shop, &id).await.is_empty());
    let unsigned = shop.shopper().anonymous(reqwest::Method::POST, "/v1/webhooks/stripe");
    let reply = system_tests::Shopper::send(unsigned.body(body.clone())).await;
    is_problem(&reply, "bad-signature");
}

#[tokio::test]
async fn a_signature_may_be_almost_300_seconds_old_and_one_of_several() {
    let shop = Shop::shared().await;
    let (_, body) = event("customer.created", "pi_none");
    assert_eq!(post_event(&shop, &body, &signature(SECRET, &body, 290)).await.status, 200);
    let several =
        signature(SECRET, &body, 0).replace(",v1=", &format!(",v1={},v1=", "0".repeat(64)));
    assert_eq!(post_event(&shop, &body, &several).await.status, 200);
}

#[tokio::test]
async fn the_signature_is_over_the_raw_bytes() {
    let shop = Shop::shared().await;
    let (_, body) = event("customer.created", "pi_none");
    let signed = signature(SECRET, &body, 0);
    for other in [body.replace(':', ": "), format!("{body}\n"), body.replace("evt", "\\u0065vt")] {
        is_problem(&post_event(&shop, &other, &signed).await, "bad-signature");
    }
}

#[tokio::test]
async fn an_event_over_64_kib_is_413_and_one_of_64_kib_is_stored() {
    let shop = Shop::shared().await;
    for (bytes, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413), (200 * 1024, 413)] {
        let (id, body) = event("customer.created", "pi_none");
        let body = format!("{body}{}", " ".repeat(bytes - body.len()));
        let reply = post(&shop, &body).await;
        assert_eq!(reply.status, status, "{bytes} bytes");
        if status == 200 {
            assert_eq!(stored(&shop, &id).await, [body.as_bytes()]);
        } else {
            is_problem(&reply, "body-too-large");
            assert!(stored(&shop, &id).await.is_empty(), "{bytes} bytes are stored");
        }
    }
}

#[tokio::test]
async fn a_signed_body_that_is_no_event_is_400() {
    let shop = Shop::shared().await;
    for body in ["", "{", "[]", "null", "{}", "{\"id\":7}", "{\"type\":\"x\"}"] {
        is_problem(&post(&shop, body).await, "malformed-json");
    }
}

#[tokio::test]
async fn either_of_two_secrets_signs_while_one_is_rotated() {
    let shop = brief_shop().await;
    for secret in ["whsec_next", "whsec_sandbox"] {
        let (id, body) = event("customer.created", "pi_none");
        let reply = post_event(&shop, &body, &signature(secret, &body, 0)).await;
        assert_eq!(reply.status, 200, "{secret}");
        assert_eq!(stored(&shop, &id).await.len(), 1);
    }
    let (_, body) = event("customer.created", "pi_none");
    let both = signature("whsec_next,whsec_sandbox", &body, 0);
    is_problem(&post_event(&shop, &body, &both).await, "bad-signature");
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_is_stored_and_ignored() {
    let shop = Shop::shared().await;
    let (id, body) = event("treasury.moon_landing", "pi_none");
    assert_eq!(post(&shop, &body).await.status, 200);
    assert_eq!(outcome(&shop, &id).await, "ignored");
}

#[tokio::test]
async fn an_event_about_a_payment_that_is_not_ours_is_flagged_to_operators() {
    let shop = Shop::shared().await;
    let (id, body) = event("payment_intent.succeeded", "pi_of_another_shop");
    assert_eq!(post(&shop, &body).await.status, 200);
    assert_eq!(outcome(&shop, &id).await, "foreign");
    let listed = shop.operator().get("/v1/webhooks?outcome=foreign").await;
    let events = listed["webhooks"].as_array().unwrap();
    let flagged = events.iter().find(|event| event["event_id"] == id.as_str()).unwrap();
    assert_eq!(flagged["outcome"], "foreign");
    assert_eq!(flagged["payment_intent"], "pi_of_another_shop");
    assert!(events.iter().all(|event| event["outcome"] == "foreign"), "{listed}");
}

#[tokio::test]
async fn an_event_about_another_payment_that_names_our_order_does_not_pay_it() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let (id, body) = event("payment_intent.succeeded", "pi_of_another_shop");
    let named = format!("\"metadata\":{{\"order_id\":\"{}\"}}", shopper.order_id);
    let body = body.replace("\"metadata\":{}", &named);
    assert_eq!(post(&shop, &body).await.status, 200);
    assert_eq!(outcome(&shop, &id).await, "foreign");
    let checkout = shopper.get().await;
    assert_eq!((checkout.state(), &checkout.body["version"]), ("awaiting_payment", &1.into()));
}

#[tokio::test]
async fn what_comes_late_or_again_does_not_move_a_paid_order() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    let paid = shopper.reaches("paid").await;
    let intent = shop.payments_of(shopper.order_id).await[0]["payment_intent"].clone();
    let intent = intent.as_str().unwrap();
    for kind in ["payment_failed", "canceled", "processing", "requires_action", "succeeded"] {
        let (id, body) = event(&format!("payment_intent.{kind}"), intent);
        assert_eq!(post(&shop, &body).await.status, 200);
        assert_eq!(outcome(&shop, &id).await, "known", "{kind}");
    }
    assert_eq!(shopper.get().await.body["version"], paid["version"]);
    assert_eq!(shop.operator().stock(&sku).await, (0, 0, 1));
}

#[tokio::test]
async fn a_forged_success_charges_nothing_and_sells_nothing() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa_chargeDeclined").await;
    crate::declines::is_declined(&shopper, 1).await;
    let intent = shop.payments_of(shopper.order_id).await[0]["payment_intent"].clone();
    // An event is a wake-up and never a fact: the provider is asked.
    let (id, body) = event("payment_intent.succeeded", intent.as_str().unwrap());
    assert_eq!(post(&shop, &body).await.status, 200);
    assert_eq!(outcome(&shop, &id).await, "delivered");
    shopper.pay("pm_card_visa_chargeDeclined").await;
    let declined = crate::declines::is_declined(&shopper, 2).await;
    assert_eq!(declined["state"], "awaiting_payment");
    assert_eq!(shop.operator().stock(&sku).await, (0, 1, 0));
}

#[tokio::test]
async fn the_providers_own_events_arrive_and_every_one_is_settled() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let database = shop.database().await;
    let kinds = eventually("all events of the payment", Duration::from_secs(20), || async {
        let rows = sqlx::query(
            "select event_type, outcome from webhook_inbox join webhook_deliveries using (event_id)
             where order_id = $1 order by event_type",
        )
        .bind(shopper.order_id)
        .fetch_all(&database)
        .await
        .unwrap();
        let settled = rows.iter().all(|row| row.get::<Option<String>, _>("outcome").is_some());
        let kinds: Vec<String> = rows.iter().map(|row| row.get("event_type")).collect();
        (settled && kinds.iter().any(|kind| kind == "payment_intent.succeeded")).then_some(kinds)
    })
    .await;
    assert!(kinds.contains(&"payment_intent.amount_capturable_updated".to_owned()), "{kinds:?}");
    let order: Value = shop.operator().order(shopper.order_id).await;
    assert_eq!(order["state"], "paid");
}

#[tokio::test]
async fn an_event_that_comes_many_times_at_once_is_stored_once() {
    let shop = Shop::shared().await;
    let (id, body) = event("customer.created", "pi_none");
    let replies = join_all((0..10).map(|_| post(&shop, &body))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(stored(&shop, &id).await.len(), 1);
}
