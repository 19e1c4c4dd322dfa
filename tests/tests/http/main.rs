//! What the contract promises over HTTP, asked of a running shop as its clients would.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod analytics;
mod bad_bodies;
mod bad_requests;
mod bad_values;
mod cookies;
mod pages;
mod products;
mod secrets;
mod stock_check;
