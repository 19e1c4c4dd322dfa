//! The operator token.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// Lets only requests with the token pass.
pub async fn require_token(State(app): State<App>, request: Request, next: Next) -> Response {
    if has_token(&app, request.headers()) {
        next.run(request).await
    } else {
        Problem::new(Kind::Unauthorized).into_response()
    }
}

/// Whether the request shows the token. Compared by hash, so that not even its length shows.
pub fn has_token(app: &App, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    token.is_some_and(|(_, token)| hash(token.trim()).ct_eq(&hash(&app.operator_token)).into())
}
