//! Pages for people: the shop, the problems, the API's description, and files of `web/`.

mod assets;
mod content;
mod policy;
mod price;
mod storefront;
mod structured;

use askama::Template;
use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use self::{
    assets::serve_from,
    policy::{CardScript, Policy},
    price::price,
    storefront::Pages,
};
use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
};

/// The pages of the shop's listener.
pub fn router() -> Router<App> {
    explanations().merge(storefront::router()).route(
        "/openapi.json",
        get(|| async { openapi(include_str!("../../openapi/shopper.json")) }),
    )
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

/// The description of a listener's API, as a page that works offline.
pub fn docs() -> SwaggerUi {
    SwaggerUi::new("/docs").config(Config::from("/openapi.json"))
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    kinds: Vec<Kind>,
}

async fn problems() -> Answer<Response> {
    explained(Kind::ALL.to_vec())
}

async fn problem(Path(slug): Path<String>) -> Answer<Response> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.slug() == slug);
    explained(vec![kind.ok_or_else(|| Problem::new(Kind::NotFound))?])
}

fn explained(kinds: Vec<Kind>) -> Answer<Response> {
    let mut page = html(&Problems { kinds })?;
    Policy::new(std::iter::empty(), None).apply(&mut page);
    Ok(page)
}

/// An API's description.
pub fn openapi(document: &'static str) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, document).into_response()
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

/// The shop's style, for templates.
fn style() -> std::sync::Arc<assets::Style> {
    assets::style()
}

/// The address of a file of `web/assets`, for templates.
pub fn asset(name: impl AsRef<str>) -> String {
    assets::address(name.as_ref())
}
