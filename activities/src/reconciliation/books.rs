//! The provider's books, held against ours.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    OrderId, OrderState, RefundState,
    reconciliation::{InBooks, Verdict, judge},
    refund::{ProviderWord, conclude},
};
use sqlx::PgPool;
use temporalio_client::Client;
use uuid::Uuid;
use workflows::{
    Finding, FindingKind, RefundInput, Repair, SeenDispute, SeenRefund, SettleInput,
    activities::Checked,
};

use super::{
    CheckError, finding,
    progress::{Kept, List, Progress},
};
use crate::{
    Provider,
    database::DatabaseError,
    payments::PaymentError,
    provider::{
        books::{Listed, ListedDispute, ListedPayment},
        refunds::ProviderRefund,
    },
    refunds,
};

/// How long after the first look a payment is looked at again that did not agree.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);
/// The most payments that wait for their second look.
const MOST_IN_DOUBT: usize = 200;

/// The provider's books, and ours.
pub(super) struct Books<'a> {
    pub pool: &'a PgPool,
    pub provider: &'a Provider,
    pub client: &'a Client,
}

impl Books<'_> {
    /// Looks through the provider's refunds, disputes and payments, from where `kept` says, and
    /// keeps there how far it has come.
    pub async fn check(&self, kept: &Kept) -> Result<Checked, CheckError> {
        let mut so_far = kept.progress();
        while so_far.list != List::Over && !so_far.findings.is_enough() {
            match so_far.list {
                List::Refunds => self.check_refunds(&mut so_far).await?,
                List::Disputes => self.check_disputes(&mut so_far).await?,
                List::Payments => self.check_payments(&mut so_far).await?,
                List::Over => {}
            }
            kept.keep(&so_far);
            if so_far.in_doubt.len() >= MOST_IN_DOUBT {
                self.look_again(&mut so_far).await?;
                kept.keep(&so_far);
            }
        }
        self.look_again(&mut so_far).await?;
        Ok(Checked { checked: so_far.checked, findings: so_far.findings.list })
    }

    async fn page<T: Listed>(&self, so_far: &mut Progress) -> Result<Vec<T>, CheckError> {
        let page = self.provider.page::<T>(so_far.since, so_far.after.as_deref()).await;
        let page = page.map_err(PaymentError::from)?;
        so_far.turn(page.data.last().map(|last| last.id().to_owned()), page.has_more);
        Ok(page.data)
    }

    async fn check_refunds(&self, so_far: &mut Progress) -> Result<(), CheckError> {
        let page: Vec<ProviderRefund> = self.page(so_far).await?;
        let intents = page.iter().filter_map(|refund| refund.payment_intent().map(str::to_owned));
        let intents: Vec<_> = intents.collect();
        let orders = paid_orders(self.pool, &intents).await?;
        for refund in &page {
            let Some((intent, &order)) = of_order(&orders, refund.payment_intent()) else {
                continue;
            };
            if let Some(found) = check_refund(self.pool, order, refund).await? {
                so_far.findings.add(self.client, found).await?;
                so_far.unsettled.insert(intent.to_owned());
            }
        }
        Ok(())
    }

    async fn check_disputes(&self, so_far: &mut Progress) -> Result<(), CheckError> {
        let page: Vec<ListedDispute> = self.page(so_far).await?;
        let intents = page.iter().filter_map(|dispute| dispute.payment_intent.clone());
        let intents: Vec<_> = intents.collect();
        let orders = paid_orders(self.pool, &intents).await?;
        for dispute in &page {
            if let Some((_, &order)) = of_order(&orders, dispute.payment_intent.as_deref())
                && let Some(found) = check_dispute(self.pool, order, dispute).await?
            {
                so_far.findings.add(self.client, found).await?;
            }
        }
        Ok(())
    }

    async fn check_payments(&self, so_far: &mut Progress) -> Result<(), CheckError> {
        let page: Vec<ListedPayment> = self.page(so_far).await?;
        so_far.checked += page.len() as u64;
        let differing = differing(self.pool, &page).await?;
        let differing = differing.into_iter().map(|finding| finding.subject);
        let in_doubt = differing.filter(|payment| !so_far.unsettled.contains(payment));
        so_far.in_doubt.extend(in_doubt);
        Ok(())
    }

    /// The shop writes down what it does at the provider a moment later, and the list was read
    /// before the books: what differs now has differed for a while.
    async fn look_again(&self, so_far: &mut Progress) -> Result<(), CheckError> {
        if so_far.in_doubt.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK_AFTER).await;
        for payment in std::mem::take(&mut so_far.in_doubt) {
            let payment =
                self.provider.listed_payment(&payment).await.map_err(PaymentError::from)?;
            for found in differing(self.pool, payment.as_slice()).await? {
                so_far.findings.add(self.client, found).await?;
            }
        }
        Ok(())
    }
}

/// Those of `payments` that do not agree with the order that they name.
async fn differing(pool: &PgPool, payments: &[ListedPayment]) -> Result<Vec<Finding>, CheckError> {
    let orders = in_books(pool, payments).await?;
    let ours = payments.iter().filter_map(|payment| Some((payment.order()?, payment)));
    let differing = ours.filter_map(|(order, payment)| {
        check_payment(order, payment, orders.get(&payment.id).copied())
    });
    Ok(differing.collect())
}

/// The paid orders that these are the payments of.
async fn paid_orders(
    pool: &PgPool,
    intents: &[String],
) -> Result<BTreeMap<String, OrderId>, CheckError> {
    let rows = sqlx::query!(
        r#"select payment_intent as "payment_intent!", order_id from orders
         where payment_intent = any($1)
           and state in ('paid', 'partially_refunded', 'refunded', 'disputed')"#,
        intents,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.payment_intent, OrderId(row.order_id))).collect())
}

fn of_order<'a>(
    orders: &'a BTreeMap<String, OrderId>,
    intent: Option<&str>,
) -> Option<(&'a String, &'a OrderId)> {
    orders.get_key_value(intent?)
}

async fn check_refund(
    pool: &PgPool,
    order_id: OrderId,
    refund: &ProviderRefund,
) -> Result<Option<Finding>, CheckError> {
    let word = refund.word();
    if refund.is_release() {
        return Ok(None);
    }
    let known = refunds::known_as(pool, order_id, &refund.id, refund.says()).await;
    let (refund_id, state) = known.map_err(PaymentError::from)?;
    let agrees = match state {
        None => word == ProviderWord::Undone,
        // Its workflow is about to write it down.
        Some(RefundState::Pending) => true,
        Some(state) => conclude(state, word, refund.amount).is_none(),
    };
    if agrees {
        return Ok(None);
    }
    let stands = state.map_or("not written down".to_owned(), |state| format!("{state} here"));
    let detail = format!("a refund of order {order_id} is {stands}, and {word:?} there");
    let provider_refund = Some(refund.id.clone());
    let seen = RefundInput::Seen(SeenRefund { refund_id, order_id, provider_refund });
    let repair = Some(Repair::Refund { refund: seen });
    Ok(Some(finding(FindingKind::RefundNotRecorded, &refund.id, detail, repair)))
}

async fn check_dispute(
    pool: &PgPool,
    order_id: OrderId,
    dispute: &ListedDispute,
) -> Result<Option<Finding>, CheckError> {
    let known =
        sqlx::query_scalar!("select status from disputes where dispute_id = $1", dispute.id)
            .fetch_optional(pool)
            .await?;
    if known.as_deref() == Some(&dispute.status) {
        return Ok(None);
    }
    let ours = known.as_deref().unwrap_or("not written down");
    let detail =
        format!("a dispute of order {order_id} is {ours} here, and {} there", dispute.status);
    let seen = SeenDispute { dispute_id: dispute.id.clone(), order_id };
    let repair = Some(Repair::Dispute { dispute: seen });
    Ok(Some(finding(FindingKind::DisputeNotRecorded, &dispute.id, detail, repair)))
}

/// The orders that these payments name, by payment.
async fn in_books(
    pool: &PgPool,
    payments: &[ListedPayment],
) -> Result<BTreeMap<String, InBooks>, CheckError> {
    let named = payments.iter().filter_map(|payment| Some((payment.id.clone(), payment.order()?)));
    let (intents, orders): (Vec<String>, Vec<Uuid>) =
        named.map(|(intent, order)| (intent, order.0)).unzip();
    let rows = sqlx::query!(
        r#"select intent as "intent!", state, payment_intent is not distinct from intent
                as "is_its_payment!",
            captured_minor, refunded_minor, refund_pending_minor
         from unnest($1::text[], $2::uuid[]) as named (intent, order_id)
         join orders using (order_id)"#,
        &intents,
        &orders,
    )
    .fetch_all(pool)
    .await?;
    let mut books = BTreeMap::new();
    for row in rows {
        let state: OrderState =
            row.state.parse().map_err(|_| PaymentError::from(DatabaseError::Stored(row.state)))?;
        let order = InBooks {
            state,
            is_its_payment: row.is_its_payment,
            captured: row.captured_minor,
            refunded: row.refunded_minor,
            pending: row.refund_pending_minor,
        };
        books.insert(row.intent, order);
    }
    Ok(books)
}

fn check_payment(
    order_id: OrderId,
    payment: &ListedPayment,
    order: Option<InBooks>,
) -> Option<Finding> {
    let money = payment.money();
    let there = format!(
        "the provider has {:?}, {} taken, {} given back",
        money.status, money.captured, money.refunded
    );
    let here = order.map_or_else(
        || format!("there is no order {order_id}"),
        |InBooks { state, captured, refunded, .. }| {
            format!("order {order_id} is {state}, {captured} taken, {refunded} given back")
        },
    );
    let (kind, repair) = match judge(money, order) {
        Verdict::Agrees => return None,
        Verdict::LeftOver => {
            let payment_intent = payment.id.clone();
            let settle = SettleInput { payment_intent, order_id };
            (FindingKind::PaymentLeftOver, Some(Repair::Settle { settle }))
        }
        Verdict::SecondPayment => (FindingKind::SecondPayment, None),
        Verdict::CapturedDiffers => (FindingKind::CapturedDiffers, None),
        Verdict::RefundedDiffers => (FindingKind::RefundedDiffers, None),
    };
    Some(finding(kind, &payment.id, format!("{here}; {there}"), repair))
}
