//! Checkouts that are refused before an order is written, for the funnel: kept beside what browsers
//! report, soon and many at a time, so that refusing stays as cheap as it is.

use domain::{CartLines, OrderId, Refusal, Sku, allocation::LineStatus};
use read_model::appends::{self, AnalyticsEvent};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::mpsc;

/// How many may wait to be kept. Beyond that, refusals are given and not counted.
const MOST_WAITING: usize = 10_000;
/// How many are kept in one statement.
const AT_ONCE: usize = 500;

/// Takes note of refusals.
pub struct Refusals(mpsc::Sender<AnalyticsEvent>);

impl Refusals {
    /// Starts to keep them. Ends when nobody can tell of any more.
    pub fn start(pool: PgPool) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        tokio::spawn(keep(pool, receiver));
        Self(sender)
    }

    /// Notes that the checkout of `lines` was refused. However often it is, it counts once.
    pub fn note(&self, order: OrderId, lines: &CartLines, refusal: &Refusal) {
        let (kind, skus): (_, Vec<&Sku>) = match refusal {
            Refusal::OutOfStock { lines } => {
                let short = lines.iter().filter(|line| line.status != LineStatus::Ok);
                ("refused_out_of_stock", short.map(|line| &line.sku).collect())
            }
            Refusal::PriceChanged { .. } => {
                let all = lines.as_slice().iter().map(|line| &line.sku);
                ("refused_price_changed", all.collect())
            }
            Refusal::UnknownSku { .. } | Refusal::NotChargeable { .. } | Refusal::NoTotal => return,
        };
        let at = OffsetDateTime::now_utc();
        for sku in skus {
            let event = AnalyticsEvent {
                hash: Sha256::digest(format!("{kind}\n{order}\n{sku}")).to_vec(),
                session_id: order.to_string(),
                kind: kind.to_owned(),
                sku: Some(sku.to_string()),
                at,
            };
            if self.0.try_send(event).is_err() {
                metrics::counter!("analytics_events_total", "outcome" => "dropped").increment(1);
            }
        }
    }
}

async fn keep(pool: PgPool, mut receiver: mpsc::Receiver<AnalyticsEvent>) {
    let mut events = Vec::new();
    while receiver.recv_many(&mut events, AT_ONCE).await > 0 {
        if let Err(error) = appends::keep_analytics(&pool, std::mem::take(&mut events)).await {
            tracing::warn!(%error, "refusals are not counted");
        }
    }
}
