//! Payments that cardholders dispute.

use serde::{Deserialize, Serialize};

/// How a dispute stands, as far as an order is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStanding {
    /// The bank has the money and has not decided.
    Open,
    /// The shop keeps the money.
    Won,
    /// The cardholder keeps it.
    Lost,
    /// The bank has only asked: no money has moved, and a refund is a good answer.
    Inquiry,
    /// The bank had only asked, and does not any more.
    Settled,
}

impl DisputeStanding {
    /// Reads the provider's status (Stripe, "The Dispute object", attribute `status`). One that is
    /// not known is taken for open: nothing is given back twice meanwhile.
    #[must_use]
    pub fn read(status: &str) -> Self {
        match status {
            "won" | "prevented" => Self::Won,
            "lost" => Self::Lost,
            "warning_needs_response" | "warning_under_review" => Self::Inquiry,
            "warning_closed" => Self::Settled,
            _ => Self::Open,
        }
    }

    /// Whether the order's money is out of the shop's hands.
    #[must_use]
    pub const fn freezes(self) -> bool {
        match self {
            Self::Open | Self::Lost => true,
            Self::Won | Self::Inquiry | Self::Settled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_or_lost_dispute_freezes_the_order_and_an_inquiry_does_not() {
        for status in ["needs_response", "under_review", "lost", "something_new"] {
            assert!(DisputeStanding::read(status).freezes(), "{status}");
        }
        for status in ["won", "warning_needs_response", "warning_closed"] {
            assert!(!DisputeStanding::read(status).freezes(), "{status}");
        }
    }
}
