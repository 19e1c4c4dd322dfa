//! Errors, as RFC 9457 has them: `application/problem+json`, each type a page that explains it.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Refusal, allocation::ShortLine};
use read_model::ReadError;
use serde_json::{Value, json};

/// Declares the problems: slug, status, title, and what the page says.
macro_rules! problems {
    ($($kind:ident $slug:literal $status:ident $title:literal $help:literal,)*) => {
        /// The problems that there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $(#[doc = $title] $kind,)* }

        impl Kind {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The last part of its type.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)* }
            }

            /// The HTTP status that it comes with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// A line for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// What to do about it.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$kind => $help,)* }
            }
        }
    };
}

problems! {
    MalformedJson "malformed-json" BAD_REQUEST "The body is not JSON"
        "Send one JSON object in UTF-8, with each member once and nothing after it.",
    BadSignature "bad-signature" BAD_REQUEST "The webhook's signature does not fit"
        "Sign the raw body with one of the configured secrets, no longer than 300 seconds ago.",
    MissingSecret "missing-secret" UNAUTHORIZED "The order's secret is missing"
        "Send 'Authorization: Bearer' with the secret that you made for this order: at least 22 URL-safe characters.",
    Unauthorized "unauthorized" UNAUTHORIZED "The operator token is missing or wrong"
        "Send 'Authorization: Bearer' with the operator token.",
    CrossOrigin "cross-origin" FORBIDDEN "A write by cookie came from another origin"
        "Send the secret or the token in the Authorization header, or the request from our own pages.",
    Forbidden "forbidden" FORBIDDEN "This token may only read"
        "Ask somebody whose role is 'operator', or for a token of that role.",
    CheckoutNotFound "checkout-not-found" NOT_FOUND "There is no such checkout"
        "Look at the id, and at the secret: another secret's checkout is as if it did not exist.",
    UnknownSku "unknown-sku" NOT_FOUND "The shop has no such product"
        "The member 'skus' names them. Take them out of the cart.",
    OrderNotFound "order-not-found" NOT_FOUND "There is no such order" "Look at the id.",
    WebhookNotFound "webhook-not-found" NOT_FOUND "There is no such webhook event"
        "Look at the id: it is the provider's.",
    NotFound "not-found" NOT_FOUND "There is nothing here" "The API is described at /docs.",
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "That can't be done here"
        "The header 'Allow' says what can be done. The API is described at /docs.",
    OutOfStock "out-of-stock" CONFLICT "Not everything can be had"
        "The member 'lines' says what can. Nothing is held; change the cart and begin with a new order id.",
    PriceChanged "price-changed" CONFLICT "The price has changed"
        "The member 'total' is the price now. Show it, ask, and begin with a new order id.",
    HoldEnded "hold-ended" CONFLICT "The hold is over"
        "The units are not held for this order any more and it can't be paid. Begin with a new order id.",
    StillReserving "still-reserving" CONFLICT "The stock is not held yet"
        "Try again in a second.",
    TooManyAttempts "too-many-attempts" CONFLICT "Too many attempts were declined"
        "This order takes no further attempt to pay. It ends with its hold.",
    AlreadyPaid "already-paid" CONFLICT "The order is paid"
        "A paid order can't be cancelled; ask the shop for a refund.",
    StockBelowHeldAndSold "stock-below-held-and-sold" CONFLICT "Fewer units would be left than are held and sold"
        "Count out no more than is available.",
    OrderNotPaid "order-not-paid" CONFLICT "There is no money to give back"
        "Only a paid order is refunded. One that is not paid yet can be cancelled.",
    OrderDisputed "order-disputed" CONFLICT "The payment is disputed"
        "While the cardholder disputes it, and when they have won, the bank has the money. Answer the dispute at the provider.",
    RefundExceedsPayment "refund-exceeds-payment" CONFLICT "More would be given back than is left"
        "Ask for no more than the payment less what was given back or is on its way, and for no more units than are left of a line.",
    RequestTimeout "request-timeout" REQUEST_TIMEOUT "The body did not arrive in time"
        "Send the whole request within ten seconds.",
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE "The body is too large" "Send at most 64 KiB.",
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body has the wrong media type"
        "Send 'Content-Type: application/json'.",
    InvalidRequest "invalid-request" UNPROCESSABLE_ENTITY "The request has a bad value"
        "Each entry of 'errors' points to a member and says what it has to be.",
    OrderIdReused "order-id-reused" UNPROCESSABLE_ENTITY "This order id was used with another body"
        "An order id is one request. Make a new one.",
    ChangeIdReused "adjustment-id-reused" UNPROCESSABLE_ENTITY "This change id was used for another change"
        "A change id is one change. Make a new one.",
    RefundIdReused "refund-id-reused" UNPROCESSABLE_ENTITY "This refund id was used for another request"
        "A refund id is one refund. Make a new one.",
    TooManyHolds "too-many-holds" TOO_MANY_REQUESTS "Too many open holds from this address"
        "Pay or cancel one, or wait until one has ended.",
    TooManyReports "too-many-reports" TOO_MANY_REQUESTS "Too many reports"
        "This address, or this session, has reported more than any shopper does. Report the rest after 'Retry-After' seconds: events count once, and may be seven days late.",
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong here"
        "It is in our log under the request's id. The same request is safe to repeat.",
    DatabaseUnavailable "database-unavailable" SERVICE_UNAVAILABLE "The shop's database can't be reached"
        "Nothing is lost. Try again after 'Retry-After' seconds.",
    TemporalUnavailable "temporal-unavailable" SERVICE_UNAVAILABLE "Checkouts can't be reached"
        "Nothing is lost. Try again after 'Retry-After' seconds.",
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too much at once"
        "Try again after 'Retry-After' seconds.",
}

/// An error, on its way to the client.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: Kind,
    pub detail: String,
    members: Vec<(String, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What handlers answer.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A problem with the detail that its page has.
    pub fn new(kind: Kind) -> Self {
        Self { kind, detail: kind.help().into(), members: Vec::new(), headers: Vec::new() }
    }

    /// Says more exactly what is the matter.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.members.push((name.into(), value));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u16) -> Self {
        self.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// A bad value, by its JSON pointer.
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid_all(vec![(pointer.to_owned(), detail.into())])
    }

    /// Bad values, by their JSON pointers.
    pub fn invalid_all(errors: Vec<(String, String)>) -> Self {
        let entry =
            |(pointer, detail): &(String, String)| json!({"pointer": pointer, "detail": detail});
        let detail = errors.first().map(|(pointer, detail)| match pointer.as_str() {
            "" => detail.clone(),
            pointer => format!("{pointer}: {detail}"),
        });
        let entries: Vec<_> = errors.iter().map(entry).collect();
        Self::new(Kind::InvalidRequest)
            .because(detail.unwrap_or_default())
            .with("errors", entries.into())
    }

    /// What the domain refused, as the client is told.
    pub fn refused(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::UnknownSku { skus } => Self::new(Kind::UnknownSku).with("skus", json!(skus)),
            Refusal::OutOfStock { lines } => {
                let lines: Vec<_> = lines.iter().map(short_line).collect();
                Self::new(Kind::OutOfStock).with("lines", lines.into())
            }
            Refusal::PriceChanged { total } => {
                Self::new(Kind::PriceChanged).with("total", json!(total))
            }
            Refusal::NotChargeable { total } => Self::invalid(
                "/lines",
                format!(
                    "the total would be {total}; the payment provider takes {} to {} minor units",
                    total.currency.smallest_charge_minor(),
                    domain::money::LARGEST_CHARGE_MINOR,
                ),
            ),
            Refusal::NoTotal => {
                Self::invalid("/lines", "the lines are priced in more than one currency")
            }
        }
    }
}

/// A line of a stock check.
pub fn short_line(line: &ShortLine) -> Value {
    json!({
        "sku": line.sku, "requested": line.requested, "available": line.available,
        "unit_price": line.unit_price, "status": line.status,
    })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("/problems/{}", self.kind.slug()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
        });
        if let Some(object) = body.as_object_mut() {
            object.extend(self.members);
        }
        let mut response = (self.kind.status(), body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(IsProblem(body));
        response
    }
}

/// Marks a response as a problem, so that the outermost layer can add `instance`.
#[derive(Clone, Debug)]
pub struct IsProblem(pub Value);

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::warn!(%error, "the database");
        match error {
            ReadError::Sql(_) | ReadError::OfAll(_) | ReadError::Silent | ReadError::Unanswered => {
                Self::new(Kind::DatabaseUnavailable).retry_after(2)
            }
            ReadError::Stored(_) => Self::new(Kind::Internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_page_of_its_own() {
        let slugs: std::collections::BTreeSet<_> =
            Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(!kind.help().is_empty());
        }
    }
}
