//! What browsers report, and how it counts.

use serde_json::json;
use system_tests::{Shop, Shopper};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{funnel, past_event, report, rfc3339, session, stages, stages_of};

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn a_session_counts_once_for_each_stage_however_often_it_reports() {
    let shop = Shop::shared().await;
    let (mug, lamp) = (shop.product(1).await, shop.product(1).await);
    let (one, other) = (session(), session());
    let viewed = ("product_viewed", Some(&*mug), Duration::minutes(3));
    let added = ("added_to_cart", Some(&*mug), Duration::minutes(2));
    for _ in 0..3 {
        assert_eq!(report(&shop, &one, &[viewed, viewed, added]).await.status, 204);
    }
    let again = ("product_viewed", Some(&*mug), Duration::minutes(1));
    report(&shop, &one, &[again, ("checkout_opened", None, NOW)]).await;
    report(&shop, &other, &[viewed, ("added_to_cart", Some(&*lamp), NOW)]).await;
    assert_eq!(stages_of(&shop, &mug).await, stages([2, 1, 1, 0, 0, 0]));
    assert_eq!(stages_of(&shop, &lamp).await, stages([0, 1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_late_report_counts_where_it_happened_and_moves_what_was_counted_too_late() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = session();
    report(&shop, &shopper, &[("product_viewed", Some(&sku), NOW)]).await;
    crate::all_is_rolled_up(&shop.database().await).await;
    let days = async || {
        let buckets = funnel(&shop, &[("sku", &sku)]).await["buckets"].clone();
        let viewed = |bucket: &serde_json::Value| bucket["stages"]["product_viewed"].as_i64();
        buckets.as_array().unwrap().iter().filter_map(viewed).collect::<Vec<_>>()
    };
    assert_eq!(days().await, [0, 0, 0, 0, 0, 0, 1]);
    report(&shop, &shopper, &[("product_viewed", Some(&sku), Duration::days(3))]).await;
    assert_eq!(days().await, [0, 0, 0, 1, 0, 0, 0]);
    crate::all_is_rolled_up(&shop.database().await).await;
    assert_eq!(days().await, [0, 0, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_cart_without_a_checkout_within_an_hour_is_abandoned() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let added = |minutes| ("added_to_cart", Some(&*sku), Duration::minutes(minutes));
    let opened = |minutes| ("checkout_opened", None, Duration::minutes(minutes));
    let carts = async || {
        let totals = funnel(&shop, &[("sku", &sku)]).await["totals"].clone();
        let carts = &totals["cart_abandonment"];
        ["carts", "checked_out", "open", "abandoned"].map(|name| carts[name].as_i64().unwrap())
    };
    let slow = session();
    report(&shop, &slow, &[added(30)]).await;
    report(&shop, &session(), &[added(70)]).await;
    report(&shop, &session(), &[added(120), opened(61)]).await;
    report(&shop, &session(), &[added(300), opened(70)]).await;
    // It is the last thing put in that counts.
    report(&shop, &session(), &[added(300), added(80), opened(70)]).await;
    assert_eq!(carts().await, [5, 2, 1, 2]);
    crate::all_is_rolled_up(&shop.database().await).await;
    assert_eq!(carts().await, [5, 2, 1, 2]);
    report(&shop, &slow, &[opened(1)]).await;
    assert_eq!(carts().await, [5, 3, 0, 2]);
    crate::all_is_rolled_up(&shop.database().await).await;
    assert_eq!(carts().await, [5, 3, 0, 2]);
}

#[tokio::test]
async fn a_bad_event_is_refused_and_the_rest_of_its_report_counts() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let viewed = ("product_viewed", Some(&*sku), NOW);
    let reply = report(
        &shop,
        &session(),
        &[
            viewed,
            ("product_viewed", Some("no-such"), NOW),
            ("added_to_cart", Some(&sku), -Duration::HOUR),
            ("added_to_cart", Some(&sku), Duration::days(8)),
        ],
    )
    .await;
    assert_eq!(reply.status, 422, "{}", reply.body);
    let errors = reply.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/events/1/sku", "/events/2/at", "/events/3/at"]);
    assert_eq!(stages_of(&shop, &sku).await, stages([1, 0, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_crawler_is_answered_and_not_counted() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let event =
        json!({"kind": "product_viewed", "sku": sku, "at": rfc3339(OffsetDateTime::now_utc())});
    let body = json!({"session_id": session(), "events": [event]});
    let post = shop.shopper().anonymous(reqwest::Method::POST, "/v1/analytics");
    let crawler = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    assert_eq!(Shopper::send(post.header("user-agent", crawler).json(&body)).await.status, 204);
    assert_eq!(stages_of(&shop, &sku).await, stages([0, 0, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_session_that_floods_is_told_when_to_come_back_and_others_are_not() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let flood = session();
    let events = vec![("product_viewed", Some(&*sku), NOW); 50];
    let mut refused = None;
    for _ in 0..20 {
        let reply = report(&shop, &flood, &events).await;
        if reply.status != 204 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a session may not report a thousand events at once");
    assert_eq!((refused.status.as_u16(), refused.problem()), (429, "too-many-reports"));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(report(&shop, &session(), &events).await.status, 204);
    assert_eq!(stages_of(&shop, &sku).await, stages([2, 0, 0, 0, 0, 0]));
}

/// In Berlin the clock went from three to two on 25 October 2026: that day had 25 hours.
#[tokio::test]
async fn the_day_on_which_clocks_go_back_is_counted_whole_and_none_twice() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let database = shop.database().await;
    for at in [
        datetime!(2026-10-24 21:59:59 UTC),
        datetime!(2026-10-24 22:00 UTC),
        datetime!(2026-10-25 00:30 UTC),
        datetime!(2026-10-25 01:30 UTC),
        datetime!(2026-10-25 22:59:59 UTC),
        datetime!(2026-10-25 23:00 UTC),
    ] {
        past_event(&database, &session(), "product_viewed", &sku, at).await;
    }
    crate::all_is_rolled_up(&database).await;
    let ask = async |from, to, bucket| {
        let zone = ("time_zone", "Europe/Berlin");
        let query = [("sku", &*sku), ("from", from), ("to", to), ("bucket", bucket), zone];
        let buckets = funnel(&shop, &query).await["buckets"].clone();
        let row = |bucket: &serde_json::Value| {
            let begins = bucket["from"].as_str().unwrap().to_owned();
            (begins, bucket["stages"]["product_viewed"].as_i64().unwrap())
        };
        buckets.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let days = ask("2026-10-24", "2026-10-27", "day").await;
    let begins = ["2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"];
    assert_eq!(days, begins.map(str::to_owned).into_iter().zip([1, 4, 1]).collect::<Vec<_>>());
    let hours = ask("2026-10-25", "2026-10-26", "hour").await;
    assert_eq!(hours.len(), 25);
    // The hour from two to three came twice: once in summer, once in winter.
    assert_eq!(hours[2], ("2026-10-25T00:00:00Z".to_owned(), 1));
    assert_eq!(hours[3], ("2026-10-25T01:00:00Z".to_owned(), 1));
    // A day of that zone begins where none of UTC does: ends read from raw events agree.
    let cut = ask("2026-10-24T23:59:59+02:00", "2026-10-26T00:00:01+01:00", "day").await;
    assert_eq!(cut.iter().map(|(_, count)| count).sum::<i64>(), 6);
}
