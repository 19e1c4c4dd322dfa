//! What shoppers pay with (Stripe, "Payment Methods").

use serde_json::Value;

use crate::{
    card_entry,
    error::ApiError,
    events::{emit, new_id},
    form::Form,
    intents::Moment,
    metadata,
    objects::PaymentMethod,
    store::State,
};

/// What `billing_details` consist of.
const BILLING_DETAILS: [&str; 10] = [
    "billing_details[address][city]",
    "billing_details[address][country]",
    "billing_details[address][line1]",
    "billing_details[address][line2]",
    "billing_details[address][postal_code]",
    "billing_details[address][state]",
    "billing_details[email]",
    "billing_details[name]",
    "billing_details[phone]",
    "billing_details[tax_id]",
];
const REDISPLAY: [&str; 3] = ["always", "limited", "unspecified"];

/// `POST /v1/payment_methods`
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Result<PaymentMethod, ApiError> {
    let known = [
        "allow_redisplay",
        "card[cvc]",
        "card[exp_month]",
        "card[exp_year]",
        "card[networks][preferred]",
        "card[number]",
        "card[token]",
        "metadata[",
        "type",
    ];
    form.takes_only(&[&known[..], &BILLING_DETAILS].concat())?;
    form.required("type")?;
    form.choice("type", &["card"])?;
    let entry = card_entry::read(form, at.now)?;
    let redisplay = form.choice("allow_redisplay", &REDISPLAY)?;
    let method = PaymentMethod {
        id: new_id("pm"),
        created: at.now,
        card: entry.card.id.to_owned(),
        exp_month: entry.exp_month,
        exp_year: entry.exp_year,
        has_cvc: entry.has_cvc,
        billing_details: billing_details(form)?.unwrap_or_default(),
        allow_redisplay: redisplay.unwrap_or("unspecified").to_owned(),
        metadata: metadata::read(form)?,
        used_for: None,
    };
    state.keep(method.clone());
    Ok(method)
}

fn billing_details(form: &Form) -> Result<Option<Value>, ApiError> {
    if let Some(email) = form.text("billing_details[email]").filter(|email| !email.contains('@')) {
        let message = format!("Invalid email address: {email}");
        return Err(ApiError::parameter("email_invalid", "billing_details[email]", message));
    }
    Ok(form.tree("billing_details"))
}

/// `POST /v1/payment_methods/{id}`
pub fn update(
    state: &mut State,
    id: &str,
    form: &Form,
    at: &Moment<'_>,
) -> Result<PaymentMethod, ApiError> {
    let known = ["allow_redisplay", "card[exp_month]", "card[exp_year]", "metadata["];
    form.takes_only(&[&known[..], &BILLING_DETAILS].concat())?;
    let mut method = find(state, id)?;
    if method.is_built_in() {
        let message = format!("The test payment method {id} is shared and can't be changed.");
        return Err(ApiError::invalid("payment_method", message));
    }
    if form.has("card[exp_month]") || form.has("card[exp_year]") {
        form.required("card[exp_month]")?;
        form.required("card[exp_year]")?;
        (method.exp_month, method.exp_year) = card_entry::expiry(form, at.now)?;
    }
    if let Some(redisplay) = form.choice("allow_redisplay", &REDISPLAY)? {
        redisplay.clone_into(&mut method.allow_redisplay);
    }
    if let Some(details) = billing_details(form)? {
        merge(&mut method.billing_details, details);
    }
    metadata::merge(&mut method.metadata, form)?;
    state.keep(method.clone());
    emit(state, at, "payment_method.updated", method.json());
    Ok(method)
}

/// Changes the members that are given, and leaves the others.
fn merge(known: &mut Value, given: Value) {
    match given {
        Value::Object(members) => {
            for (name, value) in members {
                merge(&mut known[name], value);
            }
        }
        Value::String(text) if text.is_empty() => *known = Value::Null,
        given => *known = given,
    }
}

/// The payment method of this id.
pub fn find(state: &State, id: &str) -> Result<PaymentMethod, ApiError> {
    let built_in = || PaymentMethod::built_in(id);
    let found = state.payment_methods.get(id).cloned().or_else(built_in);
    found.ok_or_else(|| ApiError::missing("PaymentMethod", id, "payment_method"))
}

/// The payment method of this id, if it may pay for `intent`: one that no customer keeps pays
/// once.
pub fn find_for(state: &State, id: &str, intent: &str) -> Result<PaymentMethod, ApiError> {
    let method = find(state, id)?;
    if method.used_for.as_ref().is_some_and(|used_for| used_for != intent) {
        let message = "The provided PaymentMethod was previously used with a PaymentIntent \
            without Customer attachment, shared with a connected account without Customer \
            attachment, or was detached from a Customer. It may not be used again. To use a \
            PaymentMethod multiple times, you must attach it to a Customer first.";
        return Err(ApiError::invalid("payment_method", message));
    }
    Ok(method)
}

/// Marks a payment method as used for `intent`.
pub fn mark_used(state: &mut State, mut method: PaymentMethod, intent: &str) {
    if !method.is_built_in() && method.used_for.is_none() {
        method.used_for = Some(intent.to_owned());
        state.keep(method);
    }
}

/// The parameter `payment_method` or `payment_method_data`: the method that it names or makes.
pub fn named_or_made(
    state: &mut State,
    form: &Form,
    intent: &str,
    at: &Moment<'_>,
) -> Result<Option<PaymentMethod>, ApiError> {
    if let Some(id) = form.text("payment_method") {
        return find_for(state, id, intent).map(Some);
    }
    let data = form.within("payment_method_data");
    if data.is_empty() { Ok(None) } else { create(state, &data, at).map(Some) }
}
