//! What goes wrong and when: a pure function of the seed. A longer soak begins as a shorter one of
//! the same seed does.

use std::{fmt, time::Duration};

use serde_json::{Value, json};
use system_tests::{Chance, Trouble};

/// The shop opens before anything goes wrong.
const FIRST_AT_MS: u64 = 2_000;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// From the beginning of the soak.
    pub at: Duration,
    /// Until it is mended.
    pub lasts: Duration,
    pub fault: Fault,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// SIGKILL, for one process or two at once.
    Kill(Vec<Victim>),
    Network(Link, Trouble),
    /// What the provider's API does, as members of the sandbox's faults.
    Provider(Value),
    /// What becomes of webhooks, likewise.
    Webhooks(Value),
}

/// Who can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Worker,
    Api,
    Provider,
    Postgres,
    Temporal,
}

/// Who talks to whom: the first opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    ShopperApi,
    ShopperProvider,
    ApiPostgres,
    ApiTemporal,
    WorkerPostgres,
    WorkerTemporal,
    WorkerProvider,
    ProviderApi,
}

impl Link {
    pub const ALL: [Self; 8] = [
        Self::ShopperApi,
        Self::ShopperProvider,
        Self::ApiPostgres,
        Self::ApiTemporal,
        Self::WorkerPostgres,
        Self::WorkerTemporal,
        Self::WorkerProvider,
        Self::ProviderApi,
    ];
}

/// Everything that goes wrong within `length`, in the order in which it does.
pub fn of(seed: u64, length: Duration) -> Vec<Step> {
    let chance = Chance::of(seed);
    // Each goes its own way, so that they meet in all ways.
    let mut steps = track(chance.branch(1), length, (3_000, 9_000), (200, 4_000), kill);
    steps.extend(track(chance.branch(2), length, (500, 7_000), (300, 5_000), network));
    steps.extend(track(chance.branch(3), length, (500, 9_000), (300, 5_000), network));
    steps.extend(track(chance.branch(4), length, (1_000, 8_000), (300, 4_000), provider));
    steps.extend(track(chance.branch(5), length, (1_000, 8_000), (500, 5_000), webhooks));
    steps.sort_by_key(|step| step.at);
    steps
}

/// One after the other, with pauses; from and to in milliseconds.
fn track(
    mut chance: Chance,
    length: Duration,
    pauses: (u64, u64),
    lasts: (u64, u64),
    fault: fn(&mut Chance) -> Fault,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = Duration::from_millis(FIRST_AT_MS);
    loop {
        at += between(&mut chance, pauses);
        let step = Step { at, lasts: between(&mut chance, lasts), fault: fault(&mut chance) };
        at += step.lasts;
        if at > length {
            return steps;
        }
        steps.push(step);
    }
}

fn between(chance: &mut Chance, (from_ms, to_ms): (u64, u64)) -> Duration {
    Duration::from_millis(from_ms + chance.below(to_ms - from_ms))
}

fn one_of<T: Copy>(chance: &mut Chance, all: &[T]) -> T {
    let which = chance.below(all.len() as u64);
    all[usize::try_from(which).unwrap_or_default()]
}

fn kill(chance: &mut Chance) -> Fault {
    let all = [Victim::Worker, Victim::Api, Victim::Provider, Victim::Postgres, Victim::Temporal];
    let mut victims = vec![one_of(chance, &all)];
    if chance.below(3) == 0 {
        let others: Vec<_> = all.into_iter().filter(|other| *other != victims[0]).collect();
        victims.push(one_of(chance, &others));
    }
    Fault::Kill(victims)
}

fn network(chance: &mut Chance) -> Fault {
    let trouble = match chance.below(5) {
        0 => Trouble::Delay(between(chance, (20, 800))),
        1 => Trouble::BlackHole,
        2 => Trouble::HalfOpen { opener_is_told: true },
        3 => Trouble::HalfOpen { opener_is_told: false },
        _ => Trouble::Reset,
    };
    Fault::Network(one_of(chance, &Link::ALL), trouble)
}

fn provider(chance: &mut Chance) -> Fault {
    Fault::Provider(match chance.below(5) {
        0 => json!({"latency_ms": 200 + chance.below(2_000)}),
        1 => json!({"error_rate": 0.5}),
        2 => json!({"timeout_after_effect_rate": 0.5}),
        3 => json!({"down": true}),
        _ => json!({"latency_ms": 100, "error_rate": 0.2, "timeout_after_effect_rate": 0.2}),
    })
}

fn webhooks(chance: &mut Chance) -> Fault {
    Fault::Webhooks(match chance.below(5) {
        0 => json!({"delay_ms": 300 + chance.below(4_000)}),
        1 => json!({"duplicate_rate": 0.7}),
        2 => json!({"drop_rate": 0.7}),
        3 => json!({"reorder": true}),
        _ => json!({"delay_ms": 500, "duplicate_rate": 0.5, "drop_rate": 0.3, "reorder": true}),
    })
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, lasts, fault } = self;
        write!(f, "{:7.3} s  {fault}, for {:.3} s", at.as_secs_f64(), lasts.as_secs_f64())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(victims) => {
                let names: Vec<_> = victims.iter().map(|victim| victim.name()).collect();
                write!(f, "kill -9 {}", names.join(" and "))
            }
            Self::Network(link, trouble) => write!(f, "network {link}: {trouble}"),
            Self::Provider(faults) => write!(f, "provider {faults}"),
            Self::Webhooks(faults) => write!(f, "webhooks {faults}"),
        }
    }
}

impl Victim {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Api => "api",
            Self::Provider => "sandbox",
            Self::Postgres => "postgres",
            Self::Temporal => "temporal",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShopperApi => "shopper → api",
            Self::ShopperProvider => "shopper → sandbox",
            Self::ApiPostgres => "api → postgres",
            Self::ApiTemporal => "api → temporal",
            Self::WorkerPostgres => "worker → postgres",
            Self::WorkerTemporal => "worker → temporal",
            Self::WorkerProvider => "worker → sandbox",
            Self::ProviderApi => "sandbox → api",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_seed_has_one_plan_and_a_longer_one_begins_with_it() {
        let plan = of(7, MINUTE);
        assert_eq!(plan, of(7, MINUTE));
        assert_ne!(plan, of(8, MINUTE));
        let longer = of(7, MINUTE * 3);
        let within = |step: &&Step| step.at + step.lasts <= MINUTE;
        assert_eq!(plan, longer.iter().filter(within).cloned().collect::<Vec<_>>());
    }

    #[test]
    fn everything_that_can_go_wrong_does_in_some_plan() {
        let plans: Vec<Step> = (0..40).flat_map(|seed| of(seed, MINUTE)).collect();
        let any = |is: &dyn Fn(&Fault) -> bool| plans.iter().any(|step| is(&step.fault));
        for link in Link::ALL {
            for trouble in ["later", "black hole", "far end", "near end", "reset"] {
                let is = |fault: &Fault| matches!(fault, Fault::Network(on, what) if *on == link && what.to_string().contains(trouble));
                assert!(any(&is), "{link}: {trouble}");
            }
        }
        for victim in ["worker", "api", "sandbox", "postgres", "temporal"] {
            let alone = format!("kill -9 {victim}");
            assert!(any(&|fault| fault.to_string() == alone), "{alone}");
            let second = format!(" and {victim}");
            assert!(any(&|fault| fault.to_string().ends_with(&second)), "{second}");
        }
    }

    #[test]
    fn it_is_over_when_the_soak_is() {
        for step in of(3, MINUTE) {
            assert!(step.at + step.lasts <= MINUTE, "{step}");
        }
    }
}
