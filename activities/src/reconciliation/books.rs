//! The provider's books, held against ours.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    OrderId, OrderState, RefundState,
    reconciliation::{InBooks, Verdict, judge},
    refund::{ProviderWord, conclude},
};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use workflows::{
    Finding, FindingKind, RefundInput, Repair, SeenDispute, SeenRefund, SettleInput,
    activities::Checked,
};

use super::{CheckError, Findings, finding};
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

/// How far back the provider's books are read: longer than any authorization lasts.
const SINCE: Duration = Duration::days(30);

/// How long after the first look a payment is looked at again that did not agree.
const SECOND_LOOK_AFTER: std::time::Duration = std::time::Duration::from_secs(2);
/// The most payments that one run looks at twice.
const MOST_IN_DOUBT: usize = 1_000;

/// Looks through the provider's refunds, disputes and payments.
pub(super) async fn check(pool: &PgPool, provider: &Provider) -> Result<Checked, CheckError> {
    let since = (OffsetDateTime::now_utc() - SINCE).unix_timestamp();
    let mut findings = Findings::default();
    let unsettled = check_refunds(pool, provider, since, &mut findings).await?;
    check_disputes(pool, provider, since, &mut findings).await?;
    let checked = check_payments(pool, provider, since, &unsettled, &mut findings).await?;
    Ok(Checked { checked, findings: findings.list })
}

/// Answers the payments whose sums will agree when what was found of them is put right.
async fn check_refunds(
    pool: &PgPool,
    provider: &Provider,
    since: i64,
    findings: &mut Findings,
) -> Result<BTreeSet<String>, CheckError> {
    let mut unsettled = BTreeSet::new();
    let mut pages = Pages::<ProviderRefund>::since(provider, since);
    while let Some(page) = pages.next(findings).await? {
        let intents = page.iter().filter_map(|refund| refund.payment_intent().map(str::to_owned));
        let intents: Vec<_> = intents.collect();
        let orders = paid_orders(pool, &intents).await?;
        for refund in &page {
            let Some((intent, &order)) = of_order(&orders, refund.payment_intent()) else {
                continue;
            };
            if let Some(found) = check_refund(pool, order, refund).await? {
                findings.add(found);
                unsettled.insert(intent.to_owned());
            }
        }
    }
    Ok(unsettled)
}

async fn check_disputes(
    pool: &PgPool,
    provider: &Provider,
    since: i64,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let mut pages = Pages::<ListedDispute>::since(provider, since);
    while let Some(page) = pages.next(findings).await? {
        let intents = page.iter().filter_map(|dispute| dispute.payment_intent.clone());
        let intents: Vec<_> = intents.collect();
        let orders = paid_orders(pool, &intents).await?;
        for dispute in &page {
            if let Some((_, &order)) = of_order(&orders, dispute.payment_intent.as_deref())
                && let Some(found) = check_dispute(pool, order, dispute).await?
            {
                findings.add(found);
            }
        }
    }
    Ok(())
}

/// Answers how many payments were looked at.
async fn check_payments(
    pool: &PgPool,
    provider: &Provider,
    since: i64,
    unsettled: &BTreeSet<String>,
    findings: &mut Findings,
) -> Result<u64, CheckError> {
    let mut checked = 0;
    let mut in_doubt = Vec::new();
    let mut pages = Pages::<ListedPayment>::since(provider, since);
    while let Some(page) = pages.next(findings).await? {
        checked += page.len() as u64;
        let differing = differing(pool, &page).await?;
        let differing = differing.into_iter().map(|finding| finding.subject);
        in_doubt.extend(differing.filter(|payment| !unsettled.contains(payment)));
        if in_doubt.len() >= MOST_IN_DOUBT {
            break;
        }
    }
    if in_doubt.is_empty() {
        return Ok(checked);
    }
    // The shop writes down what it does at the provider a moment later, and the list was read
    // before the books: what differs now has differed for a while.
    tokio::time::sleep(SECOND_LOOK_AFTER).await;
    for payment in in_doubt {
        let payment = provider.listed_payment(&payment).await.map_err(PaymentError::from)?;
        for found in differing(pool, payment.as_slice()).await? {
            findings.add(found);
        }
    }
    Ok(checked)
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

/// A list of the provider's, page by page.
struct Pages<'a, T> {
    provider: &'a Provider,
    since: i64,
    after: Option<String>,
    is_over: bool,
    listed: std::marker::PhantomData<T>,
}

impl<'a, T: Listed> Pages<'a, T> {
    const fn since(provider: &'a Provider, since: i64) -> Self {
        Self { provider, since, after: None, is_over: false, listed: std::marker::PhantomData }
    }

    /// The next page; none after the last, or when `found` is enough for one run.
    async fn next(&mut self, found: &Findings) -> Result<Option<Vec<T>>, CheckError> {
        if self.is_over || found.is_enough() {
            return Ok(None);
        }
        let page = self.provider.page::<T>(self.since, self.after.as_deref()).await;
        let page = page.map_err(PaymentError::from)?;
        self.after = page.data.last().map(|last| last.id().to_owned());
        self.is_over = !page.has_more || self.after.is_none();
        Ok(Some(page.data))
    }
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
