//! Stripe's test payment methods (Stripe, "Test card numbers", tab "`PaymentMethods`").

use serde_json::{Value, json};

/// What comes of confirming with a payment method.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The money is set aside, or taken.
    Approved,
    /// As approved; the cardholder disputes it once it is captured.
    ApprovedThenDisputed,
    /// The shopper has to approve it with their bank.
    NeedsAction,
    /// Declined: the error object.
    Declined(Value),
}

/// What comes of `payment_method`; none for one that does not exist.
pub fn outcome(payment_method: &str) -> Option<Outcome> {
    let declined = |code: &str, decline_code: &str, message: &str| {
        Outcome::Declined(json!({
            "type": "card_error", "code": code, "decline_code": decline_code, "message": message,
        }))
    };
    let card_declined =
        |decline_code: &str| declined("card_declined", decline_code, "Your card was declined.");
    Some(match payment_method {
        "pm_card_visa" | "pm_card_visa_debit" | "pm_card_mastercard" | "pm_card_amex" => {
            Outcome::Approved
        }
        "pm_card_createDispute" => Outcome::ApprovedThenDisputed,
        "pm_card_authenticationRequired" => Outcome::NeedsAction,
        "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclined" => {
            card_declined("generic_decline")
        }
        "pm_card_chargeDeclinedInsufficientFunds"
        | "pm_card_visa_chargeDeclinedInsufficientFunds" => {
            declined("card_declined", "insufficient_funds", "Your card has insufficient funds.")
        }
        "pm_card_visa_chargeDeclinedLostCard" => card_declined("lost_card"),
        "pm_card_visa_chargeDeclinedStolenCard" => card_declined("stolen_card"),
        "pm_card_chargeDeclinedExpiredCard" => {
            declined("expired_card", "expired_card", "Your card has expired.")
        }
        "pm_card_chargeDeclinedIncorrectCvc" => {
            declined("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
        }
        "pm_card_chargeDeclinedProcessingError" => declined(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
        _ => return None,
    })
}

/// The API's view of a test payment method.
pub fn json(id: &str) -> Option<Value> {
    outcome(id)?;
    Some(json!({
        "id": id, "object": "payment_method", "type": "card", "livemode": false, "created": 0,
        "customer": null, "metadata": {}, "billing_details": {},
        "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
    }))
}
