//! What the contract promises over HTTP, asked of a running shop as its clients would.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod addresses;
mod adjustments;
mod analytics;
mod bad_bodies;
mod bad_requests;
mod bad_values;
mod cancelling;
mod catalogue_changes;
mod contention;
mod cookies;
mod dashboard;
mod declines;
mod events;
mod expiry;
mod identity;
mod lost_connections;
mod metrics;
mod operating;
mod operators;
mod orders;
mod pages;
mod paying;
mod products;
mod refusals;
mod replays;
mod secrets;
mod slow_provider;
mod split;
mod stock_check;
mod three_d_secure;
mod traces;
mod webhooks;
