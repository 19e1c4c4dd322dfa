//! What may be asked for, and how it is answered.

use reqwest::Method;
use system_tests::{Shop, Shopper};

use crate::{ask, funnel};

#[tokio::test]
async fn bad_values_are_pointed_to() {
    let shop = Shop::shared().await;
    for (query, pointer) in [
        (&[("from", "yesterday")][..], "/from"),
        (&[("from", "2026-02-30")], "/from"),
        (&[("to", "2026-11-01T10:00:00")], "/to"),
        (&[("to", "0001-01-01")], "/to"),
        (&[("bucket", "minute")], "/bucket"),
        (&[("bucket", "")], "/bucket"),
        (&[("time_zone", "Mars/Olympus")], "/time_zone"),
        (&[("time_zone", "CET-1")], "/time_zone"),
        (&[("time_zone", "UTC'; select 1")], "/time_zone"),
        (&[("sku", "no-such-product")], "/sku"),
        (&[("from", "2026-11-02"), ("to", "2026-11-01")], "/to"),
        (&[("from", "2026-11-02"), ("to", "2026-11-02")], "/to"),
        (&[("from", "2020-01-01"), ("to", "2026-11-02")], "/from"),
        (&[("from", "2000-01-01"), ("to", "2999-12-31"), ("bucket", "hour")], "/from"),
        (&[("from", "2026-08-01"), ("to", "2026-11-01"), ("bucket", "hour")], "/bucket"),
    ] {
        let reply = ask(&shop, query).await;
        assert_eq!(reply.status, 422, "{query:?}: {}", reply.body);
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{query:?}: {}", reply.body);
    }
}

#[tokio::test]
async fn what_is_not_asked_for_is_seven_days_by_day_in_utc_until_tonight() {
    let shop = Shop::shared().await;
    let week = funnel(&shop, &[]).await;
    assert_eq!((&week["bucket"], &week["time_zone"]), (&"day".into(), &"UTC".into()));
    let buckets = week["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 7);
    assert_eq!((&buckets[0]["from"], &buckets[6]["to"]), (&week["from"], &week["to"]));
    assert!(week["to"].as_str().unwrap().ends_with("T00:00:00Z"));
    assert!(week["as_of"].as_str() < week["to"].as_str());
    for (before, after) in buckets.iter().zip(&buckets[1..]) {
        assert_eq!(before["to"], after["from"]);
    }
}

#[tokio::test]
async fn a_week_begins_on_monday_and_a_month_on_its_first_in_the_time_zone() {
    let shop = Shop::shared().await;
    let starts = async |bucket| {
        let zone = ("time_zone", "Europe/Berlin");
        let query = [("from", "2026-09-15"), ("to", "2026-11-15"), ("bucket", bucket), zone];
        let buckets = funnel(&shop, &query).await["buckets"].clone();
        let from = |bucket: &serde_json::Value| bucket["from"].as_str().unwrap().to_owned();
        buckets.as_array().unwrap().iter().map(from).collect::<Vec<_>>()
    };
    let months = ["2026-09-14T22:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"];
    assert_eq!(starts("month").await, months);
    let weeks = starts("week").await;
    assert_eq!(weeks.len(), 9);
    assert_eq!(weeks[1], "2026-09-20T22:00:00Z");
}

#[tokio::test]
async fn the_funnel_is_the_operators_alone() {
    let shop = Shop::shared().await;
    let stranger = shop.operator().without_token(Method::GET, "/v1/funnel");
    assert_eq!(Shopper::send(stranger).await.status, 401);
    let shopper = shop.shopper().anonymous(Method::GET, "/v1/funnel");
    assert_eq!(Shopper::send(shopper).await.status, 404);
}
