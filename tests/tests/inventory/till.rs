//! An order at the till, on a real database, with a payment provider that does what the test says
//! when the test says: two runs of an activity can be brought to any moment of each other.

use std::{
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use activities::{
    ChangeSink, Provider,
    attempts::{self, Begun},
    orders,
    payments::{PaymentError, Payments, Tries},
};
use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, Uri},
};
use domain::{AttemptId, EndReason, OrderId};
use serde_json::{Value, json};
use system_tests::within;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use uuid::Uuid;
use workflows::activities::{Authorize, ClosePayment, ClosedPayment, Commit};

use super::{Shelf, is_held, wants};

/// How long a request may take to come.
const SOON: Duration = Duration::from_mins(1);
/// The provider's id of the order's payment.
pub const INTENT: &str = "pi_of_the_order";

/// A provider's requests, by what they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Create,
    Confirm,
    Retrieve,
    Cancel,
}

/// What the provider has.
struct Books {
    order: OrderId,
    status: &'static str,
    declined: bool,
    /// Requests that wait, the first of its kind each.
    held_up: Vec<(Asked, Arc<HeldUp>)>,
    /// Such requests are lost before they have an effect.
    lost: Option<Asked>,
}

/// A request that waits before it has its effect.
pub struct HeldUp {
    come: watch::Sender<bool>,
    go: watch::Sender<bool>,
}

impl HeldUp {
    pub async fn has_come(&self) {
        let mut come = self.come.subscribe();
        drop(within("the request comes", SOON, come.wait_for(|come| *come)).await);
    }

    pub fn goes_on(&self) {
        self.go.send_replace(true);
    }
}

pub struct Till {
    pub shelf: Shelf,
    pub payments: Payments,
    pub order: OrderId,
    books: Arc<Mutex<Books>>,
}

impl Till {
    /// With an order that holds one unit.
    pub async fn open() -> Self {
        static RING: Once = Once::new();
        RING.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let shelf = Shelf::of(&[("mug", 5)]).await;
        let ask = wants(&[("mug", 1)]);
        let order = ask.order_id;
        assert!(is_held(&shelf.reserve(&[(ask, "run")]).await[0]));
        let books = Arc::new(Mutex::new(Books {
            order,
            status: "requires_payment_method",
            declined: false,
            held_up: Vec::new(),
            lost: None,
        }));
        let base = serve(Arc::clone(&books)).await;
        let provider = Provider::new(&base, "sk_test".into(), "http://shop".into()).unwrap();
        let changes = ChangeSink::new(drop);
        let payments = Payments { database: shelf.database.clone(), provider, changes };
        Self { shelf, payments, order, books }
    }

    /// The same with an attempt under way, whose intent is kept.
    pub async fn with_an_attempt() -> Self {
        let till = Self::open().await;
        till.begin(1).await;
        let pool = till.shelf.database.pool();
        assert!(orders::keep_intent(pool, till.order, INTENT).await.unwrap());
        till
    }

    /// Begins an attempt that has not reached the provider.
    pub async fn begin(&self, number: u32) {
        let (pool, attempt) = (self.shelf.database.pool(), AttemptId(Uuid::new_v4()));
        let begun =
            attempts::begin_attempt(pool, self.order, attempt, number, "pm_card_visa").await;
        assert!(matches!(begun.unwrap().0, Begun::Go { .. }));
    }

    /// From now on the order's payment stands so.
    pub fn payment_is(&self, status: &'static str) {
        self.books.lock().unwrap().status = status;
    }

    pub fn payment(&self) -> &'static str {
        self.books.lock().unwrap().status
    }

    /// The next such request waits until it is told to go on.
    pub fn holds_up(&self, asked: Asked) -> Arc<HeldUp> {
        let held_up =
            Arc::new(HeldUp { come: watch::Sender::new(false), go: watch::Sender::new(false) });
        self.books.lock().unwrap().held_up.push((asked, Arc::clone(&held_up)));
        held_up
    }

    /// From now on such requests get no answer, and have no effect.
    pub fn loses(&self, asked: Option<Asked>) {
        self.books.lock().unwrap().lost = asked;
    }

    pub fn closing(&self, reason: EndReason) -> JoinHandle<Result<ClosedPayment, PaymentError>> {
        let (payments, order_id) = (self.payments.clone(), self.order);
        tokio::spawn(async move {
            payments.close(&ClosePayment { order_id, reason }, &Tries::default()).await
        })
    }

    pub async fn close(&self, reason: EndReason) -> Result<ClosedPayment, PaymentError> {
        self.closing(reason).await.unwrap()
    }

    pub fn attempt(&self) -> Authorize {
        Authorize {
            order_id: self.order,
            attempt_id: AttemptId(Uuid::new_v4()),
            number: 1,
            payment_method: "pm_card_visa_chargeDeclined".to_owned(),
        }
    }

    pub async fn commit(&self) -> Commit {
        self.shelf.commit(&[self.order]).await[0]
    }

    /// (state, payment state, outcome of the latest attempt)
    pub async fn stands(&self) -> (String, String, Option<String>) {
        sqlx::query_as(
            "select state, payment_state, outcome
             from orders join payment_attempts as attempt using (order_id)
             where order_id = $1 and attempt.number = payment_attempts",
        )
        .bind(self.order.0)
        .fetch_one(self.shelf.database.pool())
        .await
        .unwrap()
    }
}

async fn serve(books: Arc<Mutex<Books>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(books);
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

async fn answer(
    State(books): State<Arc<Mutex<Books>>>,
    method: Method,
    uri: Uri,
) -> (StatusCode, Json<Value>) {
    let asked = match uri.path().rsplit('/').next() {
        Some("cancel") => Asked::Cancel,
        Some("confirm") => Asked::Confirm,
        _ if method == Method::POST => Asked::Create,
        _ => Asked::Retrieve,
    };
    let held_up = {
        let mut books = books.lock().unwrap();
        let first = books.held_up.iter().position(|(held_up, _)| *held_up == asked);
        first.map(|first| books.held_up.remove(first).1)
    };
    if let Some(held_up) = held_up {
        held_up.come.send_replace(true);
        drop(held_up.go.subscribe().wait_for(|go| *go).await);
    }
    books.lock().unwrap().answer(asked, uri.path())
}

impl Books {
    fn answer(&mut self, asked: Asked, path: &str) -> (StatusCode, Json<Value>) {
        if self.lost == Some(asked) {
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
        }
        match asked {
            // Of another payment nothing is kept.
            Asked::Cancel if !path.contains(INTENT) => {}
            Asked::Cancel if ["processing", "succeeded", "canceled"].contains(&self.status) => {
                let error = json!({"type": "invalid_request_error",
                    "code": "payment_intent_unexpected_state", "message": self.status});
                return (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
            }
            Asked::Cancel => self.status = "canceled",
            Asked::Confirm => {
                self.declined = true;
                let error = json!({"type": "card_error", "decline_code": "generic_decline"});
                return (StatusCode::PAYMENT_REQUIRED, Json(json!({ "error": error })));
            }
            Asked::Create | Asked::Retrieve => {}
        }
        let is_its = asked == Asked::Create || path.contains(INTENT);
        let status = if asked == Asked::Cancel { "canceled" } else { self.status };
        let error = self.declined.then(|| json!({"decline_code": "generic_decline"}));
        let intent = json!({
            "id": if is_its { INTENT } else { "pi_of_somebody" },
            "status": status,
            "amount": 500,
            "currency": "eur",
            "metadata": {"order_id": self.order},
            "last_payment_error": error,
        });
        (StatusCode::OK, Json(intent))
    }
}
