//! What comes in over HTTP, part by part, held to what the contract says of it: what is taken is
//! what a plainly written check takes and survives being written and read again; what is refused
//! is refused with a problem that points at the place.

mod bodies;
mod json;
mod lists;
mod requests;
mod signatures;

use axum::response::IntoResponse;
use fuzz::{Verdict, hold};
use serde_json::Value;

use crate::problem::{IsProblem, Problem};

/// Holds `target`, which reads text; what is no UTF-8 does not get as far.
fn hold_text(target: &str, check: impl Fn(&str) -> Verdict) {
    hold(target, |input| match std::str::from_utf8(input) {
        Ok(text) => check(text),
        Err(_) => Verdict::refused("no text"),
    });
}

/// The verdict of a refusal that is one: of the client's making, in full, and with a pointer to
/// each bad value in `body`, or to what is missing there.
fn refused(problem: Problem, body: Option<&Value>) -> Verdict {
    let why = problem.detail.clone();
    let response = problem.into_response();
    let status = response.status();
    assert!(status.is_client_error(), "{status}: {why}");
    let IsProblem(document) = response.extensions().get::<IsProblem>().unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(document["status"], status.as_u16());
    for member in ["type", "title", "detail"] {
        assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}");
    }
    if status == 422 {
        let errors = document["errors"].as_array().unwrap();
        assert!(!errors.is_empty(), "it points nowhere");
        for error in errors {
            let pointer = error["pointer"].as_str().unwrap();
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
            assert!(body.is_none_or(|body| leads_somewhere(pointer, body)), "{pointer} is nowhere");
        }
    }
    Verdict::refused(document["detail"].as_str().unwrap())
}

/// Whether a JSON pointer (RFC 6901) leads to a member, or to where one should be.
fn leads_somewhere(pointer: &str, body: &Value) -> bool {
    let parent = pointer.rsplit_once('/').map(|(parent, _)| parent);
    body.pointer(pointer).is_some()
        || parent.and_then(|parent| body.pointer(parent)).is_some_and(Value::is_object)
}
