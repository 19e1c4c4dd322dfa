//! Pages for people: the shop, the problems, the API's description, and files of `web/`.

mod assets;
mod content;
mod docs;
mod local_name;
mod policy;
mod price;
mod storefront;
mod structured;
mod style;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use self::style::Style;
pub use self::{
    assets::serve_from,
    policy::{CardScript, Policy},
    price::price,
    storefront::Pages,
    style::{Look, style},
};
use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
};

/// The pages of the shop's listener, whose address for shoppers is `public_url`.
pub fn router(public_url: &str) -> Router<App> {
    explanations().merge(storefront::router(public_url)).fallback(storefront::nothing_here)
}

/// The pages that explain problems, and what they are drawn with: the same on both listeners.
pub fn explanations() -> Router<App> {
    Router::new()
        .route(
            "/images/{file}",
            get(async |Path(file): Path<String>, headers: HeaderMap| {
                assets::image(&file, &headers)
            }),
        )
        .route(
            "/assets/{file}",
            get(async |Path(file): Path<String>, headers: HeaderMap| {
                assets::newest(&file, &headers)
            }),
        )
        .route(
            "/assets/{version}/{file}",
            get(async |Path((version, file)): Path<(String, String)>, headers: HeaderMap| {
                assets::of_version(&version, &file, &headers)
            }),
        )
        .route("/problems", get(problems))
        .route("/problems/{slug}", get(problem))
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    kinds: &'static [Kind],
    style: Arc<Style>,
}

async fn problems() -> Answer<Response> {
    let page = Problems { kinds: Kind::ALL, style: style(Look::Plain) };
    plain(&page, &page.style)
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    kind: Kind,
    style: Arc<Style>,
}

async fn problem(Path(slug): Path<String>) -> Answer<Response> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.slug() == slug);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let page = ProblemPage { kind, style: style(Look::Plain) };
    plain(&page, &page.style)
}

/// A page that shows no product and enters no card.
fn plain(page: &impl Template, style: &Style) -> Answer<Response> {
    let mut response = html(page)?;
    Policy::new(style, std::iter::empty(), None).apply(&mut response);
    Ok(response)
}

/// The description of a listener's API, for programs at `/openapi.json` and for people at `/docs`.
pub fn description(document: &'static str) -> Router<App> {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    docs::docs(document).route("/openapi.json", get(async move || (json, document)))
}

/// A page, rendered.
pub fn html(page: &impl Template) -> Answer<Response> {
    Ok(Html(render(page)?).into_response())
}

fn render(page: &impl Template) -> Answer<String> {
    page.render().map_err(|error| {
        tracing::error!(%error, "a page can't be made");
        Problem::new(Kind::Internal)
    })
}

/// The address of a file of `web/assets`, for templates.
pub fn asset(name: impl AsRef<str>) -> String {
    assets::address(name.as_ref())
}
