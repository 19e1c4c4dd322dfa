//! Runs workflows and activities, delivers webhooks to them, keeps the funnel's counts, and sets up
//! what all of it needs.

mod catalogue;
mod funnel;
mod inbox;
mod metrics;
mod notify;
mod registration;
mod roles;
mod run;
mod setup;
mod stoppable;
mod tokens;
mod traced;

pub use funnel::rebuild as rebuild_funnel;
pub use run::{Prepared, Settings, prepare};
pub use setup::{SetupSettings, setup};
pub use tokens::{TokenCommand, tokens};
