//! The shop's pages. What a shopper sees first is in the HTML; `web/assets` makes it live.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use dashmap::DashMap;
use domain::{OrderId, Sku};
use read_model::Product;
use serde::Deserialize;

use super::{
    asset, assets,
    content::Content,
    local_name::{self, LocalName},
    plain,
    policy::{CardScript, Policy},
    price, render, structured,
    style::{Look, Style, style},
};
use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
    products::availability,
};

/// Products on one page of the list.
const ON_A_PAGE: usize = 48;
/// Other products that a product's page shows.
const FURTHER: usize = 4;
/// Products whose pictures a cart may show, when they are not on the shop's own origin.
const MOST_PICTURED: usize = 100;
/// Pages that are kept rendered, at the most.
const MOST_KEPT: usize = 2_000;

/// The paths of the shop's pages.
pub fn router(public_url: &str) -> Router<App> {
    let pages = Router::new()
        .route("/", get(home))
        .route("/products/{sku}", get(product))
        .route("/cart", get(cart))
        .route("/checkout", get(checkout))
        .route("/orders/{order_id}", get(order));
    match LocalName::of(public_url) {
        Some(name) => pages.route_layer(from_fn_with_state(Arc::new(name), local_name::lead_to)),
        None => pages,
    }
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
        look: Look,
        shows: Vec<Arc<Product>>,
        script: Option<&CardScript>,
        make: impl FnOnce(&[Arc<Product>], &Style) -> Answer<String>,
    ) -> Answer<Arc<Page>> {
        let kept = self.0.get(path).map(|page| Arc::clone(&page));
        // In development a page's style may be another one each time.
        let kept = kept.filter(|page| same(&page.shows, &shows) && !assets::are_from_folder());
        if let Some(page) = kept {
            return Ok(page);
        }
        let style = style(look);
        let html = make(&shows, &style)?;
        let content = Content::new(html.into_bytes(), "text/html; charset=utf-8");
        let policy = Policy::new(&style, shows.iter().map(AsRef::as_ref), script);
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
    style: &'a Style,
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
    let page = app.pages.page(&key, Look::Goods, shows, None, |products, style| {
        render(&Home { products, public_url: &app.public_url, canonical: &canonical, next, style })
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
    style: &'a Style,
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
    let page = app.pages.page(&path, Look::Product, shows, None, |shows, style| {
        let (product, further) = (&shows[0], &shows[1..]);
        let public_url = app.public_url.as_str();
        let image = product.image_url.as_deref();
        render(&ProductPage {
            product,
            further,
            public_url,
            image: image.map(|image| structured::absolute(image, public_url)),
            data: structured::product(product, public_url),
            style,
        })
    })?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "cart.html")]
struct Cart<'a> {
    style: &'a Style,
}

async fn cart(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    let shows = app.model.catalogue.page(None, MOST_PICTURED);
    let page =
        app.pages.page("/cart", Look::Cart, shows, None, |_, style| render(&Cart { style }))?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout<'a> {
    script: &'a str,
    key: &'a str,
    style: &'a Style,
}

async fn checkout(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    let script = &app.card_script;
    let shows = app.model.catalogue.page(None, MOST_PICTURED);
    let page = app.pages.page("/checkout", Look::Till, shows, Some(script), |_, style| {
        render(&Checkout { script: &script.url, key: &app.publishable_key, style })
    })?;
    Ok(page.answer(&headers))
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    order_id: OrderId,
    style: Arc<Style>,
}

/// The receipt, and where shoppers come back to from 3-D Secure. The page tells nothing by itself:
/// whose order it is shows when it asks for its events.
async fn order(Path(order): Path<String>) -> Answer<Response> {
    let Ok(order_id) = order.parse() else {
        return not_found("Sorry, there is no such order.");
    };
    let page = OrderPage { order_id, style: style(Look::Receipt) };
    let mut response = plain(&page, &page.style)?;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    what: &'a str,
    style: Arc<Style>,
}

fn not_found(what: &str) -> Answer<Response> {
    let page = Missing { what, style: style(Look::Plain) };
    Ok((StatusCode::NOT_FOUND, plain(&page, &page.style)?).into_response())
}

/// A path that nothing is at: a page for people, a problem for programs.
pub async fn nothing_here(uri: Uri, headers: HeaderMap) -> Answer<Response> {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_person = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    if is_person && !uri.path().starts_with("/v1/") {
        return not_found("Sorry, there is no such page.");
    }
    Err(Problem::new(Kind::NotFound))
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
