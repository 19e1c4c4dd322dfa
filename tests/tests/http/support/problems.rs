//! Problems, as the contract has them.

use serde_json::Value;
use system_tests::Reply;

/// The problems that the tests meet, with their statuses.
pub const PROBLEMS: &[(&str, u16)] = &[
    ("malformed-json", 400),
    ("bad-signature", 400),
    ("missing-secret", 401),
    ("unauthorized", 401),
    ("cross-origin", 403),
    ("forbidden", 403),
    ("checkout-not-found", 404),
    ("unknown-sku", 404),
    ("order-not-found", 404),
    ("webhook-not-found", 404),
    ("not-found", 404),
    ("method-not-allowed", 405),
    ("out-of-stock", 409),
    ("price-changed", 409),
    ("hold-ended", 409),
    ("still-reserving", 409),
    ("too-many-attempts", 409),
    ("already-paid", 409),
    ("stock-below-held-and-sold", 409),
    ("body-too-large", 413),
    ("unsupported-media-type", 415),
    ("invalid-request", 422),
    ("order-id-reused", 422),
    ("adjustment-id-reused", 422),
    ("too-many-holds", 429),
    ("too-many-reports", 429),
];

/// Holds `reply` to what RFC 9457 and the contract say of the problem `slug`.
#[track_caller]
pub fn is_problem(reply: &Reply, slug: &str) {
    let (_, status) = PROBLEMS.iter().find(|(known, _)| *known == slug).expect("a known problem");
    assert_eq!((reply.status.as_u16(), reply.problem()), (*status, slug), "{}", reply.body);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.body["status"], *status);
    for member in ["title", "detail"] {
        let text = reply.body[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "no {member} in {}", reply.body);
    }
    let instance = reply.body["instance"].as_str().unwrap_or_default();
    assert!(instance.starts_with('/'), "no instance in {}", reply.body);
    assert!(!reply.header("x-request-id").is_empty(), "a problem without X-Request-Id");
}

/// Where the errors of a 422 point to.
#[track_caller]
pub fn pointers(reply: &Reply) -> Vec<&str> {
    is_problem(reply, "invalid-request");
    let errors = reply.body["errors"].as_array().expect("a 422 has errors");
    let detailed = |error: &Value| error["detail"].as_str().is_some_and(|text| !text.is_empty());
    assert!(errors.iter().all(detailed), "an error without detail: {}", reply.body);
    errors.iter().map(|error| error["pointer"].as_str().expect("an error has a pointer")).collect()
}
