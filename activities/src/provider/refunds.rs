//! Refunds and disputes at the provider.

use domain::{DisputeStanding, Money, OrderId, RefundId, refund::ProviderWord};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Provider, ProviderError, keyed};

/// The most refunds that are asked for at once (Stripe, "Pagination").
const A_PAGE: &str = "100";

/// Money given back, as the provider sees it (Stripe, "The Refund object").
#[derive(Clone, Debug, Deserialize)]
pub struct ProviderRefund {
    /// Its id.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    status: Option<String>,
    currency: String,
    payment_intent: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: RefundMetadata,
    /// Its id, or all of it where that was asked for.
    #[serde(default)]
    charge: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct RefundMetadata {
    refund_id: Option<String>,
}

impl ProviderRefund {
    /// What the provider says of it (Stripe, "The Refund object", attribute `status`).
    #[must_use]
    pub fn word(&self) -> ProviderWord {
        match self.status.as_deref() {
            Some("succeeded") => ProviderWord::Done,
            Some("failed" | "canceled") => ProviderWord::Undone,
            _ => ProviderWord::UnderWay,
        }
    }

    /// Why it failed.
    #[must_use]
    pub fn why(&self) -> String {
        let status = self.status.clone().unwrap_or_default();
        self.failure_reason.clone().unwrap_or(status)
    }

    /// Whether it is this refund of ours.
    #[must_use]
    pub fn is(&self, refund: RefundId) -> bool {
        self.says() == Some(refund)
    }

    /// The refund of ours that it says it is.
    #[must_use]
    pub fn says(&self) -> Option<RefundId> {
        self.metadata.refund_id.as_deref()?.parse().ok()
    }

    /// The payment that it is of.
    #[must_use]
    pub fn payment_intent(&self) -> Option<&str> {
        self.payment_intent.as_deref()
    }

    /// Whether it gives back money of this payment, in this currency.
    #[must_use]
    pub fn is_of(&self, payment_intent: &str, money: Money) -> bool {
        self.payment_intent.as_deref() == Some(payment_intent)
            && self.currency.eq_ignore_ascii_case(money.currency.as_str())
    }

    /// Whether it only lets go of money that was set aside and never taken
    /// (Stripe, "Cancel a PaymentIntent").
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.charge["captured"] == false
    }
}

/// A charge that the cardholder disputes (Stripe, "The Dispute object").
#[derive(Clone, Debug, Deserialize)]
pub struct ProviderDispute {
    /// Minor units.
    pub amount: i64,
    /// Its status.
    pub status: String,
    /// The payment that it is about.
    pub payment_intent: Option<String>,
}

impl ProviderDispute {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> DisputeStanding {
        DisputeStanding::read(&self.status)
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<ProviderRefund>,
    has_more: bool,
}

impl Provider {
    /// Gives all the money of a captured intent back.
    ///
    /// # Errors
    /// When it is not known whether it was given back, or it was and came back.
    pub async fn refund_all(&self, intent: &str, try_number: u32) -> Result<(), ProviderError> {
        let request = self.post("refunds", &[("payment_intent", intent.to_owned())]);
        let made = self.ask(keyed(request, &format!("{intent}/late"), try_number)).await?;
        let made: ProviderRefund = match made {
            Ok(made) => made,
            // A dispute has taken the money back already, or is about to.
            Err(Answer::Refused { code, .. })
                if matches!(code.as_str(), "charge_already_refunded" | "charge_disputed") =>
            {
                return Ok(());
            }
            Err(other) => return Err(ProviderError::Nonsense(format!("{other:?}"))),
        };
        // Under this key comes what was answered first, and the refund may have failed since: then
        // the key is spent.
        match self.retrieve_refund(&made.id).await? {
            Ok(now) if now.word() == ProviderWord::Undone => {
                Err(ProviderError::Failed(StatusCode::OK))
            }
            _ => Ok(()),
        }
    }

    /// Gives `amount` of a captured intent back.
    ///
    /// # Errors
    /// When it is not known whether it was given back.
    pub async fn refund(
        &self,
        refund: RefundId,
        order: OrderId,
        payment_intent: &str,
        amount: Money,
        try_number: u32,
    ) -> Result<Result<ProviderRefund, Answer>, ProviderError> {
        let form = [
            ("payment_intent", payment_intent.to_owned()),
            ("amount", amount.amount.to_string()),
            ("reason", "requested_by_customer".to_owned()),
            ("metadata[refund_id]", refund.to_string()),
            ("metadata[order_id]", order.to_string()),
        ];
        let request = self.post("refunds", &form);
        self.ask(keyed(request, &format!("refund/{refund}"), try_number)).await
    }

    /// Asks where a refund stands, with its charge in full.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn retrieve_refund(
        &self,
        id: &str,
    ) -> Result<Result<ProviderRefund, Answer>, ProviderError> {
        let request = self.request(Method::GET, &format!("refunds/{id}"));
        match self.ask::<ProviderRefund>(request.query(&[("expand[]", "charge")])).await? {
            Ok(told) if told.id != id => {
                Err(ProviderError::Nonsense(format!("asked about {id}, it tells of {}", told.id)))
            }
            answer => Ok(answer),
        }
    }

    /// Looks for a refund of ours among those of its payment.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn find_refund(
        &self,
        payment_intent: &str,
        refund: RefundId,
    ) -> Result<Option<ProviderRefund>, ProviderError> {
        let mut after = None;
        loop {
            let mut query = vec![("payment_intent", payment_intent.to_owned())];
            query.push(("limit", A_PAGE.to_owned()));
            query.extend(after.map(|id| ("starting_after", id)));
            let request = self.request(Method::GET, "refunds").query(&query);
            let page: Page = match self.ask(request).await? {
                Ok(page) => page,
                Err(other) => return Err(ProviderError::Nonsense(format!("{other:?}"))),
            };
            after = page.data.last().map(|last| last.id.clone());
            if let Some(found) = page.data.into_iter().find(|found| found.is(refund)) {
                return Ok(Some(found));
            }
            if !page.has_more || after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Asks where a dispute stands.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn retrieve_dispute(
        &self,
        id: &str,
    ) -> Result<Result<ProviderDispute, Answer>, ProviderError> {
        self.ask(self.request(Method::GET, &format!("disputes/{id}"))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refund(json: &str) -> ProviderRefund {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_refund_of_a_charge_that_was_never_captured_is_a_release() {
        let of = |charge: &str| {
            refund(&format!(
                r#"{{"id":"re_1","amount":5,"currency":"eur","status":"succeeded",
                    "payment_intent":"pi_1","metadata":{{}},"charge":{charge}}}"#
            ))
        };
        assert!(of(r#"{"id":"ch_1","captured":false}"#).is_release());
        assert!(!of(r#"{"id":"ch_1","captured":true}"#).is_release());
        assert!(!of(r#""ch_1""#).is_release());
    }

    #[test]
    fn a_status_that_is_neither_end_is_under_way() {
        for (status, word) in [
            ("succeeded", ProviderWord::Done),
            ("failed", ProviderWord::Undone),
            ("canceled", ProviderWord::Undone),
            ("pending", ProviderWord::UnderWay),
            ("requires_action", ProviderWord::UnderWay),
        ] {
            let json = format!(
                r#"{{"id":"re_1","amount":5,"currency":"eur","status":"{status}",
                    "payment_intent":"pi_1","charge":"ch_1"}}"#
            );
            assert_eq!(refund(&json).word(), word, "{status}");
        }
    }
}
