//! API and worker in one process, on one Temporal connection: a checkout's first workflow task
//! comes back with the answer to its start, and a change made here is known here at once.

use std::{process::ExitCode, time::Duration};

use activities::{ChangeSink, Changes, HeldOrder};
use anyhow::Context;
use clap::Parser;
use read_model::{Checkout, ReadAt, ReadModel, StoredOrder, orders::Changing};
use startup::SharedSettings;
use tokio_util::sync::CancellationToken;

/// Holdfast: a durable checkout. API and worker in one process.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    shared: SharedSettings,
    #[command(flatten)]
    api: api::Settings,
    #[command(flatten)]
    worker: worker::Settings,
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::exit_code(start().await)
}

async fn start() -> anyhow::Result<()> {
    let Cli { shared, api, worker } = Cli::parse();
    startup::logging::start(&shared.logging, "holdfast")?;
    startup::use_ring_for_tls();
    let stop = startup::shutdown::on_signal()?;
    let client = shared.temporal.connect("holdfast", Duration::from_secs(60)).await?;
    // Worker and read model outlive the API's draining: what the API has accepted still gets its
    // answer.
    let drained = CancellationToken::new();
    let model = api::connect(&shared, &api, drained.clone()).await?;
    let sink = tell_at_once(model.clone());
    let prepared = worker::prepare(&shared, &worker, client.clone(), Some(sink)).await?;

    let serving = async {
        let served = api::serve(shared, api, model, client, stop.clone(), announce).await;
        drained.cancel();
        served
    };
    let running = async {
        let ran = prepared.run(drained.clone()).await;
        stop.cancel();
        ran
    };
    let (served, ran) = tokio::join!(serving, running);
    served.context("the API")?;
    ran.context("the worker")
}

/// Hands changes made in this process to its API, without the way through Postgres.
fn tell_at_once(model: ReadModel) -> ChangeSink {
    ChangeSink::new(move |changes: Changes| {
        for level in &changes.stock {
            model.catalogue.stock_changed(&level.sku, level.available(), level.version);
        }
        for order in changes.held {
            model.hub.order_shown(order.order_id);
            model.hub.order_written(just_held(order));
        }
        for order in changes.orders {
            model.hub.order_shown(order);
            model.hub.order_changed(order);
        }
    })
}

/// What a reader would find of an order that has just been held.
fn just_held(order: HeldOrder) -> StoredOrder {
    StoredOrder {
        checkout: Checkout {
            order_id: order.order_id,
            version: 1,
            lines: order.lines,
            total: Some(order.total),
            expires_at: Some(order.expires_at),
            changing: Changing::just_held(),
            created_at: order.created_at,
            updated_at: order.updated_at,
            read_at: ReadAt::just_now(order.updated_at),
        },
        secret_hash: order.secret_hash,
        fingerprint: order.fingerprint,
        refusal: None,
        payment_intent: None,
    }
}

/// Tells whoever started this process where it listens.
#[expect(clippy::print_stdout, reason = "stdout is for the parent process, logs go to stderr")]
fn announce(addresses: api::Addresses) {
    println!("listening shop={} operator={}", addresses.shop, addresses.operator);
}
