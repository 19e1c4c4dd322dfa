//! The race for an order: pay, expiry, cancel, webhook, late success, crash and retry, as a model of
//! which every interleaving is visited. `docs/model.md` says what is in it, and how to read it.
//!
//! Names are the product's: the step `begin_attempt` is `attempts::begin_attempt`. Where the product
//! decides by a pure function, that function is called.

mod action;
mod activities;
mod database;
mod effects;
mod guards;
mod properties;
mod provider;
mod race;
mod scenario;
mod state;
mod workflows;

pub use self::{
    action::Action,
    guards::{Guard, Guards},
    race::Race,
    scenario::{Card, Scenario, Webhooks},
};
