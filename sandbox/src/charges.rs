//! Changing what is said of a charge (Stripe, "Update a charge").

use serde_json::json;

use crate::{
    error::ApiError, events::emit_change, form::Form, intents::Moment, metadata, objects::Charge,
    store::State,
};

/// `POST /v1/charges/{id}`
pub fn update(
    state: &mut State,
    id: &str,
    form: &Form,
    at: &Moment<'_>,
) -> Result<Charge, ApiError> {
    form.takes_only(&["description", "metadata["])?;
    let found = state.charges.get(id).cloned();
    let mut charge = found.ok_or_else(|| ApiError::missing("charge", id, "id"))?;
    let previous = json!({"description": charge.description, "metadata": charge.metadata});
    if form.has("description") {
        charge.description = form.text("description").map(str::to_owned);
    }
    metadata::merge(&mut charge.metadata, form)?;
    state.keep(charge.clone());
    emit_change(state, at, "charge.updated", charge.json(), Some(previous));
    Ok(charge)
}
