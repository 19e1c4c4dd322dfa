//! Payments: create and update (Stripe, "The Payment Intents API" and "How `PaymentIntents`
//! work").

use serde_json::{Value, json};

use crate::{
    Sandbox,
    confirm::{self, Attempt},
    currencies::{amount, currency},
    error::ApiError,
    events::{emit, new_id, now},
    faults::BankTimes,
    form::Form,
    metadata,
    objects::{CaptureMethod, Intent, Status},
    payment_methods::named_or_made,
    store::State,
};

/// The moment and the request that a change belongs to.
pub struct Moment<'a> {
    pub now: i64,
    /// The id of the request.
    pub request: Option<&'a str>,
    /// Its idempotency key.
    pub key: Option<&'a str>,
    pub public_url: &'a str,
    pub bank: BankTimes,
}

impl Sandbox {
    /// This moment, and the request and the key that what happens now belongs to.
    pub(crate) fn moment<'a>(
        &'a self,
        request: Option<&'a str>,
        key: Option<&'a str>,
    ) -> Moment<'a> {
        let bank = self.faults.get().bank_times();
        Moment { now: now(), request, key, public_url: &self.public_url, bank }
    }
}

pub type Answer = Result<Intent, ApiError>;

/// Parameters that are kept only to be shown again.
const SHOWN_AGAIN: [&str; 4] =
    ["setup_future_usage", "statement_descriptor", "statement_descriptor_suffix", "transfer_group"];

/// What `shipping` consists of. What is deeper than that nobody could read from the disk again.
pub const SHIPPING: [&str; 11] = [
    "shipping",
    "shipping[address][city]",
    "shipping[address][country]",
    "shipping[address][line1]",
    "shipping[address][line2]",
    "shipping[address][postal_code]",
    "shipping[address][state]",
    "shipping[carrier]",
    "shipping[name]",
    "shipping[phone]",
    "shipping[tracking_number]",
];

/// `POST /v1/payment_intents`
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Answer {
    let known = [
        "amount",
        "automatic_payment_methods[",
        "capture_method",
        "confirm",
        "confirmation_method",
        "currency",
        "customer",
        "description",
        "error_on_requires_action",
        "metadata[",
        "off_session",
        "payment_method",
        "payment_method_data[",
        "payment_method_options[",
        "payment_method_types[",
        "receipt_email",
        "return_url",
        "setup_future_usage",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
        "use_stripe_sdk",
    ];
    form.takes_only(&[&known[..], &SHIPPING].concat())?;
    no_customer(form)?;
    form.choice("confirmation_method", &["automatic"])?;
    let confirm_now = form.flag("confirm")?.unwrap_or_default();
    let attempt = Attempt::read(form)?;
    let mut intent = read_new(form, at)?;
    take_method(state, &mut intent, form, at)?;
    if confirm_now && intent.payment_method.is_none() {
        form.required("payment_method")?;
    }
    state.keep(intent.clone());
    emit(state, at, "payment_intent.created", intent.json());
    if confirm_now { confirm::attempt(state, intent, attempt, at) } else { Ok(intent) }
}

fn read_new(form: &Form, at: &Moment<'_>) -> Answer {
    let id = new_id("pi");
    let currency = currency(form)?;
    let mut intent = Intent {
        client_secret: format!("{id}_secret_{}", &new_id("x")[2..]),
        id,
        created: at.now,
        amount: amount(form, &currency)?,
        currency,
        capture_method: capture_method(form)?.unwrap_or(CaptureMethod::AutomaticAsync),
        status: Status::RequiresPaymentMethod,
        payment_method: None,
        payment_method_types: payment_method_types(form)?,
        automatic_payment_methods: automatic_payment_methods(form)?,
        metadata: metadata::read(form)?,
        description: form.text("description").map(str::to_owned),
        receipt_email: form.text("receipt_email").map(str::to_owned),
        return_url: form.text("return_url").map(str::to_owned),
        captured: 0,
        latest_charge: None,
        last_payment_error: None,
        canceled_at: None,
        cancellation_reason: None,
        next_action_url: None,
        decided_ms: None,
        capture_before: None,
        shown_again: serde_json::Map::new(),
    };
    show_again(&mut intent, form);
    Ok(intent)
}

/// The sandbox has no customers.
fn no_customer(form: &Form) -> Result<(), ApiError> {
    match form.text("customer") {
        Some(customer) => Err(ApiError::missing("customer", customer, "customer")),
        None => Ok(()),
    }
}

pub fn capture_method(form: &Form) -> Result<Option<CaptureMethod>, ApiError> {
    let given = form.choice("capture_method", &["automatic", "automatic_async", "manual"])?;
    Ok(given.map(|given| match given {
        "manual" => CaptureMethod::Manual,
        "automatic" => CaptureMethod::Automatic,
        _ => CaptureMethod::AutomaticAsync,
    }))
}

fn payment_method_types(form: &Form) -> Result<Vec<String>, ApiError> {
    let types = form.list("payment_method_types");
    match types.iter().find(|kind| *kind != "card") {
        Some(other) => {
            let message = format!(
                "The payment method type provided: {other} is invalid. The sandbox knows cards."
            );
            Err(ApiError::invalid("payment_method_types", message))
        }
        None if types.is_empty() => Ok(vec!["card".into()]),
        None => Ok(types),
    }
}

/// Who names no types leaves the choice to Stripe, and the choice here is cards.
fn automatic_payment_methods(form: &Form) -> Result<Option<Value>, ApiError> {
    let named = !form.list("payment_method_types").is_empty();
    let enabled = form.flag("automatic_payment_methods[enabled]")?.unwrap_or(!named);
    let redirects = "automatic_payment_methods[allow_redirects]";
    let redirects = form.choice(redirects, &["always", "never"])?.unwrap_or("always");
    Ok(enabled.then(|| json!({"allow_redirects": redirects, "enabled": true})))
}

/// Keeps the payment method that the request names or brings, if it does.
pub fn take_method(
    state: &mut State,
    intent: &mut Intent,
    form: &Form,
    at: &Moment<'_>,
) -> Result<(), ApiError> {
    if let Some(method) = named_or_made(state, form, &intent.id, at)? {
        intent.payment_method = Some(method.id);
        if intent.status.is_before_charge() {
            intent.status = Status::RequiresConfirmation;
            intent.next_action_url = None;
        }
    }
    Ok(())
}

fn show_again(intent: &mut Intent, form: &Form) {
    let texts = SHOWN_AGAIN
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::from(form.text(name)?))));
    intent.shown_again.extend(texts);
    if let Some(shipping) = form.tree("shipping") {
        intent.shown_again.insert("shipping".to_owned(), shipping);
    }
}

/// `POST /v1/payment_intents/{id}`
pub fn update(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    let known = [
        "amount",
        "capture_method",
        "currency",
        "customer",
        "description",
        "metadata[",
        "payment_method",
        "payment_method_data[",
        "payment_method_options[",
        "payment_method_types[",
        "receipt_email",
        "setup_future_usage",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
    ];
    form.takes_only(&[&known[..], &SHIPPING].concat())?;
    no_customer(form)?;
    let mut intent = find(state, id, "intent")?;
    update_charge(state, &mut intent, form, at)?;
    metadata::merge(&mut intent.metadata, form)?;
    for (name, member) in
        [("description", &mut intent.description), ("receipt_email", &mut intent.receipt_email)]
    {
        if form.has(name) {
            *member = form.text(name).map(str::to_owned);
        }
    }
    show_again(&mut intent, form);
    state.keep(intent.clone());
    Ok(intent)
}

/// Changes what the charge will be, while there is none.
fn update_charge(
    state: &mut State,
    intent: &mut Intent,
    form: &Form,
    at: &Moment<'_>,
) -> Result<(), ApiError> {
    let of_charge = [
        "amount",
        "currency",
        "capture_method",
        "payment_method",
        "payment_method_data",
        "payment_method_types",
    ];
    let Some(name) = of_charge.iter().find(|name| form.names(name)) else {
        return Ok(());
    };
    if !intent.status.is_before_charge() {
        let message = format!(
            "This PaymentIntent's {name} could not be updated because it has a status of {}. You \
             may only update the {name} of a PaymentIntent with one of the following statuses: \
             requires_payment_method, requires_confirmation, requires_action.",
            intent.status.as_str()
        );
        return Err(ApiError::unexpected_state(message, intent.json()));
    }
    if form.has("currency") {
        intent.currency = currency(form)?;
    }
    if form.has("amount") {
        intent.amount = amount(form, &intent.currency)?;
    }
    intent.capture_method = capture_method(form)?.unwrap_or(intent.capture_method);
    if !form.list("payment_method_types").is_empty() {
        intent.payment_method_types = payment_method_types(form)?;
    }
    take_method(state, intent, form, at)
}

/// The intent of this id; `param` says where the id was given.
pub fn find(state: &State, id: &str, param: &str) -> Answer {
    let found = state.intents.get(id).cloned();
    found.ok_or_else(|| ApiError::missing("payment_intent", id, param))
}
