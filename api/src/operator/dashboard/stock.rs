//! Stock: what there is of everything, and of one product how it came to that.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use domain::Sku;
use read_model::{movements::Movement, stock::StockRow};
use uuid::Uuid;

use super::{
    Frame, page,
    show::{When, money, query},
};
use crate::{
    app::App,
    operator::{
        stock::{self, Moves},
        tokens::Operator,
    },
    problem::Answer,
    products::Page,
};

/// The pages of stock.
pub fn router() -> Router<App> {
    Router::new().route("/stock", get(list)).route("/stock/{sku}", get(one))
}

#[derive(Template)]
#[template(path = "operator/stock.html")]
struct Stock {
    frame: Frame,
    rows: Vec<(StockRow, String, String)>,
    next: Option<String>,
}

async fn list(
    State(app): State<App>,
    operator: Operator,
    Query(asked): Query<Page>,
) -> Answer<Response> {
    let (rows, next) = stock::find(&app, &asked).await?;
    let named = |row: StockRow| {
        let product = row.sku.parse().ok().and_then(|sku: Sku| app.model.catalogue.product(&sku));
        let price = money(product.as_ref().map(|product| product.price));
        (row, product.map(|product| product.name.clone()).unwrap_or_default(), price)
    };
    page(&Stock {
        frame: Frame::new(operator, "/stock"),
        rows: rows.into_iter().map(named).collect(),
        next: next.map(|cursor| query(&[("cursor", Some(&cursor))])),
    })
}

#[derive(Template)]
#[template(path = "operator/product.html")]
struct Product {
    frame: Frame,
    level: StockRow,
    name: String,
    price: String,
    movements: Vec<(Movement, When)>,
    next: Option<String>,
    id: Uuid,
}

async fn one(
    State(app): State<App>,
    operator: Operator,
    Path(sku): Path<String>,
    Query(moves): Query<Moves>,
) -> Answer<Response> {
    let level = stock::level(&app, &sku).await?;
    let (movements, next) = stock::find_movements(&app, &sku, &moves).await?;
    let product = sku.parse().ok().and_then(|sku: Sku| app.model.catalogue.product(&sku));
    let timed = |movement: Movement| {
        let at = When::at(movement.at);
        (movement, at)
    };
    page(&Product {
        frame: Frame::new(operator, "/stock"),
        price: money(product.as_ref().map(|product| product.price)),
        name: product.map_or_else(|| sku.clone(), |product| product.name.clone()),
        movements: movements.into_iter().map(timed).collect(),
        next: next.map(|cursor| query(&[("cursor", Some(&cursor))])),
        level,
        id: Uuid::now_v7(),
    })
}
