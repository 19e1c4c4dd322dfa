//! A shop that tests share whose settings are not the usual ones.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use system_tests::{Shop, ShopOptions};

/// How long a hold lasts there.
pub const BRIEF_HOLD: Duration = Duration::from_secs(2);

static OPEN: Mutex<Weak<Shop>> = Mutex::new(Weak::new());
static OPENING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A shop whose holds end soon, which stands behind a proxy on https, takes webhooks under two
/// secrets, and lets an address hold two orders at a time.
pub async fn brief_shop() -> Arc<Shop> {
    let _one_at_a_time = OPENING.lock().await;
    let open = || OPEN.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    if let Some(shop) = open() {
        return shop;
    }
    let environment = [
        ("PUBLIC_URL", "https://shop.example"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_next,whsec_sandbox"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("HOLDS_PER_ADDRESS", "2"),
    ];
    let options = ShopOptions {
        hold_ttl: "2s",
        environment: environment.map(|(name, value)| (name, value.to_owned())).to_vec(),
        ..ShopOptions::default()
    };
    let shop = Arc::new(Shop::open(options).await);
    *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shop);
    shop
}
