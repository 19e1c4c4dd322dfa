//! Who may pass: whoever shows a token, or a session that was begun with one, and changes nothing
//! that they may only read.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    session,
    tokens::{Operator, Role},
};
use crate::{
    app::App,
    checkouts::same_origin,
    problem::{Answer, Kind, Problem},
};

/// Lets a request for the API pass, and says whose it is.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match admit(&app, request.method(), request.headers()).await {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Lets a request for a page pass; sends whoever is not signed in to where they can.
pub async fn guard_page(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match admit(&app, request.method(), request.headers()).await {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(problem) if problem.kind == Kind::Unauthorized => {
            Redirect::to(&session::sign_in_and_on_to(request.uri())).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(app: &App, method: &Method, headers: &HeaderMap) -> Answer<Operator> {
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    let operator = if headers.contains_key(header::AUTHORIZATION) {
        by_token(app, headers).await?
    } else {
        let operator = by_session(app, headers).await?;
        // A browser sends the cookie along with any page's request: the page has to be one of ours.
        if changes && operator.is_some() && !same_origin(headers, None) {
            return Err(Problem::new(Kind::CrossOrigin));
        }
        operator
    };
    let operator = operator.ok_or_else(|| Problem::new(Kind::Unauthorized))?;
    if changes && operator.role == Role::Viewer {
        return Err(Problem::new(Kind::Forbidden));
    }
    Ok(operator)
}

/// Whose token the request shows.
pub async fn by_token(app: &App, headers: &HeaderMap) -> Answer<Option<Operator>> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => app.tokens.whose(token.trim(), &app.model.pool).await,
        None => Ok(None),
    }
}

async fn by_session(app: &App, headers: &HeaderMap) -> Answer<Option<Operator>> {
    match session::of(headers) {
        Some(session) => app.tokens.whose_session(session, &app.model.pool).await,
        None => Ok(None),
    }
}

/// Whoever the guard let pass.
impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Kind::Unauthorized))
    }
}

/// What an open page may show of whoever looks: nothing when they are not signed in.
pub struct Perhaps(pub Option<Operator>);

impl FromRequestParts<App> for Perhaps {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(by_session(app, &parts.headers).await.ok().flatten()))
    }
}
