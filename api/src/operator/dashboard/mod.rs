//! The dashboard: what operators see in a browser. Pages are made here; what they change goes to the
//! API below `/v1`, as anybody else's change does.

mod funnel;
mod health;
mod lists;
mod orders;
mod show;
mod stock;

use askama::Template;
use axum::{
    Router,
    http::{HeaderValue, header},
    response::Response,
    routing::get,
};

use super::tokens::{Operator, Role};
use crate::{
    app::App,
    pages::{self, Look, Policy, style},
    problem::Answer,
};

/// The pages, for whoever is signed in.
pub fn router() -> Router<App> {
    Router::new()
        .route("/funnel", get(funnel::show))
        .merge(health::router())
        .merge(lists::router())
        .merge(orders::router())
        .merge(stock::router())
}

/// What is around every page: who looks, and where.
pub struct Frame {
    pub operator: Operator,
    here: &'static str,
}

/// An entry of the navigation.
pub struct Place {
    pub path: &'static str,
    pub name: &'static str,
    pub is_here: bool,
}

impl Frame {
    /// Around the page that is found at `here`, or below it.
    pub const fn new(operator: Operator, here: &'static str) -> Self {
        Self { operator, here }
    }

    /// The navigation.
    pub fn places(&self) -> Vec<Place> {
        let places = [
            ("/", "Overview"),
            ("/orders", "Orders"),
            ("/stock", "Stock"),
            ("/funnel", "Funnel"),
            ("/webhooks", "Webhooks"),
            ("/reconciliation", "Reconciliation"),
            ("/audit", "Audit"),
            ("/health", "Health"),
        ];
        let place = |(path, name)| Place { path, name, is_here: path == self.here };
        places.into_iter().map(place).collect()
    }

    /// Whether there is anything on a page that whoever looks may change.
    pub fn may_change(&self) -> bool {
        self.operator.role == Role::Operator
    }
}

/// A page of the dashboard, as it is now.
pub fn page(template: &impl Template) -> Answer<Response> {
    let mut page = pages::html(template)?;
    Policy::for_operators(&style(Look::Operators)).apply(&mut page);
    let no_store = HeaderValue::from_static("no-store");
    page.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(page)
}
