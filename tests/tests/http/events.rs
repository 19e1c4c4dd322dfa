//! An order's event stream.

use std::time::Instant;

use reqwest::Method;
use system_tests::{Shop, Shopper};

use crate::support::{Bank, Event, EventStream, brief_shop};

fn states(events: &[Event]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event.state(), event.payment_state())).collect()
}

/// Versions rise by one and ids rise: nothing is told twice and nothing is left out.
fn are_in_order(events: &[Event]) {
    for pair in events.windows(2) {
        let version = |event: &Event| event.checkout["version"].as_i64().unwrap();
        assert_eq!(version(&pair[1]), version(&pair[0]) + 1, "{events:?}");
        assert!(pair[1].id > pair[0].id, "{events:?}");
    }
}

#[tokio::test]
async fn the_checkout_comes_at_once_and_each_change_as_it_happens() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let mut stream = EventStream::open(&shopper).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.state(), "awaiting_payment");
    let mut got = shopper.get().await.body;
    let mut told = first.checkout.clone();
    for checkout in [&mut got, &mut told] {
        checkout["server_time"] = "now".into();
        checkout["hold"]["remaining_seconds"] = 0.into();
    }
    assert_eq!(told, got, "an event has the whole checkout");
    shopper.pay("pm_card_visa").await;
    let mut events = vec![first];
    events.extend(stream.rest().await);
    assert_eq!(
        states(&events),
        [
            ("awaiting_payment", "none"),
            ("paying", "processing"),
            ("confirmed", "authorized"),
            ("paid", "captured"),
        ]
    );
    are_in_order(&events);
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_where_it_was() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let mut cut = EventStream::open(&shopper).await;
    let first = cut.next().await.unwrap();
    drop(cut);
    shopper.pay("pm_card_authenticationRequired").await;
    let waiting = crate::three_d_secure::waits_for_the_shopper(&shopper).await;
    Bank::of(&waiting).answer("approve").await;
    shopper.reaches("paid").await;
    let mut all = vec![first.clone()];
    all.extend(EventStream::resume(&shopper, first.id).await.rest().await);
    are_in_order(&all);
    assert_eq!(all.last().unwrap().state(), "paid");
    for (position, event) in all.iter().enumerate().take(all.len() - 1) {
        let rest = EventStream::resume(&shopper, event.id).await.rest().await;
        let ids = |events: &[Event]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(&rest), ids(&all[position + 1..]));
    }
}

#[tokio::test]
async fn a_stream_resumed_on_an_open_order_waits_for_the_next_change() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let first = EventStream::open(&shopper).await.next().await.unwrap();
    let resumed = EventStream::resume(&shopper, first.id).await;
    shopper.cancel().await;
    let events = resumed.rest().await;
    assert_eq!(states(&events), [("cancelled", "none")]);
}

#[tokio::test]
async fn an_order_that_has_ended_is_told_once_and_the_stream_closed() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.cancel().await;
    let events = EventStream::open(&shopper).await.rest().await;
    assert_eq!(states(&events), [("cancelled", "none")]);
}

#[tokio::test]
async fn a_reconnect_after_the_end_is_204_so_that_eventsource_stops() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.cancel().await;
    let last = EventStream::open(&shopper).await.rest().await.pop().unwrap();
    let again = shopper.request(Method::GET, "/events").header("last-event-id", last.id);
    assert_eq!(Shopper::send(again).await.status, 204);
}

#[tokio::test]
async fn a_hold_that_runs_out_is_told() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let events = EventStream::open(&shopper).await.rest().await;
    assert_eq!(states(&events), [("awaiting_payment", "none"), ("expired", "none")]);
    are_in_order(&events);
}

#[tokio::test]
async fn a_last_event_id_that_is_nonsense_is_as_good_as_none() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.cancel().await;
    for nonsense in ["x", "", "-"] {
        let request = shopper.request(Method::GET, "/events").header("last-event-id", nonsense);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains("cancelled"));
    }
}

#[tokio::test]
async fn many_may_watch_one_order() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let mut watchers = Vec::new();
    for _ in 0..10 {
        watchers.push(EventStream::open(&shopper).await);
    }
    shopper.cancel().await;
    for watcher in watchers {
        let events = watcher.rest().await;
        assert_eq!(events.last().unwrap().state(), "cancelled");
        are_in_order(&events);
    }
}

#[tokio::test]
async fn a_silent_stream_says_every_15_seconds_that_it_is_alive() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let mut stream = EventStream::open(&shopper).await;
    stream.next().await.unwrap();
    let began = Instant::now();
    stream.comment().await;
    let silence = began.elapsed().as_secs_f64();
    assert!((13.0..17.0).contains(&silence), "a comment after {silence} s");
}
