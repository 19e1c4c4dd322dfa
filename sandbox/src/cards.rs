//! Stripe's test payment methods (Stripe, "Test card numbers", tab "`PaymentMethods`").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A test card, by the payment method that stands for it.
#[derive(Debug)]
pub struct Card {
    pub id: &'static str,
    pub brand: &'static str,
    /// Stripe's number of it, which is nobody's: what clients send is compared with it and
    /// dropped.
    number: &'static str,
    pub funding: &'static str,
    pub outcome: Outcome,
    pub refunds: Refunds,
}

/// What becomes of the refunds of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunds {
    Succeed,
    /// They are pending at first, and succeed later.
    Pending,
    /// They succeed at first, and fail later.
    Fail,
}

/// What comes of confirming with a payment method.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The money is set aside, or taken.
    Approved,
    /// As approved; the cardholder disputes it once it is captured.
    ApprovedThenDisputed(Reason),
    /// The shopper has to approve it with their bank.
    NeedsAction,
    /// As that, and then the card is declined all the same.
    NeedsActionThenDeclined(Decline),
    /// Declined at once.
    Declined(Decline),
    /// The bank takes its time.
    Processing(Word),
}

/// What a bank that takes its time says in the end.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    Approved,
    Declined(Decline),
    /// Nothing, until somebody presses a button of the console.
    None,
}

/// Why a payment is disputed (Stripe, "Dispute categories").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    #[default]
    Fraudulent,
    ProductNotReceived,
}

impl Reason {
    /// What Visa calls it.
    pub const fn network_code(self) -> &'static str {
        match self {
            Self::Fraudulent => "10.4",
            Self::ProductNotReceived => "13.1",
        }
    }
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
/// What a bank says that does not say why.
pub const GENERIC: Decline = Decline::card("generic_decline", DECLINED);
const INSUFFICIENT_FUNDS: Decline =
    Decline::card("insufficient_funds", "Your card has insufficient funds.");
/// What comes of a card that needs the shopper when the shopper is not there.
pub const AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    bank_code: "authentication_required",
    message: "Your card was declined. This transaction requires authentication.",
};

const fn visa(id: &'static str, number: &'static str, outcome: Outcome) -> Card {
    Card { outcome, ..approved(id, "visa", number) }
}

const fn declined(id: &'static str, number: &'static str, decline: Decline) -> Card {
    visa(id, number, Outcome::Declined(decline))
}

const fn approved(id: &'static str, brand: &'static str, number: &'static str) -> Card {
    let (outcome, refunds) = (Outcome::Approved, Refunds::Succeed);
    Card { id, brand, number, funding: "credit", outcome, refunds }
}

const CARDS: &[Card] = &[
    approved("pm_card_visa", "visa", "4242424242424242"),
    Card { funding: "debit", ..approved("pm_card_visa_debit", "visa", "4000056655665556") },
    approved("pm_card_mastercard", "mastercard", "5555555555554444"),
    Card {
        funding: "debit",
        ..approved("pm_card_mastercard_debit", "mastercard", "5200828282828210")
    },
    Card {
        funding: "prepaid",
        ..approved("pm_card_mastercard_prepaid", "mastercard", "5105105105105100")
    },
    approved("pm_card_amex", "amex", "371449635398431"),
    approved("pm_card_amex_threeDSecureNotSupported", "amex", "378282246310005"),
    approved("pm_card_discover", "discover", "6011111111111117"),
    approved("pm_card_diners", "diners", "3056930009020004"),
    approved("pm_card_jcb", "jcb", "3566002020360505"),
    approved("pm_card_unionpay", "unionpay", "6200000000000005"),
    approved("pm_card_bypassPending", "visa", "4000000000000077"),
    Card {
        refunds: Refunds::Pending,
        ..approved("pm_card_pendingRefund", "visa", "4000000000007726")
    },
    Card { refunds: Refunds::Fail, ..approved("pm_card_refundFail", "visa", "4000000000005126") },
    visa(
        "pm_card_createDispute",
        "4000000000000259",
        Outcome::ApprovedThenDisputed(Reason::Fraudulent),
    ),
    visa(
        "pm_card_createDisputeProductNotReceived",
        "4000000000002685",
        Outcome::ApprovedThenDisputed(Reason::ProductNotReceived),
    ),
    visa("pm_card_authenticationRequired", "4000002760003184", Outcome::NeedsAction),
    visa("pm_card_authenticationRequiredOnSetup", "4000002500003155", Outcome::NeedsAction),
    visa("pm_card_threeDSecure2Required", "4000000000003220", Outcome::NeedsAction),
    visa("pm_card_threeDSecureRequired", "4000000000003063", Outcome::NeedsAction),
    visa(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        Outcome::NeedsActionThenDeclined(INSUFFICIENT_FUNDS),
    ),
    visa(
        "pm_card_threeDSecureRequiredChargeDeclined",
        "4000008400001629",
        Outcome::NeedsActionThenDeclined(GENERIC),
    ),
    declined("pm_card_chargeDeclined", "4000000000000002", GENERIC),
    declined("pm_card_visa_chargeDeclined", "4000000000000002", GENERIC),
    declined("pm_card_chargeDeclinedInsufficientFunds", "4000000000009995", INSUFFICIENT_FUNDS),
    declined(
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        INSUFFICIENT_FUNDS,
    ),
    declined(
        "pm_card_visa_chargeDeclinedLostCard",
        "4000000000009987",
        Decline::card("lost_card", DECLINED),
    ),
    declined(
        "pm_card_visa_chargeDeclinedStolenCard",
        "4000000000009979",
        Decline::card("stolen_card", DECLINED),
    ),
    declined(
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "4000000000006975",
        Decline::card("card_velocity_exceeded", DECLINED),
    ),
    declined("pm_card_radarBlock", "4100000000000019", Decline::card("fraudulent", DECLINED)),
    declined(
        "pm_card_chargeDeclinedExpiredCard",
        "4000000000000069",
        Decline::itself("expired_card", "Your card has expired."),
    ),
    declined(
        "pm_card_chargeDeclinedIncorrectCvc",
        "4000000000000127",
        Decline::itself("incorrect_cvc", "Your card's security code is incorrect."),
    ),
    declined(
        "pm_card_chargeDeclinedProcessingError",
        "4000000000000119",
        Decline::itself(
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    // Not Stripe's. Their number is the one of the first card, which is found by it.
    visa("pm_sandbox_processing", "4242424242424242", Outcome::Processing(Word::None)),
    visa("pm_sandbox_processingApproved", "4242424242424242", Outcome::Processing(Word::Approved)),
    visa(
        "pm_sandbox_processingDeclined",
        "4242424242424242",
        Outcome::Processing(Word::Declined(GENERIC)),
    ),
];

/// The test card that this test payment method stands for, if there is one.
pub fn find(id: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.id == id)
}

/// The test card of this number, if there is one.
pub fn of_number(number: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.number == number)
}

/// The test card that a test token stands for: `tok_visa` is the card of `pm_card_visa`.
pub fn of_token(token: &str) -> Option<&'static Card> {
    find(&format!("pm_card_{}", token.strip_prefix("tok_")?))
}

impl Card {
    /// The last four digits of its number.
    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// The same for the same number, and not the number.
    pub fn fingerprint(&self) -> String {
        hex::encode(&Sha256::digest(self.number)[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_the_card_of_the_payment_method() {
        let card = of_token("tok_visa_chargeDeclined").unwrap();
        assert_eq!((card.id, card.last4()), ("pm_card_visa_chargeDeclined", "0002"));
        assert!(of_token("tok_unknown").is_none() && of_token("pm_card_visa").is_none());
    }

    #[test]
    fn a_fingerprint_is_of_the_number_and_does_not_show_it() {
        let of = |id: &str| find(id).unwrap().fingerprint();
        assert_eq!(of("pm_card_chargeDeclined"), of("pm_card_visa_chargeDeclined"));
        assert_ne!(of("pm_card_visa"), of("pm_card_chargeDeclined"));
        assert!(!of("pm_card_visa").contains("4242"));
    }
}
