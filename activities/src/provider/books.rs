//! The provider's books, page by page: its payments, refunds and disputes; and what is found in them.

use domain::{IntentStatus, Money, OrderId, reconciliation::AtProvider};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Intent, Provider, ProviderError, refunds::ProviderRefund};

/// The most that a page holds (Stripe, "Pagination").
const A_PAGE: &str = "100";

/// Something that the provider lists.
pub trait Listed: DeserializeOwned {
    /// Where it lists them.
    const PATH: &'static str;
    /// What of it has to come in full.
    const EXPAND: Option<&'static str>;
    /// Its id.
    fn id(&self) -> &str;
}

/// A page of a list, newest first.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Whether there are further ones.
    pub has_more: bool,
}

/// A payment with its charge (Stripe, "The `PaymentIntent` object").
#[derive(Clone, Debug, Deserialize)]
pub struct ListedPayment {
    /// Its id.
    pub id: String,
    status: IntentStatus,
    amount_received: i64,
    #[serde(default)]
    metadata: Metadata,
    latest_charge: Option<Charge>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    order_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Charge {
    amount_refunded: i64,
}

impl ListedPayment {
    /// The order that it names; none when it is not the shop's.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        self.metadata.order_id.as_deref()?.parse().ok()
    }

    /// Its money. What is let go of an authorization counts as refunded there, and not here.
    #[must_use]
    pub fn money(&self) -> AtProvider {
        let refunded = self.latest_charge.as_ref().map_or(0, |charge| charge.amount_refunded);
        AtProvider {
            status: self.status,
            captured: self.amount_received,
            refunded: refunded.min(self.amount_received),
        }
    }
}

/// A dispute (Stripe, "The Dispute object").
#[derive(Clone, Debug, Deserialize)]
pub struct ListedDispute {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// The payment that it is about.
    pub payment_intent: Option<String>,
}

impl Listed for ListedPayment {
    const PATH: &'static str = "payment_intents";
    const EXPAND: Option<&'static str> = Some("data.latest_charge");

    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for ProviderRefund {
    const PATH: &'static str = "refunds";
    const EXPAND: Option<&'static str> = Some("data.charge");

    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for ListedDispute {
    const PATH: &'static str = "disputes";
    const EXPAND: Option<&'static str> = None;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Provider {
    /// A payment as its list has it; none when the provider does not know it.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn listed_payment(
        &self,
        intent: &str,
    ) -> Result<Option<ListedPayment>, ProviderError> {
        let path = format!("{}/{intent}", ListedPayment::PATH);
        let query = [("expand[]", "latest_charge")];
        Ok(self.ask(self.request(Method::GET, &path).query(&query)).await?.ok())
    }

    /// Looks for the payment of `order` by the order that it names. The provider's search may be a
    /// minute behind (Stripe, "Search"). One that is called off is none.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn find(
        &self,
        order: OrderId,
        total: Money,
    ) -> Result<Option<Intent>, ProviderError> {
        let query = [("query", format!("metadata['order_id']:'{order}'")), ("limit", "100".into())];
        let request = self.request(Method::GET, "payment_intents/search").query(&query);
        let found: Page<Intent> = match self.ask(request).await? {
            Ok(page) => page,
            Err(other) => return Err(ProviderError::Nonsense(format!("{other:?}"))),
        };
        let mut its = found.data.into_iter().filter(|intent| intent.is_of(order, total));
        Ok(its.find(|intent| intent.status != IntentStatus::Canceled))
    }

    /// A page of what was created since `since` (Unix time in seconds), after the one of this id.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn page<T: Listed>(
        &self,
        since: i64,
        after: Option<&str>,
    ) -> Result<Page<T>, ProviderError> {
        let mut query = vec![("limit", A_PAGE.to_owned()), ("created[gte]", since.to_string())];
        query.extend(after.map(|id| ("starting_after", id.to_owned())));
        query.extend(T::EXPAND.map(|field| ("expand[]", field.to_owned())));
        match self.ask(self.request(Method::GET, T::PATH).query(&query)).await? {
            Ok(page) => Ok(page),
            Err(other) => Err(ProviderError::Nonsense(format!("{other:?}"))),
        }
    }
}
