//! The metrics of a process: where they are recorded, and the page that Prometheus reads.
//!
//! Counters begin at nothing with each process and only grow: read them through `rate()` or
//! `increase()`, which know restarts. What must be right however often a process restarts is a
//! gauge that is read from Postgres.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

/// The media type of the page (Prometheus, "Exposition formats").
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often samples are put into their buckets, and the process is looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// Of one request, one batch, one acquired connection.
const SHORT_SECONDS: [f64; 13] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Of what may last as long as a hold, or an outage.
const LONG_SECONDS: [f64; 13] =
    [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
/// Of how many there are in a batch.
const MEMBERS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];

static PAGE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Records what this process counts from here on; called again, it answers the same page.
///
/// # Errors
/// When something else in the process records metrics.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let mut page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(page) = &*page {
        return Ok(page.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SHORT_SECONDS)?
        .set_buckets_for_metric(
            Matcher::Full("holdfast_hold_age_seconds".to_owned()),
            &LONG_SECONDS,
        )?
        .set_buckets_for_metric(
            Matcher::Full("holdfast_webhook_lag_seconds".to_owned()),
            &LONG_SECONDS,
        )?
        .set_buckets_for_metric(Matcher::Suffix("_members".to_owned()), &MEMBERS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|_| anyhow::anyhow!("something else records metrics"))
        .context("record metrics")?;
    let process = Collector::default();
    process.describe();
    process.collect();
    tokio::spawn(keep_up(handle.clone(), process));
    Ok(page.insert(handle).clone())
}

async fn keep_up(page: PrometheusHandle, process: Collector) {
    let mut due = tokio::time::interval(UPKEEP);
    loop {
        due.tick().await;
        page.run_upkeep();
        process.collect();
    }
}
