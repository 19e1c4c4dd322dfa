//! What the provider answers, and what to make of it.

use std::time::Duration;

use domain::{IntentStatus, Money, OrderId};
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde::Deserialize;

/// A payment, as the provider sees it
/// (Stripe, "The `PaymentIntent` object").
#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: IntentStatus,
    amount: i64,
    currency: String,
    #[serde(default)]
    metadata: IntentMetadata,
    last_payment_error: Option<CardError>,
    next_action: Option<NextAction>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct IntentMetadata {
    order_id: Option<OrderId>,
}

#[derive(Clone, Debug, Deserialize)]
struct NextAction {
    redirect_to_url: Option<RedirectToUrl>,
}

#[derive(Clone, Debug, Deserialize)]
struct RedirectToUrl {
    url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct CardError {
    code: Option<String>,
    decline_code: Option<String>,
}

impl CardError {
    fn code(self) -> String {
        let code = self.decline_code.or(self.code);
        code.unwrap_or_else(|| "generic_decline".to_owned())
    }
}

impl Intent {
    /// Whether this is the payment of `order`, for `total`.
    #[must_use]
    pub fn is_of(&self, order: OrderId, total: Money) -> bool {
        self.metadata.order_id == Some(order)
            && self.amount == total.amount
            && self.currency.eq_ignore_ascii_case(total.currency.as_str())
    }

    /// The order that this payment names, if it names one.
    #[must_use]
    pub const fn order(&self) -> Option<OrderId> {
        self.metadata.order_id
    }

    /// Why the last attempt was declined, if it was.
    #[must_use]
    pub fn decline_code(&self) -> Option<String> {
        self.last_payment_error.clone().map(CardError::code)
    }

    /// Where the shopper has to go, if anywhere.
    #[must_use]
    pub fn next_action_url(&self) -> Option<&str> {
        self.next_action.as_ref()?.redirect_to_url.as_ref()?.url.as_deref()
    }
}

/// What the provider answers to a request that it understood.
#[derive(Debug)]
pub enum Answer {
    /// The intent, as it is now.
    Intent(Intent),
    /// The card was declined; the code says why.
    Declined(String),
    /// The request can't be granted as things stand.
    Refused { code: String, message: String },
}

impl Answer {
    /// The answer, unless it is about another payment than the one that was asked about.
    pub(super) fn about(self, intent: &str) -> Result<Self, ProviderError> {
        match self {
            Self::Intent(told) if told.id != intent => Err(ProviderError::Nonsense(format!(
                "asked about {intent}, it tells of {}",
                told.id
            ))),
            answer => Ok(answer),
        }
    }
}

/// Why it is not known what the provider did.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The request or its answer was lost: it may have been granted. The same request with the
    /// same key tells.
    #[error("the provider's answer was lost: {0}")]
    Lost(#[from] reqwest::Error),
    /// The provider is busy with this request or with too many.
    #[error("the provider is busy ({status})")]
    Busy { status: StatusCode, retry_after: Option<Duration> },
    /// The provider could not be reached a moment ago and was not asked.
    #[error("the provider can't be reached and is left alone for {retry_after:?}")]
    LeftAlone { retry_after: Duration },
    /// The provider failed, or refuses the key, and does so again to the same request with the same
    /// key, for ever.
    #[error("the provider failed ({0})")]
    Failed(StatusCode),
    /// The answer is not one that Stripe's API reference describes.
    #[error("the provider's answer can't be used: {0}")]
    Nonsense(String),
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: String,
    message: Option<String>,
    #[serde(flatten)]
    card: CardError,
}

/// Whether nobody was there to answer.
pub(super) const fn is_absent(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY)
}

/// After how long the provider wants to be asked again.
pub(super) fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads an error (Stripe, "Errors").
pub(super) fn classify(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<Answer, ProviderError> {
    if status.is_server_error() {
        return Err(if is_absent(status) {
            ProviderError::Busy { status, retry_after }
        } else {
            ProviderError::Failed(status)
        });
    }
    if matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
        return Err(ProviderError::Busy { status, retry_after });
    }
    let body: ErrorBody = serde_json::from_slice(body)
        .map_err(|error| ProviderError::Nonsense(format!("{status}, {error}")))?;
    if body.error.kind == "idempotency_error" {
        // This key stands for another request, and always will.
        return Err(ProviderError::Failed(status));
    }
    if body.error.kind == "card_error" {
        return Ok(Answer::Declined(body.error.card.code()));
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let message = body.error.message.unwrap_or_default();
        return Err(ProviderError::Nonsense(format!("{status}: {message} (STRIPE_SECRET_KEY?)")));
    }
    Ok(Answer::Refused {
        code: body.error.card.code.unwrap_or(body.error.kind),
        message: body.error.message.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(status: u16, body: &str) -> Result<Answer, ProviderError> {
        classify(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    #[test]
    fn a_decline_is_told_by_its_decline_code() {
        let body = r#"{"error":{"type":"card_error","code":"card_declined",
            "decline_code":"insufficient_funds","message":"…"}}"#;
        let answer = classified(402, body).unwrap();
        assert!(matches!(answer, Answer::Declined(code) if code == "insufficient_funds"));
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        let body = r#"{"error":{"type":"invalid_request_error",
            "code":"payment_intent_unexpected_state","message":"…"}}"#;
        let answer = classified(400, body).unwrap();
        assert!(matches!(answer, Answer::Refused { code, .. }
            if code == "payment_intent_unexpected_state"));
    }

    #[test]
    fn a_key_that_stands_for_another_request_is_spent() {
        let body = r#"{"error":{"type":"idempotency_error","message":"…"}}"#;
        assert!(matches!(classified(400, body), Err(ProviderError::Failed(_))));
    }

    #[test]
    fn a_stored_failure_is_told_from_a_busy_provider() {
        assert!(matches!(classified(500, "{}"), Err(ProviderError::Failed(_))));
        for busy in [409, 429, 502, 503] {
            assert!(matches!(classified(busy, "{}"), Err(ProviderError::Busy { .. })), "{busy}");
        }
    }

    #[test]
    fn an_answer_about_another_payment_is_no_answer() {
        let intent = r#"{"id":"pi_1","status":"canceled","amount":5,"currency":"eur",
            "last_payment_error":null,"next_action":null}"#;
        let told = || Answer::Intent(serde_json::from_str(intent).unwrap());
        assert!(matches!(told().about("pi_1"), Ok(Answer::Intent(_))));
        assert!(matches!(told().about("pi_2"), Err(ProviderError::Nonsense(_))));
    }

    #[test]
    fn an_answer_that_is_not_the_providers_is_no_answer() {
        assert!(matches!(classified(400, "<html>"), Err(ProviderError::Nonsense(_))));
        assert!(matches!(
            classified(401, r#"{"error":{"type":"invalid_request_error"}}"#),
            Err(ProviderError::Nonsense(_))
        ));
    }
}
