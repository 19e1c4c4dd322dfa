//! Errors as Stripe has them (Stripe, "Errors" and "Error codes").

use serde_json::{Value, json};

/// An error object with its HTTP status.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: u16,
    pub body: Value,
    /// Whether the request was executed, so that its idempotency key is used up. A refused
    /// parameter or an unknown object is found before that.
    pub executed: bool,
}

impl ApiError {
    fn new(status: u16, error: Value) -> Self {
        Self { status, body: json!({ "error": documented(error) }), executed: true }
    }

    fn at_the_door(status: u16, error: Value) -> Self {
        Self { executed: false, ..Self::new(status, error) }
    }

    /// 400 about one parameter that can't be right, whatever the state of things.
    pub fn parameter(code: &str, param: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::at_the_door(
            400,
            json!({
                "type": "invalid_request_error", "code": code, "param": param, "message": message,
            }),
        )
    }

    /// 400 about one parameter, of the kind that has no code at Stripe.
    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::at_the_door(
            400,
            json!({"type": "invalid_request_error", "param": param, "message": message}),
        )
    }

    /// 400 about a parameter that can't be right as things stand.
    pub fn refused(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self { executed: true, ..Self::parameter(code, param, message) }
    }

    /// 404 `resource_missing`; `param` says where the id was given.
    pub fn missing(kind: &str, id: &str, param: &str) -> Self {
        Self {
            status: 404,
            ..Self::parameter("resource_missing", param, format!("No such {kind}: '{id}'"))
        }
    }

    /// 400 `payment_intent_unexpected_state`, with the intent.
    pub fn unexpected_state(message: impl Into<String>, intent: Value) -> Self {
        let message: String = message.into();
        Self::new(
            400,
            json!({
                "type": "invalid_request_error", "code": "payment_intent_unexpected_state",
                "message": message, "payment_intent": intent,
            }),
        )
    }

    /// 402 `card_error`, with the intent.
    pub fn card(mut error: Value, intent: Value) -> Self {
        error["payment_intent"] = intent;
        Self::new(402, error)
    }

    /// 402 `card_error` about a card that was entered wrongly: `param` names the field.
    pub fn card_entry(code: &str, param: &str, message: &str) -> Self {
        Self::at_the_door(
            402,
            json!({"type": "card_error", "code": code, "param": param, "message": message}),
        )
    }

    /// 402 `card_error`: a card that may exist. It stays at the door.
    pub fn live_card() -> Self {
        let message = "Your card was declined. Your request was in test mode, but used a non test \
                       (live) card. For a list of valid test cards, visit: \
                       https://stripe.com/docs/testing.";
        Self::at_the_door(
            402,
            json!({
                "type": "card_error", "code": "card_declined",
                "decline_code": "test_mode_live_card", "param": "number", "message": message,
            }),
        )
    }

    /// 400 `idempotency_error`: the key was used with other parameters.
    pub fn key_reused(key: &str) -> Self {
        Self::key(format!(
            "Keys for idempotent requests can only be used with the same parameters they were \
             first used with. Try using a key other than '{key}' if you meant to execute a \
             different request."
        ))
    }

    /// 400 `idempotency_error`: the key was used for another path.
    pub fn key_of_another_path(key: &str, first: &str, now: &str) -> Self {
        Self::key(format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first \
             used for ('{first}' vs '{now}'). Try using a key other than '{key}' if you meant to \
             execute a different request."
        ))
    }

    /// 400 `idempotency_error` about a key that is too long.
    pub fn key_too_long() -> Self {
        Self::key("Idempotency keys are at most 255 characters long.".to_owned())
    }

    fn key(message: String) -> Self {
        Self::at_the_door(400, json!({"type": "idempotency_error", "message": message}))
    }

    /// 409: a request with this key is under way.
    pub fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that \
             probably means you submitted twice, and the other request is still going through): \
             {key}. Please try again later."
        );
        Self::at_the_door(
            409,
            json!({
                "type": "idempotency_error", "code": "idempotency_key_in_use", "message": message,
            }),
        )
    }

    /// 401: no key, or another one.
    pub fn unauthorized(shown: bool) -> Self {
        let message = if shown {
            "Invalid API Key provided. The sandbox takes the key it was started with."
        } else {
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        };
        Self::at_the_door(401, json!({"type": "invalid_request_error", "message": message}))
    }

    /// 403: a browser's key, where a server's is needed.
    pub fn secret_key_required() -> Self {
        let message = "This API call cannot be made with a publishable API key. Please use a \
                       secret API key.";
        Self::at_the_door(
            403,
            json!({
                "type": "invalid_request_error", "code": "secret_key_required", "message": message,
            }),
        )
    }

    /// 400 for a body that is no form.
    pub fn not_a_form() -> Self {
        let message = "Invalid request (check that your POST content type is \
                       application/x-www-form-urlencoded).";
        Self::at_the_door(400, json!({"type": "invalid_request_error", "message": message}))
    }

    /// 500 `api_error`.
    pub fn provider_failed() -> Self {
        let message = "An unknown error occurred (a fault of the sandbox, asked for or not).";
        Self::new(500, json!({"type": "api_error", "message": message}))
    }

    /// 503: a provider that is down.
    pub fn down() -> Self {
        let message = "The sandbox is down (a fault that was asked for).";
        Self::at_the_door(503, json!({"type": "api_error", "message": message}))
    }

    /// 404 for a path that the API does not have.
    pub fn unknown_path(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs."
        );
        Self::at_the_door(404, json!({"type": "invalid_request_error", "message": message}))
    }
}

/// An error object with the address of the page about its code.
pub fn documented(mut error: Value) -> Value {
    let page = error["code"]
        .as_str()
        .map(|code| format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
    if let Some(page) = page {
        error["doc_url"] = page.into();
    }
    error
}
