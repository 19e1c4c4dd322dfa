//! Errors as Stripe has them (Stripe, "Errors").

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// An error object with its HTTP status.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub body: Value,
}

impl ApiError {
    fn new(status: StatusCode, error: Value) -> Self {
        Self { status, body: json!({ "error": error }) }
    }

    /// 400 `invalid_request_error` about one parameter.
    pub fn parameter(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({
                "type": "invalid_request_error", "code": code, "param": param,
                "message": message.into(),
            }),
        )
    }

    /// 404 `resource_missing`.
    pub fn missing(kind: &str, id: &str, param: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            json!({
                "type": "invalid_request_error", "code": "resource_missing", "param": param,
                "message": format!("No such {kind}: '{id}'"),
            }),
        )
    }

    /// 400 `payment_intent_unexpected_state`, with the intent.
    pub fn unexpected_state(message: impl Into<String>, intent: Value) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({
                "type": "invalid_request_error", "code": "payment_intent_unexpected_state",
                "message": message.into(), "payment_intent": intent,
            }),
        )
    }

    /// 402 `card_error`, with the intent.
    pub fn card(error: &Value, intent: Value) -> Self {
        let mut error = error.clone();
        error["payment_intent"] = intent;
        Self::new(StatusCode::PAYMENT_REQUIRED, error)
    }

    /// 400 `idempotency_error`: the key was used with another request.
    pub fn key_reused(key: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({
                "type": "idempotency_error",
                "message": format!("Keys for idempotent requests can only be used with the same \
                    parameters they were first used with. Try using a key other than '{key}' if you \
                    meant to execute a different request."),
            }),
        )
    }

    /// 409: a request with this key is under way.
    pub fn key_in_use() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            json!({
                "type": "invalid_request_error", "code": "idempotency_key_in_use",
                "message": "There is currently another in-progress request using this idempotent key. \
                    Please try again later.",
            }),
        )
    }

    /// 401: no key, or another one.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            json!({
                "type": "invalid_request_error",
                "message": "Invalid API Key provided, or none. Use the sandbox's secret key as \
                    Bearer token or as user of HTTP Basic.",
            }),
        )
    }

    /// 500 `api_error`.
    pub fn provider_failed() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({
                "type": "api_error", "message": "An unknown error occurred (sandbox fault).",
            }),
        )
    }

    /// 404 for a path that the API does not have.
    pub fn unknown_path(method: &str, path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            json!({
                "type": "invalid_request_error", "message": format!(
                    "Unrecognized request URL ({method}: {path}). Please see Stripe's API reference."),
            }),
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
