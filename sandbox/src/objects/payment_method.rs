//! What a shopper pays with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cards::{self, Card};

/// A card that a shopper pays with (Stripe, "The `PaymentMethod` object"). It names a test card
/// instead of keeping a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    pub created: i64,
    /// The test card that it is of, by its payment method.
    pub card: String,
    pub exp_month: i64,
    pub exp_year: i64,
    /// Whether its security code was given.
    pub has_cvc: bool,
    /// `billing_details` as they were given.
    pub billing_details: Value,
    pub allow_redisplay: String,
    pub metadata: Map<String, Value>,
    /// The payment that it was used for.
    pub used_for: Option<String>,
}

impl PaymentMethod {
    /// The payment method of this id that is there from the start, if there is one.
    pub fn built_in(id: &str) -> Option<Self> {
        let card = cards::find(id)?;
        Some(Self {
            id: card.id.to_owned(),
            created: 1_700_000_000,
            card: card.id.to_owned(),
            exp_month: 12,
            exp_year: 2034,
            has_cvc: true,
            billing_details: Value::Null,
            allow_redisplay: "unspecified".to_owned(),
            metadata: Map::new(),
            used_for: None,
        })
    }

    /// Whether it is there from the start.
    pub fn is_built_in(&self) -> bool {
        self.id == self.card
    }

    /// The test card that it is of; none if an earlier version of the sandbox knew more cards.
    pub fn card(&self) -> Option<&'static Card> {
        cards::find(&self.card)
    }

    /// The API's view of it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_method", "type": "card", "livemode": false,
            "created": self.created, "allow_redisplay": self.allow_redisplay, "customer": null,
            "customer_account": null, "metadata": self.metadata,
            "billing_details": self.billing_details_json(), "card": self.card_json(),
        })
    }

    fn card_json(&self) -> Value {
        let Some(card) = self.card() else {
            return Value::Null;
        };
        json!({
            "brand": card.brand, "display_brand": card.brand, "last4": card.last4(),
            "checks": self.checks("unchecked"), "country": "US", "exp_month": self.exp_month,
            "exp_year": self.exp_year, "fingerprint": card.fingerprint(),
            "funding": card.funding, "generated_from": null, "regulated_status": "unregulated",
            "networks": {"available": [card.brand], "preferred": null}, "wallet": null,
            "three_d_secure_usage": {"supported": true},
        })
    }

    /// What is known of whose card it is.
    pub fn billing_details_json(&self) -> Value {
        let given = |name: &str| self.billing_details[name].clone();
        let address = &self.billing_details["address"];
        let part = |name: &str| address[name].clone();
        json!({
            "address": {
                "city": part("city"), "country": part("country"), "line1": part("line1"),
                "line2": part("line2"), "postal_code": part("postal_code"),
                "state": part("state"),
            },
            "email": given("email"), "name": given("name"), "phone": given("phone"),
            "tax_id": given("tax_id"),
        })
    }

    /// What the bank says of security code and address, where they were given: `verdict`.
    pub fn checks(&self, verdict: &str) -> Value {
        let address = &self.billing_details["address"];
        let check = |given: bool| given.then_some(verdict);
        json!({
            "address_line1_check": check(!address["line1"].is_null()),
            "address_postal_code_check": check(!address["postal_code"].is_null()),
            "cvc_check": check(self.has_cvc),
        })
    }
}
