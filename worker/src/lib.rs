//! Runs workflows and activities, delivers webhooks to them, and sets up what they need.

mod catalogue;
mod inbox;
mod notify;
mod registration;
mod roles;
mod run;
mod setup;
mod tokens;

pub use run::{Prepared, Settings, prepare};
pub use setup::{SetupSettings, setup};
pub use tokens::{TokenCommand, tokens};
