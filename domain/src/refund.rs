//! What a refund is worth, and what becomes of an order whose money goes back.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Money, OrderState, PricedLine, Quantity, RefundId, Sku, cart::MOST_LINES, order::UnknownState,
};

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Decided; the provider has not moved the money yet.
    Pending,
    /// The money is back.
    Succeeded,
    /// The provider will not move it, or it came back to the shop.
    Failed,
    /// It was never to be.
    Refused,
}

impl RefundState {
    /// The name used in JSON and in Postgres.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for RefundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RefundState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = [Self::Pending, Self::Succeeded, Self::Failed, Self::Refused].into_iter();
        all.find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// Units of a line that are to be refunded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// Which product.
    pub sku: Sku,
    /// How many of it.
    pub quantity: Quantity,
    /// Whether they go back on the shelf.
    pub restock: bool,
}

/// The lines of a refund: 1 to 50, each SKU once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<RefundLine>", into = "Vec<RefundLine>")]
pub struct RefundLines(Vec<RefundLine>);

/// Why lines are not [`RefundLines`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefundLines {
    /// None, or more than 50.
    #[error("a refund has 1 to 50 lines")]
    Count,
    /// The line at this index names a SKU that an earlier one names.
    #[error("line {0} names a SKU that an earlier line names: a SKU may appear once")]
    Repeated(usize),
}

impl RefundLines {
    /// The lines, in the operator's order.
    #[must_use]
    pub fn as_slice(&self) -> &[RefundLine] {
        &self.0
    }
}

impl TryFrom<Vec<RefundLine>> for RefundLines {
    type Error = InvalidRefundLines;

    fn try_from(lines: Vec<RefundLine>) -> Result<Self, Self::Error> {
        if lines.is_empty() || lines.len() > MOST_LINES {
            return Err(InvalidRefundLines::Count);
        }
        let mut seen = BTreeSet::new();
        match lines.iter().position(|line| !seen.insert(&line.sku)) {
            Some(repeated) => Err(InvalidRefundLines::Repeated(repeated)),
            None => Ok(Self(lines)),
        }
    }
}

impl From<RefundLines> for Vec<RefundLine> {
    fn from(lines: RefundLines) -> Self {
        lines.0
    }
}

/// What an operator asks to give back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum RefundAsk {
    /// This much money, and no units.
    Amount {
        /// How much.
        amount: Money,
    },
    /// These units, at the price at which they were held.
    Lines {
        /// Which.
        lines: RefundLines,
    },
    /// All that is left, of money and of units.
    Rest {
        /// Whether the units go back on the shelf.
        restock: bool,
    },
}

/// A line of an order with what was refunded of it.
#[derive(Clone, Debug)]
pub struct BoughtLine {
    /// What was bought.
    pub line: PricedLine,
    /// Units of refunds that succeeded or are under way.
    pub refunded_units: u32,
}

impl BoughtLine {
    const fn units_left(&self) -> u32 {
        self.line.quantity.get().saturating_sub(self.refunded_units)
    }
}

/// An order whose money is asked for.
#[derive(Clone, Debug)]
pub struct Refundable {
    /// Where it stands.
    pub state: OrderState,
    /// The money that was taken.
    pub captured: Money,
    /// Given back, minor units.
    pub refunded_minor: i64,
    /// On its way back, minor units.
    pub pending_minor: i64,
    /// What was bought.
    pub lines: Vec<BoughtLine>,
}

/// What a refund comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The money.
    pub amount: Money,
    /// The units.
    pub lines: Vec<RefundLine>,
}

/// Why nothing is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefundRefusal {
    /// No money was taken, or not yet.
    NotPaid {
        /// Where the order stands.
        state: OrderState,
    },
    /// The cardholder disputes the payment: the bank has the money.
    Disputed,
    /// More than is left of the payment.
    ExceedsPayment {
        /// What is left.
        left: Money,
    },
    /// More units of a line than are left of it.
    ExceedsLine {
        /// Which line of the request, from 0.
        index: usize,
        /// The units that are left.
        units_left: u32,
    },
    /// A line that the order does not have.
    UnknownLine {
        /// Which line of the request, from 0.
        index: usize,
    },
    /// The order was paid in another currency.
    OtherCurrency {
        /// The order's.
        currency: crate::Currency,
    },
    /// Nothing, or less.
    NotPositive,
}

impl Refundable {
    /// What may still be given back.
    #[must_use]
    pub const fn left(&self) -> Money {
        let left = self.captured.amount - self.refunded_minor - self.pending_minor;
        Money::new(left, self.captured.currency)
    }

    fn bought(&self, sku: &Sku) -> Option<&BoughtLine> {
        self.lines.iter().find(|bought| bought.line.sku == *sku)
    }
}

/// Whether an order in `state` has money that can be given back.
pub const fn admit(state: OrderState) -> Result<(), RefundRefusal> {
    match state {
        OrderState::Paid | OrderState::PartiallyRefunded | OrderState::Refunded => Ok(()),
        OrderState::Disputed => Err(RefundRefusal::Disputed),
        OrderState::Reserving
        | OrderState::AwaitingPayment
        | OrderState::Paying
        | OrderState::Confirmed
        | OrderState::Closing
        | OrderState::Refused
        | OrderState::Expired
        | OrderState::Cancelled
        | OrderState::PaymentFailed => Err(RefundRefusal::NotPaid { state }),
    }
}

/// Decides what `ask` comes to for `order`, as it is now.
pub fn decide(ask: &RefundAsk, order: &Refundable) -> Result<Decided, RefundRefusal> {
    admit(order.state)?;
    let left = order.left();
    let decided = match ask {
        RefundAsk::Amount { amount } => Decided { amount: *amount, lines: Vec::new() },
        RefundAsk::Lines { lines } => of_lines(lines, order)?,
        RefundAsk::Rest { restock } => Decided { amount: left, lines: rest(*restock, order) },
    };
    let currency = left.currency;
    if decided.amount.currency != currency {
        return Err(RefundRefusal::OtherCurrency { currency });
    }
    // Of nothing that is left, all is nothing, too.
    if decided.amount.amount > left.amount || left.amount <= 0 {
        return Err(RefundRefusal::ExceedsPayment { left });
    }
    if decided.amount.amount <= 0 {
        return Err(RefundRefusal::NotPositive);
    }
    Ok(decided)
}

fn of_lines(lines: &RefundLines, order: &Refundable) -> Result<Decided, RefundRefusal> {
    let mut amount = Money::zero(order.captured.currency);
    for (index, asked) in lines.as_slice().iter().enumerate() {
        let Some(bought) = order.bought(&asked.sku) else {
            return Err(RefundRefusal::UnknownLine { index });
        };
        let units_left = bought.units_left();
        if asked.quantity.get() > units_left {
            return Err(RefundRefusal::ExceedsLine { index, units_left });
        }
        let worth = bought.line.unit_price.times(asked.quantity.get());
        let sum = worth.and_then(|worth| amount.plus(worth));
        amount = sum.ok_or(RefundRefusal::ExceedsPayment { left: order.left() })?;
    }
    Ok(Decided { amount, lines: lines.as_slice().to_vec() })
}

fn rest(restock: bool, order: &Refundable) -> Vec<RefundLine> {
    let line = |bought: &BoughtLine| {
        let quantity = Quantity::try_from(bought.units_left()).ok()?;
        Some(RefundLine { sku: bought.line.sku.clone(), quantity, restock })
    };
    order.lines.iter().filter_map(line).collect()
}

/// What the provider says of a refund
/// (Stripe, "The Refund object", attribute `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderWord {
    /// It is under way, or waits for somebody.
    UnderWay,
    /// The money is back.
    Done,
    /// It will not be, or is not any more.
    Undone,
}

/// How a refund's end moves the money of its order, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Where the refund stands after it.
    pub state: RefundState,
    /// Onto what is given back.
    pub refunded: i64,
    /// Onto what is on its way.
    pub pending: i64,
}

/// What the provider's word does to a refund of `amount_minor`; none when it changes nothing. A
/// refund that succeeded may fail later (Stripe, "Refund and cancel payments", "Handle failed
/// refunds"); one that failed stays so.
#[must_use]
pub const fn conclude(
    stands: RefundState,
    word: ProviderWord,
    amount_minor: i64,
) -> Option<Movement> {
    let (state, refunded, pending) = match (stands, word) {
        (RefundState::Pending, ProviderWord::Done) => {
            (RefundState::Succeeded, amount_minor, -amount_minor)
        }
        (RefundState::Pending, ProviderWord::Undone) => (RefundState::Failed, 0, -amount_minor),
        (RefundState::Succeeded, ProviderWord::Undone) => (RefundState::Failed, -amount_minor, 0),
        (RefundState::Pending, ProviderWord::UnderWay)
        | (RefundState::Succeeded, ProviderWord::UnderWay | ProviderWord::Done)
        | (RefundState::Failed | RefundState::Refused, _) => return None,
    };
    Some(Movement { state, refunded, pending })
}

/// The state of an order whose money was taken: it follows from what was given back of it, and
/// from whether its payment is disputed.
#[must_use]
pub const fn paid_state(captured: i64, refunded: i64, disputed: bool) -> OrderState {
    if disputed {
        OrderState::Disputed
    } else if refunded <= 0 {
        OrderState::Paid
    } else if refunded < captured {
        OrderState::PartiallyRefunded
    } else {
        OrderState::Refunded
    }
}

impl RefundId {
    /// The id of the workflow that makes this refund.
    #[must_use]
    pub fn workflow_id(self) -> String {
        format!("refund/{self}")
    }

    /// The id of a refund that was made at the provider, where nobody gave it one of ours.
    #[must_use]
    pub fn of_provider(provider_refund: &str) -> Self {
        const NAMESPACE: uuid::Uuid = uuid::uuid!("5f3b3a0e-6f0c-5d0e-9a3a-7d1f0b6c2e94");
        Self(uuid::Uuid::new_v5(&NAMESPACE, provider_refund.as_bytes()))
    }
}

#[cfg(test)]
#[path = "refund_tests.rs"]
mod tests;
