//! The shop's pages. What a shopper sees first is in the HTML; `web/assets` makes it live.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use dashmap::DashMap;
use domain::{OrderId, Sku};
use read_model::Product;
use serde::Deserialize;

use super::{
    asset,
    content::Content,
    policy::{CardScript, Policy},
    price, render, structured, style,
};
use crate::{app::App, problem::Answer, products::availability};

/// Products on one page of the list.
const ON_A_PAGE: usize = 48;
/// Other products that a product's page shows.
const FURTHER: usize = 4;
/// Pages that are kept rendered, at the most.
const MOST_KEPT: usize = 2_000;

/// The paths of the shop's pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/products/{sku}", get(product))
        .route("/cart", get(cart))
        .route("/checkout", get(checkout))
        .route("/orders/{order_id}", get(order))
}

/// Pages as they were rendered last, by path.
#[derive(Default)]
pub struct Pages(DashMap<String, Arc<Page>>);

/// A rendered page, good for as long as the products that it shows are as they were.
struct Page {
    shows: Vec<Arc<Product>>,
    content: Content,
    policy: Policy,
}

impl Pages {
    /// The page at `path`, rendered once for every change of what it shows.
    fn page(
        &self,
        path: &str,
        shows: Vec<Arc<Product>>,
        script: Option<&CardScript>,
        make: impl FnOnce(&[Arc<Product>]) -> Answer<String>,
    ) -> Answer<Arc<Page>> {
        let kept = self.0.get(path).map(|page| Arc::clone(&page));
        if let Some(page) = kept.filter(|page| same(&page.shows, &shows)) {
            return Ok(page);
        }
        let content = Content::new(make(&shows)?.into_bytes(), "text/html; charset=utf-8");
        let policy = Policy::new(shows.iter().map(AsRef::as_ref), script);
        let page = Arc::new(Page { shows, content, policy });
        if self.0.len() >= MOST_KEPT {
            self.0.clear();
        }
        self.0.insert(path.to_owned(), Arc::clone(&page));
        Ok(page)
    }
}

impl Page {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = self.content.answer(headers, "no-cache");
        self.policy.apply(&mut response);
        response
    }
}

/// A product is another one as soon as anything about it has changed.
fn same(kept: &[Arc<Product>], now: &[Arc<Product>]) -> bool {
    kept.len() == now.len() && kept.iter().zip(now).all(|(kept, now)| Arc::ptr_eq(kept, now))
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    products: &'a [Arc<Product>],
    public_url: &'a str,
    canonical: &'a str,
    next: Option<String>,
}

/// Where in the list to go on.
#[derive(Deserialize)]
struct From {
    after: Option<String>,
}

async fn home(
    State(app): State<App>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Answer<Response> {
    let after: Option<Sku> = from.after.and_then(|after| after.parse().ok());
    let mut shows = app.model.catalogue.page(after.as_ref(), ON_A_PAGE + 1);
    let more = shows.len() > ON_A_PAGE;
    shows.truncate(ON_A_PAGE);
    let next = shows.last().filter(|_| more).map(|last| last.sku.to_string());
    let canonical = match &after {
        Some(after) => format!("/?after={after}"),
        None => "/".to_owned(),
    };
    // Another page follows, or none does any more: the products alone don't say.
    let key = format!("{canonical} {}", next.as_deref().unwrap_or_default());
    let page = app.pages.page(&key, shows, None, |products| {
        render(&Home { products, public_url: &app.public_url, canonical: &canonical, next })
    })?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage<'a> {
    product: &'a Product,
    further: &'a [Arc<Product>],
    public_url: &'a str,
    image: Option<String>,
    data: String,
}

async fn product(
    State(app): State<App>,
    Path(sku): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let catalogue = &app.model.catalogue;
    let Some(product) = sku.parse().ok().and_then(|sku: Sku| catalogue.product(&sku)) else {
        return not_found("Sorry, the shop has no such product.");
    };
    let mut shows = catalogue.page(Some(&product.sku), FURTHER);
    // The last ones go on with the first.
    let missing = FURTHER - shows.len();
    let first = catalogue.page(None, missing);
    shows.extend(first.into_iter().take_while(|first| first.sku < product.sku));
    let path = format!("/products/{}", product.sku);
    shows.insert(0, product);
    let page = app.pages.page(&path, shows, None, |shows| {
        let (product, further) = (&shows[0], &shows[1..]);
        let public_url = app.public_url.as_str();
        let image = product.image_url.as_deref();
        render(&ProductPage {
            product,
            further,
            public_url,
            image: image.map(|image| structured::absolute(image, public_url)),
            data: structured::product(product, public_url),
        })
    })?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "cart.html")]
struct Cart;

async fn cart(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    let shows = app.model.catalogue.page(None, 100);
    let page = app.pages.page("/cart", shows, None, |_| render(&Cart))?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout<'a> {
    script: &'a str,
    key: &'a str,
}

async fn checkout(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    let page = app.pages.page("/checkout", Vec::new(), Some(&app.card_script), |_| {
        render(&Checkout { script: &app.card_script.url, key: &app.publishable_key })
    })?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    order_id: OrderId,
}

/// The receipt, and where shoppers come back to from 3-D Secure. The page tells nothing by itself:
/// whose order it is shows when it asks for its events.
async fn order(Path(order): Path<String>) -> Answer<Response> {
    let Ok(order_id) = order.parse() else {
        return not_found("Sorry, there is no such order.");
    };
    let mut response = super::html(&OrderPage { order_id })?;
    Policy::new(std::iter::empty(), None).apply(&mut response);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    what: &'a str,
}

fn not_found(what: &str) -> Answer<Response> {
    let mut response = (StatusCode::NOT_FOUND, super::html(&Missing { what })?).into_response();
    Policy::new(std::iter::empty(), None).apply(&mut response);
    Ok(response)
}

fn cost(product: &Product) -> String {
    price::price(product.price)
}

fn words(product: &Product) -> String {
    match (availability(product), product.available) {
        ("out_of_stock", _) => "Sorry, out of stock".to_owned(),
        ("low_stock", left) => format!("Only {left} left"),
        _ => "In stock".to_owned(),
    }
}
