//! What Prometheus reads of a worker, and where.

use std::{net::SocketAddr, time::Duration};

use activities::Database;
use anyhow::Context;
use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use temporalio_common::telemetry::{
    PrometheusExporterOptions, TelemetryOptions, start_prometheus_metric_exporter,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often the use of the pools is looked at.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Takes the address, so that one that is taken is told of at the start.
pub async fn listen(address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("WORKER_METRICS_LISTEN={address} can't be listened on: is it taken?")
    })?;
    tracing::info!(address = %listener.local_addr()?, "metrics can be read");
    Ok(Some(listener))
}

/// Serves `/metrics` until `stop`.
pub async fn serve(listener: TcpListener, stop: CancellationToken) {
    let page = match startup::metrics::start() {
        Ok(page) => page,
        Err(error) => return tracing::error!(error = format!("{error:#}"), "no metrics"),
    };
    let read =
        move || async move { ([(CONTENT_TYPE, startup::metrics::MEDIA_TYPE)], page.render()) };
    let server = axum::serve(listener, Router::new().route("/metrics", get(read)))
        .with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "metrics can't be read any more");
    }
}

/// Shows how the pools are used, until `stop`.
pub async fn show_pools(database: Database, notes: Database, stop: CancellationToken) {
    let mut due = tokio::time::interval(LOOKS_EVERY);
    while !stop.is_cancelled() {
        due.tick().await;
        database.show_use("worker");
        notes.show_use("notes");
    }
}

/// Has the SDK serve its own metrics at `address`, under Prometheus's names and units. It has a
/// listener of its own: there is no way to put them on another page.
pub fn of_temporal(address: Option<SocketAddr>) -> anyhow::Result<TelemetryOptions> {
    let Some(address) = address else { return Ok(TelemetryOptions::default()) };
    let options = PrometheusExporterOptions::builder()
        .socket_addr(address)
        .counters_total_suffix(true)
        .unit_suffix(true)
        .use_seconds_for_durations(true)
        .build();
    let exporter = start_prometheus_metric_exporter(options).with_context(|| {
        format!("WORKER_TEMPORAL_METRICS_LISTEN={address} can't be listened on: is it taken?")
    })?;
    let meter: std::sync::Arc<dyn temporalio_common::telemetry::metrics::CoreMeter> =
        exporter.meter;
    Ok(TelemetryOptions::builder().metrics(meter).build())
}
