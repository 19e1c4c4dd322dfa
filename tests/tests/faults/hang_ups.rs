//! Clients that hang up in the middle of what they say, or before they hear the answer. What was
//! acknowledged to somebody else is there, and no connection is left inside a transaction.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use system_tests::{Chance, Shop, Shopper, assert_invariants, eventually, on_the_wire};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};
use uuid::Uuid;

use super::{
    buying,
    sessions::{Watch, idle_in_transaction},
    signed::webhook,
};

/// Clients at once that hang up, and how often each does.
const RUDE: u64 = 8;
const HANG_UPS_EACH: usize = 30;
/// Clients at once that wait for their answers, and how often each does.
const PATIENT: u64 = 4;
const REQUESTS_EACH: usize = 18;
/// Longer than any transaction of the shop takes between two statements, in seconds.
const TOO_LONG: f64 = 2.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_lose_nothing_that_others_were_told() {
    let shop = Shop::shared().await;
    let sku = buying::product(&shop, 100_000).await;
    let chance = Chance::seeded();
    let watch = Watch::start(shop.database().await, TOO_LONG);

    let mut rude = JoinSet::new();
    for client in 0..RUDE {
        let (shop, sku, chance) = (shop.clone(), sku.clone(), chance.branch(client));
        rude.spawn(async move { hang_up_often(&shop, &sku, chance).await });
    }
    let mut patient = JoinSet::new();
    for _ in 0..PATIENT {
        let (shop, sku) = (shop.clone(), sku.clone());
        patient.spawn(async move { wait_for_answers(&shop, &sku).await });
    }
    let hung_up: Vec<Shopper> = rude.join_all().await.concat();
    let told: Vec<Told> = patient.join_all().await.concat();

    let database = shop.database().await;
    eventually("no session is idle in a transaction", Duration::from_secs(3), || async {
        idle_in_transaction(&database, 0.0).await.is_empty().then_some(())
    })
    .await;
    let left_idle = watch.stop().await;
    assert!(left_idle.is_empty(), "left inside a transaction: {left_idle:?}");
    assert_is_there(&told, &database).await;

    // Whoever hung up asks again, with the same words, and has one order.
    let cart = Shopper::cart(&[(&sku, 1)]);
    join_all(hung_up.iter().map(async |shopper| {
        let what = format!("the repeated PUT of {}", shopper.order_id);
        buying::until_taken(&what, || shopper.request(Method::PUT, "").json(&cart)).await;
        assert_eq!(shopper.reaches("awaiting_payment").await["lines"][0]["quantity"], 1);
    }))
    .await;
    let orders: i64 = sqlx::query_scalar("select count(*) from order_lines where sku = $1")
        .bind(&sku)
        .fetch_one(&database)
        .await
        .unwrap();
    let put = told.iter().filter(|told| matches!(told, Told::Order(_))).count() + hung_up.len();
    assert_eq!(usize::try_from(orders), Ok(put), "one order for each id");
    assert_invariants(&shop).await;
}

/// What somebody was told with success.
#[derive(Clone, Debug)]
enum Told {
    Order(Uuid),
    Webhook(String),
    Analytics(String),
}

/// Sends one kind of request after the other, and waits for none; answers whose PUTs they were.
async fn hang_up_often(shop: &Shop, sku: &str, mut chance: Chance) -> Vec<Shopper> {
    let mut shoppers = Vec::new();
    for turn in 0..HANG_UPS_EACH {
        let request = match turn % 3 {
            0 => {
                let shopper = shop.shopper();
                let cart = Shopper::cart(&[(sku, 1)]);
                let put = shopper.request(Method::PUT, "").json(&cart);
                shoppers.push(shopper);
                put
            }
            1 => webhook(shop).1,
            _ => analytics(shop, sku).1,
        };
        send_and_hang_up(request.build().unwrap(), &mut chance).await;
    }
    shoppers
}

/// Writes some of a request, or all of it, and closes the connection at once or in a moment.
async fn send_and_hang_up(request: reqwest::Request, chance: &mut Chance) {
    let bytes = on_the_wire(&request);
    let address = request.url().socket_addrs(|| None).unwrap()[0];
    let mut connection = TcpStream::connect(address).await.unwrap();
    let sent = match chance.below(4) {
        0 => usize::try_from(chance.below(bytes.len() as u64)).unwrap(),
        _ => bytes.len(),
    };
    connection.write_all(&bytes[..sent]).await.unwrap();
    // The pause is the fault: it decides how far the server gets.
    tokio::time::sleep(Duration::from_micros(chance.below(25_000))).await;
    drop(connection);
}

/// The same requests, from somebody who wants to know.
async fn wait_for_answers(shop: &Shop, sku: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for turn in 0..REQUESTS_EACH {
        let (request, tells) = match turn % 3 {
            0 => {
                let shopper = shop.shopper();
                let cart = Shopper::cart(&[(sku, 1)]);
                let put = shopper.request(Method::PUT, "").json(&cart);
                (put, Told::Order(shopper.order_id))
            }
            1 => {
                let (id, request) = webhook(shop);
                (request, Told::Webhook(id))
            }
            _ => {
                let (session, request) = analytics(shop, sku);
                (request, Told::Analytics(session))
            }
        };
        // A machine that is too busy makes them ask again, which is as good.
        let again = || request.try_clone().expect("the body is no stream");
        let reply = buying::until_taken(&format!("{tells:?}"), again).await;
        let expected = match tells {
            Told::Order(_) => [200, 201, 202],
            Told::Webhook(_) => [200; 3],
            Told::Analytics(_) => [204; 3],
        };
        assert!(expected.contains(&reply.status.as_u16()), "{tells:?}: {reply:?}");
        told.push(tells);
    }
    told
}

fn analytics(shop: &Shop, sku: &str) -> (String, reqwest::RequestBuilder) {
    let session = Uuid::new_v4().to_string();
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    let viewed = json!({"kind": "product_viewed", "sku": sku, "at": now});
    let report = json!({"session_id": session, "events": [viewed]});
    (session, shop.shopper().anonymous(Method::POST, "/v1/analytics").json(&report))
}

async fn assert_is_there(told: &[Told], database: &PgPool) {
    for told in told {
        let (query, id) = match told {
            Told::Order(id) => {
                ("select count(*) from holds where order_id = $1::uuid", id.to_string())
            }
            Told::Webhook(id) => {
                ("select count(*) from webhook_inbox where event_id = $1", id.clone())
            }
            Told::Analytics(session) => {
                ("select count(*) from analytics_events where session_id = $1", session.clone())
            }
        };
        let found: i64 = sqlx::query_scalar(query).bind(id).fetch_one(database).await.unwrap();
        assert_eq!(found, 1, "{told:?} was acknowledged");
    }
}
