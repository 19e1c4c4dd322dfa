//! What may happen in a run of the model: small enough to be visited whole, each with another part
//! of the trouble.

/// How a card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Card {
    /// The money is set aside at once.
    Approved,
    /// It is not.
    Declined,
    /// The shopper has to approve with their bank (3-D Secure).
    AsksShopper,
    /// The bank takes its time.
    TakesTime,
}

/// What may happen, and how often.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How many orders want the one unit.
    pub orders: usize,
    /// What the shopper may try to pay with, at each attempt.
    pub cards: Vec<Vec<Card>>,
    /// Whether the shopper may call the order off.
    pub cancels: bool,
    /// How often a worker may die or go on unseen.
    pub faults: u8,
    /// Whether the provider tells of what happens.
    pub webhooks: Webhooks,
    /// Whether the provider may give no word until the grace is over.
    pub silence: bool,
    /// Whether a payment of which nobody heard until then is asked for by `conclude`.
    pub concludes: bool,
    /// Whether a capture may fail until the authorization ends.
    pub authorization_ends: bool,
    /// Whether somebody may terminate the checkout in Temporal.
    pub terminates: bool,
    /// Whether Temporal forgets the closed checkout and the shopper asks again.
    pub forgets: bool,
    /// Whether reconciliation runs.
    pub reconciles: bool,
    /// The ends that have to be met.
    pub meets: Vec<&'static str>,
}

/// How the provider's events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Webhooks {
    /// Not at all.
    Never,
    /// Late, in any order, twice, or not at all.
    AsTheyLike,
}

impl Scenario {
    /// One order, one attempt with a card that is approved, a shopper who may call it off at any
    /// moment; every worker is well.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            orders: 1,
            cards: vec![vec![Card::Approved]],
            cancels: true,
            faults: 0,
            webhooks: Webhooks::Never,
            silence: false,
            concludes: false,
            authorization_ends: false,
            terminates: false,
            forgets: false,
            reconciles: false,
            meets: vec!["paid", "expired", "cancelled"],
        }
    }

    /// A decline or 3-D Secure first, then a card that is approved; webhooks.
    #[must_use]
    pub fn second_attempt() -> Self {
        Self {
            cards: vec![vec![Card::Declined, Card::AsksShopper], vec![Card::Approved]],
            webhooks: Webhooks::AsTheyLike,
            meets: vec!["paid", "expired", "cancelled", "paid by the second attempt"],
            ..Self::quiet()
        }
    }

    /// A worker dies, or is thought dead and goes on.
    #[must_use]
    pub fn fault() -> Self {
        Self { faults: 1, ..Self::quiet() }
    }

    /// Two of that; nobody calls the order off.
    #[must_use]
    pub fn two_faults() -> Self {
        Self { faults: 2, cancels: false, meets: vec!["paid", "expired"], ..Self::quiet() }
    }

    /// The shopper approves with their bank, at once or after some time, while a worker dies.
    #[must_use]
    pub fn approval() -> Self {
        Self { cards: vec![vec![Card::AsksShopper]], ..Self::fault() }
    }

    /// A declined attempt, another one, and a worker that dies.
    #[must_use]
    pub fn second_attempt_and_fault() -> Self {
        Self {
            cards: vec![vec![Card::Declined], vec![Card::Approved, Card::AsksShopper]],
            meets: vec!["paid", "expired", "cancelled", "paid by the second attempt"],
            ..Self::fault()
        }
    }

    /// The bank takes its time, beyond hold and grace; a worker dies.
    #[must_use]
    pub fn late_success() -> Self {
        Self {
            cards: vec![vec![Card::TakesTime]],
            silence: true,
            reconciles: true,
            cancels: false,
            meets: vec!["paid", "expired", "a late success is let go"],
            ..Self::fault()
        }
    }

    /// The same with webhooks, and with a shopper who may call it off, while every worker is well.
    #[must_use]
    pub fn late_success_with_webhooks() -> Self {
        Self {
            faults: 0,
            cancels: true,
            webhooks: Webhooks::AsTheyLike,
            meets: vec!["paid", "expired", "cancelled", "a late success is let go"],
            ..Self::late_success()
        }
    }

    /// The provider gives no word until the grace is over; a worker dies.
    #[must_use]
    pub fn outage() -> Self {
        Self { silence: true, reconciles: true, ..Self::fault() }
    }

    /// The provider gives no word, perhaps not even of the payment that it made; there is no
    /// reconciliation.
    #[must_use]
    pub fn unheard() -> Self {
        Self {
            silence: true,
            concludes: true,
            cancels: false,
            meets: vec!["paid", "expired"],
            ..Self::fault()
        }
    }

    /// The capture fails until the authorization ends; two workers die.
    #[must_use]
    pub fn capture_fails() -> Self {
        Self {
            faults: 2,
            authorization_ends: true,
            cancels: false,
            meets: vec!["paid", "expired", "payment failed", "money taken too late is refunded"],
            ..Self::quiet()
        }
    }

    /// Two orders want the last unit.
    #[must_use]
    pub fn last_unit() -> Self {
        let meets = vec!["paid", "expired", "refused"];
        Self { orders: 2, cancels: false, meets, ..Self::quiet() }
    }

    /// The same, with shoppers who never pay and two workers that die.
    #[must_use]
    pub fn last_unit_and_faults() -> Self {
        Self {
            cards: Vec::new(),
            faults: 2,
            meets: vec!["expired", "refused"],
            ..Self::last_unit()
        }
    }

    /// Temporal forgets the checkout, and the shopper asks again.
    #[must_use]
    pub fn forgotten() -> Self {
        Self { forgets: true, ..Self::fault() }
    }

    /// Somebody terminates the checkout in the Temporal UI, and reconciliation finds the order; a
    /// worker dies or goes on.
    #[must_use]
    pub fn terminated() -> Self {
        let meets = vec!["paid", "expired", "cancelled"];
        Self { terminates: true, reconciles: true, cancels: false, meets, ..Self::fault() }
    }

    /// The same with a bank that takes its time and a provider that gives no word, while every other
    /// worker is well.
    #[must_use]
    pub fn terminated_in_an_outage() -> Self {
        Self {
            cards: vec![vec![Card::TakesTime]],
            faults: 0,
            silence: true,
            meets: vec!["paid", "expired", "cancelled", "a late success is let go"],
            ..Self::terminated()
        }
    }
}
