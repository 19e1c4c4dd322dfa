//! Objects in full where a client asks for that (Stripe, "Expanding responses").

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    form::Form,
    objects::{Charge, Intent, Refund},
    payment_methods,
    store::State,
};

/// How deep an object can be expanded.
const DEEPEST: usize = 4;

/// What a field leads to.
#[derive(Clone, Copy)]
enum Target {
    One(&'static str),
    Refunds,
    /// Something that the sandbox does not have: the field is always null.
    Nothing,
}

/// Refuses what can't be expanded, before anything is done.
pub fn check(form: &Form, kind: &str, is_list: bool) -> Result<(), ApiError> {
    for path in form.list("expand") {
        let inside = if is_list { path.strip_prefix("data.") } else { Some(path.as_str()) };
        let steps: Vec<_> = inside.unwrap_or_default().split('.').collect();
        if steps.len() > DEEPEST || !leads_somewhere(kind, &steps) {
            let message = format!(
                "This property cannot be expanded ({path}). See \
                 https://stripe.com/docs/api/expanding_objects."
            );
            return Err(ApiError::invalid("expand", message));
        }
    }
    Ok(())
}

fn leads_somewhere(kind: &str, steps: &[&str]) -> bool {
    let Some((first, rest)) = steps.split_first() else {
        return true;
    };
    match (target(kind, first), rest) {
        (None, _) => false,
        (Some(_), []) | (Some(Target::Nothing), _) => true,
        (Some(Target::One(kind)), rest) => leads_somewhere(kind, rest),
        (Some(Target::Refunds), rest) => rest[0] == "data" && leads_somewhere("refund", &rest[1..]),
    }
}

fn target(kind: &str, field: &str) -> Option<Target> {
    Some(match (kind, field) {
        ("payment_intent", "latest_charge") | ("refund" | "dispute", "charge") => {
            Target::One("charge")
        }
        ("payment_intent", "payment_method") => Target::One("payment_method"),
        ("charge" | "refund" | "dispute", "payment_intent") => Target::One("payment_intent"),
        ("charge", "refunds") => Target::Refunds,
        (
            "payment_intent" | "charge" | "refund" | "payment_method",
            "customer"
            | "application"
            | "on_behalf_of"
            | "review"
            | "source"
            | "application_fee"
            | "balance_transaction"
            | "failure_balance_transaction"
            | "source_transfer"
            | "source_transfer_reversal"
            | "transfer"
            | "transfer_reversal",
        ) => Target::Nothing,
        _ => return None,
    })
}

/// The answer with everything expanded that the client asked for.
pub fn expanded(state: &State, form: &Form, mut answer: Value) -> Value {
    for path in form.list("expand") {
        let steps: Vec<_> = path.split('.').collect();
        expand(state, &mut answer, &steps);
    }
    answer
}

fn expand(state: &State, value: &mut Value, steps: &[&str]) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    if let Some(items) = value.get_mut("data").and_then(Value::as_array_mut) {
        for item in items {
            expand(state, item, rest);
        }
        return;
    }
    if value["object"] == "charge" && *first == "refunds" && value["refunds"].is_null() {
        value["refunds"] = refunds_of(state, value["id"].as_str().unwrap_or_default());
    }
    let field = &mut value[*first];
    if let Some(object) = field.as_str().and_then(|id| object(state, id)) {
        *field = object;
    }
    if !field.is_null() {
        expand(state, field, rest);
    }
}

/// The object of this id, whatever it is.
fn object(state: &State, id: &str) -> Option<Value> {
    match id.split('_').next()? {
        "pi" => state.intents.get(id).map(Intent::json),
        "ch" => state.charges.get(id).map(Charge::json),
        "pm" => payment_methods::find(state, id).ok().map(|method| method.json()),
        _ => None,
    }
}

fn refunds_of(state: &State, charge: &str) -> Value {
    let refunds = state.refunds.values().rev().filter(|refund| refund.charge == charge);
    let data: Vec<_> = refunds.map(Refund::json).collect();
    let url = format!("/v1/charges/{charge}/refunds");
    json!({"object": "list", "url": url, "has_more": false, "data": data})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_expandable(path: &str, is_list: bool) -> bool {
        let form = Form::parse(format!("expand[]={path}").as_bytes());
        check(&form, "payment_intent", is_list).is_ok()
    }

    #[test]
    fn what_can_be_expanded_is_known_before_anything_is_done() {
        assert!(is_expandable("latest_charge", false));
        assert!(is_expandable("latest_charge.refunds.data.charge", false));
        assert!(is_expandable("latest_charge.balance_transaction", false));
        assert!(is_expandable("data.payment_method", true));
        assert!(!is_expandable("payment_method", true) && !is_expandable("amount", false));
        assert!(!is_expandable("latest_charge.latest_charge", false));
    }
}
