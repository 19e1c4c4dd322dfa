//! Plays the plan: each step at its time, and mended when its time is over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    plan::{Fault, Link, Step},
    report::Report,
    shop::Shop,
};

/// What is in force. The last step has its way; its end leaves alone what came after it.
#[derive(Default)]
struct InForce {
    links: BTreeMap<Link, usize>,
    provider: Option<(usize, Value)>,
    webhooks: Option<(usize, Value)>,
}

/// Plays `steps` from `began` on, to their end.
pub async fn play(shop: &Arc<Shop>, steps: &[Step], began: Instant, report: &Arc<Report>) {
    let in_force = Arc::<Mutex<InForce>>::default();
    let mut playing = JoinSet::new();
    for (number, step) in steps.iter().cloned().enumerate() {
        let (shop, report, in_force) = (shop.clone(), report.clone(), in_force.clone());
        playing.spawn(async move {
            let player = Player { shop, in_force, number };
            sleep_until(began + step.at).await;
            report.step(&step);
            if let Err(error) = player.begin(&step.fault).await {
                report.broken(&format!("{step}: {error:#}"));
            }
            sleep(step.lasts).await;
            player.mend(&step.fault).await;
        });
    }
    while playing.join_next().await.is_some() {}
}

struct Player {
    shop: Arc<Shop>,
    in_force: Arc<Mutex<InForce>>,
    number: usize,
}

impl Player {
    async fn begin(&self, fault: &Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(victims) => {
                for victim in victims {
                    self.shop.kill(*victim)?;
                }
            }
            Fault::Network(link, trouble) => {
                self.locked().links.insert(*link, self.number);
                self.shop.set_link(*link, Some(*trouble));
            }
            Fault::Provider(faults) => {
                self.locked().provider = Some((self.number, faults.clone()));
                self.set_provider().await;
            }
            Fault::Webhooks(faults) => {
                self.locked().webhooks = Some((self.number, faults.clone()));
                self.set_provider().await;
            }
        }
        Ok(())
    }

    async fn mend(&self, fault: &Fault) {
        match fault {
            Fault::Kill(victims) => victims.iter().for_each(|victim| self.shop.bring_back(*victim)),
            Fault::Network(link, _) => {
                if self.locked().links.get(link) == Some(&self.number) {
                    self.shop.set_link(*link, None);
                }
            }
            Fault::Provider(_) => {
                self.locked().provider.take_if(|(number, _)| *number == self.number);
                self.set_provider().await;
            }
            Fault::Webhooks(_) => {
                self.locked().webhooks.take_if(|(number, _)| *number == self.number);
                self.set_provider().await;
            }
        }
    }

    async fn set_provider(&self) {
        let faults = {
            let now = self.locked();
            let value = |of: &Option<(usize, Value)>| of.as_ref().map(|(_, faults)| faults.clone());
            Fault::of_sandbox(value(&now.provider).as_ref(), value(&now.webhooks).as_ref())
        };
        self.shop.set_provider(&faults).await;
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
