//! What all pages for people share.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

use crate::{Sandbox, error::ApiError, intents::Moment, store::State};

/// Makes a change that no request to the API asked for.
pub async fn change<T>(app: &Sandbox, change: impl FnOnce(&mut State, &Moment<'_>) -> T) -> T {
    let at = app.moment(None, None);
    let answer = app.store.change(|state| change(state, &at)).await;
    app.deliveries_due.notify_one();
    answer
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    message: &'a str,
}

/// The page that says what went wrong.
pub fn trouble(error: &ApiError) -> Response {
    let message = error.body["error"]["message"].as_str().unwrap_or("Something went wrong.");
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, html(&Trouble { message })).into_response()
}

/// A page.
pub fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
