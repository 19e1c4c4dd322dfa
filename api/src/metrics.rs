//! What Prometheus reads of the API and of the shop. Labels take few values: a route is a route's
//! template, never a path.

use std::time::Duration;

use axum::{
    http::{Method, StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use read_model::gauges::{self, ShopNumbers};
use time::OffsetDateTime;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use workflows::FindingKind;

use crate::{app::App, products::FEW};

/// How old the shop's numbers may be: however many scrape, Postgres is asked this often.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// How long a scrape waits for Postgres, or for Temporal.
const PATIENCE: Duration = Duration::from_secs(2);

const REQUESTS: &str = "http_requests_total";
const DURATION: &str = "http_request_duration_seconds";
const IN_FLIGHT: &str = "http_requests_in_flight";
const FUNNEL: &str = "holdfast_funnel_steps_total";
const PRODUCTS: &str = "holdfast_products";
const OVERSOLD: &str = "holdfast_products_oversold";
const UNITS: &str = "holdfast_stock_units";
const HOLDS: &str = "holdfast_holds_open";
const OVERDUE: &str = "holdfast_hold_longest_overdue_seconds";
const INBOX: &str = "holdfast_webhook_inbox_events";
const INBOX_AGE: &str = "holdfast_webhook_inbox_oldest_age_seconds";
const CONFIRMED: &str = "holdfast_orders_awaiting_capture";
const CONFIRMED_AGE: &str = "holdfast_order_awaiting_capture_longest_seconds";
const DISPUTES: &str = "holdfast_disputes_to_answer";
const RECONCILED: &str = "holdfast_reconciliation_last_finished_timestamp_seconds";
const FINDINGS: &str = "holdfast_reconciliation_findings";
const WRITABLE: &str = "holdfast_database_writable";
const UP: &str = "holdfast_dependency_up";
const CONNECTIONS: &str = "holdfast_database_connections";
const CONNECTIONS_MAX: &str = "holdfast_database_connections_max";

/// Says what each is.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests, by route template, method and class of status.");
    describe_histogram!(DURATION, "From a request to its answer's head, by route and method.");
    describe_gauge!(IN_FLIGHT, "Requests that are not answered yet.");
    describe_counter!(FUNNEL, "Steps that shoppers took towards a paid order, each once.");
    describe_gauge!(PRODUCTS, "Products, by how many of their units can be had.");
    describe_gauge!(OVERSOLD, "Products of which more is held and sold than there is.");
    describe_gauge!(UNITS, "Units of all products, by what they are.");
    describe_gauge!(HOLDS, "Holds that are open.");
    describe_gauge!(OVERDUE, "By how long the longest open hold has outlived its end.");
    describe_gauge!(INBOX, "Provider's events without an outcome.");
    describe_gauge!(INBOX_AGE, "How long the oldest event without an outcome has been there.");
    describe_gauge!(CONFIRMED, "Orders whose money is set aside and not taken.");
    describe_gauge!(CONFIRMED_AGE, "How long the first of them has waited.");
    describe_gauge!(DISPUTES, "Disputes that the shop has to answer.");
    describe_gauge!(RECONCILED, "When the last reconciliation ended; 0 before the first.");
    describe_gauge!(FINDINGS, "What it found, by kind and by whether it is repaired.");
    describe_gauge!(
        WRITABLE,
        "1 while Postgres takes writes, else 0: a standby, or set to read only."
    );
    describe_gauge!(UP, "1 while the API can reach what it stands on, else 0.");
    describe_gauge!(CONNECTIONS, "Connections to Postgres that are open, by pool and state.");
    describe_gauge!(CONNECTIONS_MAX, "Connections to Postgres that a pool may open.");
}

/// The page, and when the shop's numbers on it were read.
pub struct Metrics {
    page: PrometheusHandle,
    read_at: Mutex<Option<Instant>>,
}

impl Metrics {
    pub const fn new(page: PrometheusHandle) -> Self {
        Self { page, read_at: Mutex::const_new(None) }
    }

    /// The page, as it is now.
    pub async fn page(&self, app: &App) -> impl IntoResponse + use<> {
        self.refresh(app).await;
        ([(CONTENT_TYPE, startup::metrics::MEDIA_TYPE)], self.page.render())
    }

    /// Reads the shop's numbers again, unless that was done just now. Those who come meanwhile wait
    /// and ask nobody.
    async fn refresh(&self, app: &App) {
        show_pool(app);
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < FRESH_FOR) {
            return;
        }
        let numbers = timeout(PATIENCE, gauges::read(&app.model.pool, FEW));
        let (numbers, temporal) = tokio::join!(numbers, app.temporal.is_reachable());
        gauge!(UP, "dependency" => "temporal").set(u8::from(temporal));
        gauge!(UP, "dependency" => "postgres").set(u8::from(matches!(numbers, Ok(Ok(_)))));
        match numbers {
            Ok(Ok(numbers)) => show(&numbers),
            // What was read last stays, and the gauge above says that it is old.
            Ok(Err(error)) => tracing::warn!(%error, "the shop's numbers can't be read"),
            Err(_) => tracing::warn!("reading the shop's numbers takes too long"),
        }
        *read_at = Some(Instant::now());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 units are enough")]
fn show(numbers: &ShopNumbers) {
    let now = OffsetDateTime::now_utc();
    let since = |then: Option<OffsetDateTime>| {
        then.map_or(0.0, |then| (now - then).as_seconds_f64().max(0.0))
    };
    gauge!(PRODUCTS, "availability" => "in_stock").set(numbers.in_stock as f64);
    gauge!(PRODUCTS, "availability" => "low_stock").set(numbers.low_stock as f64);
    gauge!(PRODUCTS, "availability" => "out_of_stock").set(numbers.out_of_stock as f64);
    gauge!(OVERSOLD).set(numbers.oversold as f64);
    gauge!(UNITS, "kind" => "available").set(numbers.available as f64);
    gauge!(UNITS, "kind" => "held").set(numbers.held as f64);
    gauge!(UNITS, "kind" => "sold").set(numbers.sold as f64);
    gauge!(HOLDS).set(numbers.open_holds as f64);
    gauge!(OVERDUE).set(since(numbers.first_hold_ends_at));
    gauge!(INBOX).set(numbers.inbox as f64);
    gauge!(INBOX_AGE).set(since(numbers.inbox_since));
    gauge!(CONFIRMED).set(numbers.confirmed as f64);
    gauge!(CONFIRMED_AGE).set(since(numbers.confirmed_since));
    gauge!(DISPUTES).set(numbers.disputes as f64);
    let reconciled_at = numbers.reconciled_at.map_or(0, OffsetDateTime::unix_timestamp);
    gauge!(RECONCILED).set(reconciled_at as f64);
    gauge!(WRITABLE).set(u8::from(numbers.writable));
    show_findings(numbers);
}

/// Every kind is shown, also at none: a series that is not set any more would keep its last value.
fn show_findings(numbers: &ShopNumbers) {
    for kind in FindingKind::ALL {
        for (repaired, repair) in [(true, "begun"), (false, "none")] {
            let of_this = numbers
                .findings
                .iter()
                .find(|count| count.kind == kind.as_str() && count.repaired == repaired);
            gauge!(FINDINGS, "kind" => kind.as_str(), "repair" => repair)
                .set(of_this.map_or(0, |count| count.findings));
        }
    }
}

fn show_pool(app: &App) {
    let pool = &app.model.pool;
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    gauge!(CONNECTIONS, "pool" => "api", "state" => "idle").set(idle);
    gauge!(CONNECTIONS, "pool" => "api", "state" => "used").set(pool.size().saturating_sub(idle));
    gauge!(CONNECTIONS_MAX, "pool" => "api").set(pool.options().get_max_connections());
}

/// Counts what browsers have reported for the first time.
pub fn count_reported(kinds: Vec<String>) {
    for kind in kinds {
        counter!(FUNNEL, "step" => kind).increment(1);
    }
}

/// A request that is not answered yet. Dropped when it is, or when its client is gone.
pub struct InFlight;

impl InFlight {
    pub fn begin() -> Self {
        gauge!(IN_FLIGHT).increment(1);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT).decrement(1);
    }
}

/// Rate, errors and duration by route; a path that no route takes is one of a kind.
pub fn answered_in(method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
    let method = method_name(method);
    let route = route.unwrap_or("none").to_owned();
    let class = match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => class)
        .increment(1);
    histogram!(DURATION, "method" => method, "route" => route).record(took);
}

/// Clients may make up methods; they count as one.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
