//! Which path does what.

use axum::http::Method;
use serde_json::Value;

use crate::{
    capture, charges, confirm, disputes, endpoints,
    error::ApiError,
    expand,
    form::Form,
    intents::{self, Moment},
    lists::{Source, is},
    objects::{Charge, Dispute, Endpoint, Event, Intent, PaymentMethod, Refund},
    payment_methods, refunds, search,
    store::State,
};

/// One request to the API.
pub struct Request {
    pub method: Method,
    /// From `/v1/` on.
    pub path: String,
    pub form: Form,
}

impl Request {
    fn steps(&self) -> Vec<&str> {
        self.path.trim_start_matches("/v1/").split('/').collect()
    }

    fn is_unknown(&self) -> ApiError {
        ApiError::unknown_path(self.method.as_str(), &self.path)
    }

    /// Refuses what can't be right whatever there is.
    fn check(&self) -> Result<(), ApiError> {
        let steps = self.steps();
        if steps.contains(&"") {
            return Err(self.is_unknown());
        }
        let kind = steps[0].trim_end_matches('s');
        let is_list = self.method == Method::GET && matches!(steps[..], [_] | [_, "search"]);
        expand::check(&self.form, kind, is_list)
    }
}

/// Does what a request asks for.
pub fn perform(state: &mut State, request: &Request, at: &Moment<'_>) -> Result<Value, ApiError> {
    request.check()?;
    let answer = if request.method == Method::POST {
        change(state, request, at)
    } else {
        remove(state, request)
    };
    answer.map(|answer| expand::expanded(state, &request.form, answer))
}

fn change(state: &mut State, request: &Request, at: &Moment<'_>) -> Result<Value, ApiError> {
    let form = &request.form;
    match request.steps()[..] {
        ["payment_intents", ..] => change_intent(state, request, at).map(|intent| intent.json()),
        ["payment_methods"] => payment_methods::create(state, form, at).map(|method| method.json()),
        ["payment_methods", id] => {
            payment_methods::update(state, id, form, at).map(|method| method.json())
        }
        ["charges", id] => charges::update(state, id, form, at).map(|charge| charge.json()),
        ["refunds"] => refunds::create(state, form, at).map(|refund| refund.json()),
        ["refunds", id] => refunds::update(state, id, form, at).map(|refund| refund.json()),
        ["refunds", id, "cancel"] => refunds::cancel(state, id, form).map(|refund| refund.json()),
        ["disputes", id] => disputes::update(state, id, form, at).map(|dispute| dispute.json()),
        ["disputes", id, "close"] => {
            disputes::close(state, id, form, at).map(|dispute| dispute.json())
        }
        ["webhook_endpoints"] => endpoints::create(state, form, at),
        ["webhook_endpoints", id] => endpoints::update(state, id, form),
        _ => Err(request.is_unknown()),
    }
}

fn change_intent(
    state: &mut State,
    request: &Request,
    at: &Moment<'_>,
) -> Result<Intent, ApiError> {
    let form = &request.form;
    match request.steps()[1..] {
        [] => intents::create(state, form, at),
        [id] => intents::update(state, id, form, at),
        [id, "confirm"] => confirm::confirm(state, id, form, at),
        [id, "capture"] => capture::capture(state, id, form, at),
        [id, "cancel"] => capture::cancel(state, id, form, at),
        _ => Err(request.is_unknown()),
    }
}

fn remove(state: &mut State, request: &Request) -> Result<Value, ApiError> {
    match request.steps()[..] {
        ["webhook_endpoints", id] if request.method == Method::DELETE => {
            endpoints::delete(state, id)
        }
        _ => Err(request.is_unknown()),
    }
}

/// Answers a request that changes nothing.
pub fn look(state: &State, request: &Request) -> Result<Value, ApiError> {
    request.check()?;
    let answer = match request.steps()[..] {
        [_] => list(state, request)?,
        ["payment_intents", "search"] => search::payment_intents(state, &request.form)?,
        [_, "search"] => return Err(request.is_unknown()),
        [_, id] => retrieve(state, request, id)?,
        _ => return Err(request.is_unknown()),
    };
    Ok(expand::expanded(state, &request.form, answer))
}

fn retrieve(state: &State, request: &Request, id: &str) -> Result<Value, ApiError> {
    let steps = request.steps();
    let known: &[&str] = if steps[0] == "payment_intents" { &["client_secret"] } else { &[] };
    let (found, kind, param) = match steps[0] {
        "payment_intents" => (state.intents.get(id).map(Intent::json), "payment_intent", "intent"),
        "charges" => (state.charges.get(id).map(Charge::json), "charge", "id"),
        "refunds" => (state.refunds.get(id).map(Refund::json), "refund", "id"),
        "disputes" => (state.disputes.get(id).map(Dispute::json), "dispute", "dispute"),
        "payment_methods" => {
            let method = payment_methods::find(state, id).ok();
            (method.map(|method| method.json()), "PaymentMethod", "payment_method")
        }
        "events" => {
            let event = state.events.get(id);
            (event.map(|event| event.json(state.outbox.pending(id))), "event", "id")
        }
        "webhook_endpoints" => return endpoints::find(state, id).map(Endpoint::json),
        _ => return Err(request.is_unknown()),
    };
    request.form.takes_only(known)?;
    found.ok_or_else(|| ApiError::missing(kind, id, param))
}

fn list(state: &State, request: &Request) -> Result<Value, ApiError> {
    let form = &request.form;
    match request.steps()[0] {
        "payment_intents" => list_intents(state, form),
        "payment_methods" => list_payment_methods(state, form),
        "charges" => list_charges(state, form),
        "refunds" => list_refunds(state, form),
        "disputes" => list_disputes(state, form),
        "events" => list_events(state, form),
        "webhook_endpoints" => list_endpoints(state, form),
        _ => Err(request.is_unknown()),
    }
}

fn list_intents(state: &State, form: &Form) -> Result<Value, ApiError> {
    let source = Source {
        kind: "payment_intent",
        url: "/v1/payment_intents",
        table: &state.intents,
        filters: &["customer"],
    };
    // No payment is of a customer: the sandbox has none.
    source.page(form, |_| !form.has("customer"), Intent::json)
}

fn list_payment_methods(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.choice("type", &["card"])?;
    let source = Source {
        kind: "PaymentMethod",
        url: "/v1/payment_methods",
        table: &state.payment_methods,
        filters: &["allow_redisplay", "customer", "type"],
    };
    let fits = |method: &PaymentMethod| {
        !form.has("customer") && is(form, "allow_redisplay", &method.allow_redisplay)
    };
    source.page(form, fits, PaymentMethod::json)
}

fn list_charges(state: &State, form: &Form) -> Result<Value, ApiError> {
    let source = Source {
        kind: "charge",
        url: "/v1/charges",
        table: &state.charges,
        filters: &["customer", "payment_intent"],
    };
    let fits = |charge: &Charge| {
        !form.has("customer") && is(form, "payment_intent", &charge.payment_intent)
    };
    source.page(form, fits, Charge::json)
}

fn list_refunds(state: &State, form: &Form) -> Result<Value, ApiError> {
    let source = Source {
        kind: "refund",
        url: "/v1/refunds",
        table: &state.refunds,
        filters: &["charge", "payment_intent"],
    };
    let fits = |refund: &Refund| {
        is(form, "charge", &refund.charge) && is(form, "payment_intent", &refund.payment_intent)
    };
    source.page(form, fits, Refund::json)
}

fn list_disputes(state: &State, form: &Form) -> Result<Value, ApiError> {
    let source = Source {
        kind: "dispute",
        url: "/v1/disputes",
        table: &state.disputes,
        filters: &["charge", "payment_intent"],
    };
    let fits = |dispute: &Dispute| {
        is(form, "charge", &dispute.charge) && is(form, "payment_intent", &dispute.payment_intent)
    };
    source.page(form, fits, Dispute::json)
}

fn list_endpoints(state: &State, form: &Form) -> Result<Value, ApiError> {
    let source = Source {
        kind: "webhook endpoint",
        url: "/v1/webhook_endpoints",
        table: &state.endpoints,
        filters: &[],
    };
    source.page(form, |_| true, Endpoint::json)
}

fn list_events(state: &State, form: &Form) -> Result<Value, ApiError> {
    let types = form.list("types");
    let delivered = form.flag("delivery_success")?;
    let pending = |id: &str| state.outbox.pending(id);
    let fits = |event: &Event| {
        is_kind(form.text("type"), &event.kind)
            && (types.is_empty() || types.contains(&event.kind))
            && delivered.is_none_or(|delivered| delivered == (pending(&event.id) == 0))
    };
    let source = Source {
        kind: "event",
        url: "/v1/events",
        table: &state.events,
        filters: &["delivery_success", "type", "types["],
    };
    source.page(form, fits, |event| event.json(pending(&event.id)))
}

/// Whether an event is of a kind, or of a group of kinds: `charge.*`.
fn is_kind(wanted: Option<&str>, kind: &str) -> bool {
    wanted.is_none_or(|wanted| match wanted.strip_suffix('*') {
        Some(group) => kind.starts_with(group),
        None => kind == wanted,
    })
}
