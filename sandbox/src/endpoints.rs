//! Where events are sent (Stripe, "Webhook Endpoints").

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    events::{new_id, new_secret},
    form::Form,
    intents::Moment,
    metadata,
    objects::Endpoint,
    store::State,
};

/// `POST /v1/webhook_endpoints`. The secret is shown in this answer, and never again.
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Result<Value, ApiError> {
    form.takes_only(&[
        "api_version",
        "connect",
        "description",
        "enabled_events[",
        "metadata[",
        "url",
    ])?;
    let endpoint = Endpoint {
        id: new_id("we"),
        created: at.now,
        url: url(form)?,
        secret: new_secret("whsec"),
        enabled_events: enabled_events(form)?,
        api_version: form.text("api_version").map(str::to_owned),
        description: form.text("description").map(str::to_owned),
        metadata: metadata::read(form)?,
        disabled: false,
    };
    let mut shown = endpoint.json();
    shown["secret"] = endpoint.secret.clone().into();
    state.keep(endpoint);
    Ok(shown)
}

fn url(form: &Form) -> Result<String, ApiError> {
    let url = form.required("url")?;
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(url.to_owned()),
        _ => {
            let message = "Not a valid URL: an http or https address is needed.";
            Err(ApiError::parameter("url_invalid", "url", message))
        }
    }
}

fn enabled_events(form: &Form) -> Result<Vec<String>, ApiError> {
    match form.list("enabled_events") {
        events if events.is_empty() => {
            let message = "Missing required param: enabled_events.";
            Err(ApiError::parameter("parameter_missing", "enabled_events", message))
        }
        events => Ok(events),
    }
}

/// `POST /v1/webhook_endpoints/{id}`
pub fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.takes_only(&["description", "disabled", "enabled_events[", "metadata[", "url"])?;
    let mut endpoint = find(state, id)?.clone();
    if form.has("url") {
        endpoint.url = url(form)?;
    }
    if !form.list("enabled_events").is_empty() {
        endpoint.enabled_events = enabled_events(form)?;
    }
    if form.has("description") {
        endpoint.description = form.text("description").map(str::to_owned);
    }
    endpoint.disabled = form.flag("disabled")?.unwrap_or(endpoint.disabled);
    metadata::merge(&mut endpoint.metadata, form)?;
    let shown = endpoint.json();
    state.keep(endpoint);
    Ok(shown)
}

/// `DELETE /v1/webhook_endpoints/{id}`
pub fn delete(state: &mut State, id: &str) -> Result<Value, ApiError> {
    find(state, id)?;
    state.endpoints.remove(id);
    state.delete("endpoint", id);
    Ok(json!({"id": id, "object": "webhook_endpoint", "deleted": true}))
}

/// The endpoint of this id.
pub fn find<'a>(state: &'a State, id: &str) -> Result<&'a Endpoint, ApiError> {
    let found = state.endpoints.get(id);
    found.ok_or_else(|| ApiError::missing("webhook endpoint", id, "webhook_endpoint"))
}
