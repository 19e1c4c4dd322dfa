//! A Stripe-compatible payment provider with its own durable store.
//!
//! It behaves to Stripe's API reference, not to what one client happens to send. What it answers
//! with success is on disk, together with the idempotency record and the webhooks that follow.

mod api;
#[cfg(test)]
mod bad_input;
mod bank;
mod capture;
mod card_entry;
mod cards;
mod charges;
mod clock;
mod confirm;
mod console;
mod controls;
mod currencies;
mod deliveries;
mod disputes;
mod endpoints;
mod error;
mod events;
mod expand;
mod faults;
mod form;
mod idempotency;
mod intents;
mod lists;
mod metadata;
mod objects;
mod operations;
mod outbox;
mod pages;
mod payment_methods;
mod processing;
mod refunds;
mod search;
mod store;
mod stripe_js;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    http::{
        HeaderName, Method,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    middleware::from_fn_with_state,
    routing::{any, get, post},
};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{self, CorsLayer};

pub use deliveries::sign;

/// `*` would not stand for `authorization`, so all are named.
const BROWSERS_MAY_SEND: [HeaderName; 4] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("stripe-version"),
];

/// The sandbox's settings: environment variables and flags have the same names.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Where the API and the console listen.
    #[arg(
        long = "sandbox-listen",
        alias = "listen",
        env = "SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090"
    )]
    pub listen: SocketAddr,

    /// The address under which shoppers reach it, for the pages of 3-D Secure. Defaults to http://
    /// and the address that it listens on.
    #[arg(long = "sandbox-public-url", env = "SANDBOX_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Where its store lies.
    #[arg(
        long = "sandbox-data-dir",
        alias = "data-dir",
        env = "SANDBOX_DATA_DIR",
        default_value = ".holdfast/sandbox"
    )]
    pub data_dir: PathBuf,

    /// The key that clients show.
    #[arg(
        long = "stripe-secret-key",
        env = "STRIPE_SECRET_KEY",
        default_value = "sk_test_sandbox",
        hide_env_values = true
    )]
    pub secret_key: String,

    /// The key that browsers show. It makes payment methods, and does nothing else.
    #[arg(
        long = "stripe-publishable-key",
        env = "STRIPE_PUBLISHABLE_KEY",
        default_value = "pk_test_sandbox"
    )]
    pub publishable_key: String,

    /// Where events are sent, besides the endpoints made by the API.
    #[arg(long = "sandbox-webhook-url", env = "SANDBOX_WEBHOOK_URL")]
    pub webhook_url: Option<String>,

    /// The secret that events sent there are signed with.
    #[arg(
        long = "sandbox-webhook-secret",
        env = "SANDBOX_WEBHOOK_SECRET",
        default_value = "whsec_sandbox",
        hide_env_values = true
    )]
    pub webhook_secret: String,

    #[command(flatten)]
    pub logging: startup::logging::LoggingSettings,
}

/// What every request handler shares.
pub(crate) struct Sandbox {
    pub(crate) store: store::Store,
    pub(crate) faults: faults::Faults,
    pub(crate) keys_in_use: idempotency::KeysInUse,
    pub(crate) secret_key: String,
    pub(crate) publishable_key: String,
    pub(crate) public_url: String,
    pub(crate) deliveries_due: tokio::sync::Notify,
}

/// Serves until `stop`; tells `ready` the address once it listens.
///
/// # Errors
/// When the port is taken or the store can't be opened.
pub async fn serve(
    settings: Settings,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "SANDBOX_LISTEN={} can't be listened on: is another sandbox running?",
            settings.listen
        )
    })?;
    let address = listener.local_addr()?;
    let store = store::Store::open(&settings.data_dir).with_context(|| {
        format!(
            "SANDBOX_DATA_DIR={} can't be used: is another sandbox running on it?",
            settings.data_dir.display()
        )
    })?;
    let sandbox = Arc::new(Sandbox {
        store,
        faults: faults::Faults::default(),
        keys_in_use: idempotency::KeysInUse::default(),
        secret_key: settings.secret_key,
        publishable_key: settings.publishable_key,
        public_url: public_url(settings.public_url, address),
        deliveries_due: tokio::sync::Notify::new(),
    });
    events::use_built_in_endpoint(&sandbox, settings.webhook_url, settings.webhook_secret).await;
    let deliverer = tokio::spawn(deliveries::deliver(Arc::clone(&sandbox), stop.clone()));
    let clock = tokio::spawn(clock::run(Arc::clone(&sandbox), stop.clone()));
    let app = router(sandbox);
    ready(address);
    let drained = stop.clone();
    let server =
        axum::serve(listener, app).with_graceful_shutdown(async move { drained.cancelled().await });
    tokio::select! {
        served = server => served?,
        () = async { stop.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => {}
    }
    stop.cancel();
    deliverer.await?;
    clock.await?;
    Ok(())
}

/// The address for links, without a slash at its end.
fn public_url(given: Option<String>, address: SocketAddr) -> String {
    let given = given.filter(|given| !given.trim().is_empty());
    let url = given.unwrap_or_else(|| format!("http://{address}"));
    url.trim().trim_end_matches('/').to_owned()
}

/// Everything that the sandbox serves.
fn router(sandbox: Arc<Sandbox>) -> Router {
    let faults = get(controls::faults).put(controls::set_faults).delete(controls::clear_faults);
    let for_people = Router::new()
        .route("/", get(console::page))
        .route("/console/{button}/{id}", post(console::press))
        .route("/3ds/{intent}", get(bank::page).post(bank::answer))
        .route_layer(from_fn_with_state(Arc::clone(&sandbox), pages::only_from_here));
    Router::new()
        .route("/v1/payment_methods", any(api::serve).layer(for_browsers()))
        .route("/v1/{*path}", any(api::serve))
        .route("/sandbox/faults", faults)
        .route("/sandbox/ledger", get(controls::ledger))
        .merge(for_people)
        .merge(stripe_js::router())
        .with_state(sandbox)
}

/// Shops' pages make payment methods from wherever they are. They show no cookie, so nothing is
/// lent to them.
fn for_browsers() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(cors::Any)
        .allow_methods([Method::POST])
        .allow_headers(BROWSERS_MAY_SEND)
        .expose_headers([HeaderName::from_static("request-id")])
        .max_age(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_public_address_or_else_to_the_one_listened_on() {
        let address = "0.0.0.0:8090".parse().unwrap();
        let public = public_url(Some("https://pay.example/".into()), address);
        assert_eq!(public, "https://pay.example");
        assert_eq!(public_url(Some(String::new()), address), "http://0.0.0.0:8090");
    }
}
