//! Runs workflows and activities, delivers webhooks to them, and sets up what they need.

mod catalogue;
mod inbox;
mod metrics;
mod notify;
mod registration;
mod roles;
mod run;
mod setup;

pub use run::{Prepared, Settings, prepare};
pub use setup::{SetupSettings, setup};
