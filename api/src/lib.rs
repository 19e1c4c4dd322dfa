//! The HTTP side of Holdfast: shoppers on one listener, operators on another.
//!
//! The API starts, signals, updates and reads. It never decides, and never opens a transaction.

mod addresses;
mod admission;
mod analytics;
mod app;
#[cfg(test)]
mod bad_input;
mod body;
mod checkouts;
mod connections;
mod health;
mod layers;
mod metrics;
#[cfg(test)]
mod openapi;
mod operator;
mod overload;
mod pages;
mod problem;
mod products;
mod proxies;
mod refusals;
mod requests;
mod stock_check;
mod temporal;
mod turns;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, middleware::from_fn_with_state};
use futures::future::BoxFuture;
use read_model::ReadModel;
use startup::{SharedSettings, parse_duration};
use temporalio_client::Client;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    addresses::ClientAddresses,
    app::App,
    connections::Limits,
    overload::{Gate, Pace},
    pages::CardScript,
    proxies::TrustedProxies,
    temporal::Temporal,
};

/// Looks at Temporal for the memo of an order that can't be had, under way at once: asking Temporal
/// for everybody would cost it more than the orders that can be had.
const MEMO_TURNS: usize = 16;

/// The API's own settings.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "api-settings")]
pub struct Settings {
    /// Where operators reach their API, the dashboard and the metrics.
    #[arg(long, env = "OPERATOR_LISTEN", default_value = "127.0.0.1:8081")]
    pub operator_listen: SocketAddr,

    /// The bearer token of the operator listener. [default: made and logged]
    #[arg(long, env = "OPERATOR_TOKEN", hide_env_values = true)]
    pub operator_token: Option<String>,

    /// Postgres, as the API's role. [default: DATABASE_URL, with the rights of `holdfast_api`]
    #[arg(long, env = "API_DATABASE_URL", hide_env_values = true)]
    pub api_database_url: Option<String>,

    /// Connections to Postgres, at the most.
    #[arg(long, env = "API_DATABASE_CONNECTIONS", default_value_t = 16)]
    pub api_database_connections: u32,

    /// The secrets of the provider's webhooks, comma separated, so that one can be rotated.
    #[arg(
        long,
        env = "STRIPE_WEBHOOK_SECRETS",
        default_value = "whsec_sandbox",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub stripe_webhook_secrets: Vec<String>,

    /// The key that the provider's script is loaded with.
    #[arg(long, env = "STRIPE_PUBLISHABLE_KEY", default_value = "pk_test_sandbox")]
    pub stripe_publishable_key: String,

    /// The provider's script for entering cards, as browsers reach it. [default: Stripe's own for
    /// Stripe, else STRIPE_API_BASE and /v3/]
    #[arg(long, env = "STRIPE_JS_URL")]
    pub stripe_js_url: Option<Url>,

    /// For development: pages get their scripts, styles and pictures from this folder, as they are
    /// there, and not from the binary. The folder is `web` of the source.
    #[arg(long, env = "WEB_DIR")]
    pub web_dir: Option<PathBuf>,

    /// How long a hold lasts; fixed for a checkout when it starts.
    #[arg(long, env = "HOLD_TTL", default_value = "5m", value_parser = parse_duration)]
    pub hold_ttl: Duration,

    /// How long past it a hold is kept while the provider can't be asked.
    #[arg(long, env = "EXPIRY_GRACE", default_value = "2m", value_parser = parse_duration)]
    pub expiry_grace: Duration,

    /// Whose X-Forwarded-For counts: addresses and networks, comma separated.
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "none")]
    pub trusted_proxies: TrustedProxies,

    /// Open holds from one address, at the most; loopback has no limit.
    #[arg(long, env = "HOLDS_PER_ADDRESS", default_value_t = 20)]
    pub holds_per_address: u32,

    /// The Temporal UI, for links.
    #[arg(long, env = "TEMPORAL_UI_URL", default_value = "http://127.0.0.1:8233")]
    pub temporal_ui_url: String,
}

/// Where the API listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Shoppers and webhooks.
    pub shop: SocketAddr,
    /// Operators.
    pub operator: SocketAddr,
}

/// Connects to what the API reads from, and keeps it fresh until `stop`: not before `serve` has ended.
///
/// # Errors
/// When Postgres can't be reached.
pub async fn connect(
    shared: &SharedSettings,
    settings: &Settings,
    stop: CancellationToken,
) -> anyhow::Result<ReadModel> {
    let (url, as_role) = match &settings.api_database_url {
        Some(url) => (url, false),
        None => (&shared.database_url, true),
    };
    ReadModel::open(url, as_role, settings.api_database_connections, stop)
        .await
        .context("the API can't read from Postgres: look at DATABASE_URL, and run `worker setup`")
}

/// Serves both listeners until `stop`, then finishes what is under way. `model` has to be kept fresh
/// until then. Boxed, so that it is compiled here, once, and not in each binary that awaits it.
///
/// # Errors
/// When a port is taken or a setting can't be used.
pub fn serve(
    shared: SharedSettings,
    settings: Settings,
    model: ReadModel,
    client: Client,
    stop: CancellationToken,
    ready: fn(Addresses),
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(serve_both(shared, settings, model, client, stop, ready))
}

async fn serve_both(
    shared: SharedSettings,
    settings: Settings,
    model: ReadModel,
    client: Client,
    stop: CancellationToken,
    ready: fn(Addresses),
) -> anyhow::Result<()> {
    // Nothing listens before it is sure that nobody else can use it.
    let token = operator_token(settings.operator_token.clone(), settings.operator_listen)?;
    let tokens = operator::Tokens::new(&token);
    let shop = bind("SHOP_LISTEN", shared.shop_listen).await?;
    let operator = bind("OPERATOR_LISTEN", settings.operator_listen).await?;
    let addresses = Addresses { shop: shop.local_addr()?, operator: operator.local_addr()? };
    let app = app(&shared, settings, model, client, tokens, addresses, stop.clone()).await?;
    ready(addresses);
    let (shop_gate, operator_gate) = (Gate::at_pace(Pace::watch()), Gate::of_number());
    let shop_app = with_layers(shop_router(&app.public_url), shop_gate, app.clone());
    let operator_app = with_layers(operator::router(&app), operator_gate, app);
    let limits = Limits::of_this_process();
    tokio::join!(
        connections::serve(shop, shop_app, limits.clone(), stop.clone()),
        connections::serve(operator, operator_app, limits, stop)
    );
    Ok(())
}

async fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{setting}={address} can't be listened on: is it taken? Set {setting} to another")
    })
}

async fn app(
    shared: &SharedSettings,
    settings: Settings,
    model: ReadModel,
    client: Client,
    tokens: operator::Tokens,
    addresses: Addresses,
    stop: CancellationToken,
) -> anyhow::Result<App> {
    let page = startup::metrics::start()?;
    metrics::describe();
    if let Some(folder) = settings.web_dir {
        pages::serve_from(folder);
    }
    let address_key = read_model::keys::of_addresses(&model.pool)
        .await
        .context("read the key of addresses: has `worker setup` been run?")?;
    let public_url = match &shared.public_url {
        Some(_) => shared.public_url(),
        None => format!("http://{}", addresses.shop),
    };
    let admission = admission::Admission::default();
    let shown = admission.clone();
    model.hub.tell_of_shown(move |order| shown.shown(order));
    Ok(App(Arc::new(app::Shared {
        refusals: refusals::Refusals::start(model.pool.clone()),
        analytics_limits: analytics::Limits::default(),
        model,
        namespace: client.options().namespace.clone(),
        temporal: Temporal(client),
        turns: turns::Turns::default(),
        admission,
        addresses: ClientAddresses::new(address_key),
        memo_turns: Semaphore::new(MEMO_TURNS),
        pages: pages::Pages::default(),
        public_url,
        card_script: CardScript::new(settings.stripe_js_url.as_ref(), &shared.stripe_api_base)
            .context("STRIPE_JS_URL, or STRIPE_API_BASE, is no address")?,
        publishable_key: settings.stripe_publishable_key,
        hold_ttl: settings.hold_ttl,
        expiry_grace: settings.expiry_grace,
        webhook_secrets: settings.stripe_webhook_secrets,
        tokens,
        trusted_proxies: settings.trusted_proxies,
        holds_per_address: settings.holds_per_address,
        temporal_ui_url: settings.temporal_ui_url.trim_end_matches('/').to_owned(),
        metrics: metrics::Metrics::new(page),
        stop,
    })))
}

fn operator_token(given: Option<String>, listen: SocketAddr) -> anyhow::Result<String> {
    if let Some(token) = given.filter(|token| !token.is_empty()) {
        return Ok(token);
    }
    anyhow::ensure!(
        listen.ip().is_loopback(),
        "OPERATOR_LISTEN={listen} can be reached from outside: set OPERATOR_TOKEN"
    );
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("make a token: {error}"))?;
    let token = hex::encode(bytes);
    tracing::warn!(token, "no OPERATOR_TOKEN was given; this one was made for this run");
    Ok(token)
}

fn shop_router(public_url: &str) -> Router<App> {
    Router::new()
        .merge(checkouts::router())
        .merge(products::router())
        .merge(stock_check::router())
        .merge(webhooks::router())
        .merge(analytics::router())
        .merge(pages::router(public_url))
        .merge(pages::description(include_str!("../openapi/shopper.json")))
}

fn with_layers(router: Router<App>, gate: Gate, app: App) -> Router {
    router
        .route_layer(from_fn_with_state(gate, overload::shed))
        // Whoever is too busy is alive all the same: ended for it, it would be busier when it is back.
        .merge(health::router())
        .layer(from_fn_with_state(app.stop.clone(), layers::outermost))
        .with_state(app)
}
