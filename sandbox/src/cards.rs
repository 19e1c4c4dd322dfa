//! Stripe's test payment methods (Stripe, "Test card numbers", tab "`PaymentMethods`").

use serde_json::{Value, json};

/// A test payment method.
#[derive(Debug)]
pub struct Card {
    pub id: &'static str,
    pub brand: &'static str,
    pub last4: &'static str,
    pub funding: &'static str,
    pub outcome: Outcome,
}

/// What comes of confirming with a payment method.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The money is set aside, or taken.
    Approved,
    /// As approved; the cardholder disputes it once it is captured.
    ApprovedThenDisputed,
    /// The shopper has to approve it with their bank.
    NeedsAction,
    /// As that, and then the card is declined all the same.
    NeedsActionThenDeclined(Decline),
    /// Declined at once.
    Declined(Decline),
}

/// Why a card is declined (Stripe, "Card decline codes"): the error's code, the bank's, and what
/// the shopper is told.
#[derive(Clone, Copy, Debug)]
pub struct Decline {
    pub code: &'static str,
    pub bank_code: &'static str,
    pub message: &'static str,
}

impl Decline {
    const fn card(bank_code: &'static str, message: &'static str) -> Self {
        Self { code: "card_declined", bank_code, message }
    }

    const fn itself(code: &'static str, message: &'static str) -> Self {
        Self { code, bank_code: code, message }
    }

    /// The error object.
    pub fn error(&self) -> Value {
        json!({
            "type": "card_error", "code": self.code, "decline_code": self.bank_code,
            "message": self.message,
        })
    }
}

const DECLINED: &str = "Your card was declined.";
const INSUFFICIENT_FUNDS: Decline =
    Decline::card("insufficient_funds", "Your card has insufficient funds.");
/// What comes of a card that needs the shopper when the shopper is not there.
pub const AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    bank_code: "authentication_required",
    message: "Your card was declined. This transaction requires authentication.",
};

const fn visa(id: &'static str, last4: &'static str, outcome: Outcome) -> Card {
    Card { id, brand: "visa", last4, funding: "credit", outcome }
}

const fn declined(id: &'static str, last4: &'static str, decline: Decline) -> Card {
    visa(id, last4, Outcome::Declined(decline))
}

const CARDS: &[Card] = &[
    visa("pm_card_visa", "4242", Outcome::Approved),
    Card { funding: "debit", ..visa("pm_card_visa_debit", "5556", Outcome::Approved) },
    Card { brand: "mastercard", ..visa("pm_card_mastercard", "4444", Outcome::Approved) },
    Card { brand: "amex", ..visa("pm_card_amex", "8431", Outcome::Approved) },
    Card { brand: "discover", ..visa("pm_card_discover", "1117", Outcome::Approved) },
    visa("pm_card_createDispute", "0259", Outcome::ApprovedThenDisputed),
    visa("pm_card_authenticationRequired", "3184", Outcome::NeedsAction),
    visa("pm_card_threeDSecure2Required", "3220", Outcome::NeedsAction),
    visa(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "3178",
        Outcome::NeedsActionThenDeclined(INSUFFICIENT_FUNDS),
    ),
    declined("pm_card_chargeDeclined", "0002", Decline::card("generic_decline", DECLINED)),
    declined("pm_card_visa_chargeDeclined", "0002", Decline::card("generic_decline", DECLINED)),
    declined("pm_card_chargeDeclinedInsufficientFunds", "9995", INSUFFICIENT_FUNDS),
    declined("pm_card_visa_chargeDeclinedInsufficientFunds", "9995", INSUFFICIENT_FUNDS),
    declined("pm_card_visa_chargeDeclinedLostCard", "9987", Decline::card("lost_card", DECLINED)),
    declined(
        "pm_card_visa_chargeDeclinedStolenCard",
        "9979",
        Decline::card("stolen_card", DECLINED),
    ),
    declined(
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "6975",
        Decline::card("card_velocity_exceeded", DECLINED),
    ),
    declined("pm_card_radarBlock", "0019", Decline::card("fraudulent", DECLINED)),
    declined(
        "pm_card_chargeDeclinedExpiredCard",
        "0069",
        Decline::itself("expired_card", "Your card has expired."),
    ),
    declined(
        "pm_card_chargeDeclinedIncorrectCvc",
        "0127",
        Decline::itself("incorrect_cvc", "Your card's security code is incorrect."),
    ),
    declined(
        "pm_card_chargeDeclinedProcessingError",
        "0119",
        Decline::itself(
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
];

/// The payment method of this id, if there is one.
pub fn find(id: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.id == id)
}

impl Card {
    /// The API's view of it (Stripe, "The `PaymentMethod` object").
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_method", "type": "card", "livemode": false,
            "created": 1_700_000_000, "allow_redisplay": "unspecified", "customer": null,
            "customer_account": null, "metadata": {}, "billing_details": billing_details(),
            "card": {
                "brand": self.brand, "display_brand": self.brand, "last4": self.last4,
                "checks": checks(), "country": "US", "exp_month": 12, "exp_year": 2034,
                "fingerprint": format!("sandbox{}", self.last4), "funding": self.funding,
                "generated_from": null, "regulated_status": "unregulated", "wallet": null,
                "networks": {"available": [self.brand], "preferred": null},
                "three_d_secure_usage": {"supported": true},
            },
        })
    }
}

/// Whose card it is: nobody said.
pub fn billing_details() -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null,
            "state": null,
        },
        "email": null, "name": null, "phone": null, "tax_id": null,
    })
}

/// What the bank says of address and security code.
pub fn checks() -> Value {
    json!({
        "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
    })
}
