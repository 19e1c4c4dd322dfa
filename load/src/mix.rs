//! What shoppers do, and how often: derived from what is public about shops with a million shoppers
//! on their sites at once.

use std::time::Duration;

use system_tests::Chance;

/// As many shoppers as the figures below are about.
pub const MILLION: u32 = 1_000_000;
/// How often a second they read products, ask how their carts stand, go to the till, and pay.
pub const READS: u32 = 39_000;
pub const STOCK_CHECKS: u32 = 20_000;
pub const STARTS: u32 = 216;
pub const PAID: u32 = 97;

/// Of ten reads, how many are of the list of products and of a product's page; the rest is of the
/// product's JSON, with which an open page keeps itself fresh.
const LISTS: u64 = 1;
const PAGES: u64 = 2;
/// Of a thousand holds, how many are open at once in a second of starts: 44,000 of a million
/// shoppers, whose carts that nobody pays lapse after five minutes. That leaves those who pay 85
/// seconds on average, of the 300 that the hold lasts.
const PAYS_AFTER: f64 = 85.0 / 300.0;
/// Of those who pay, one in so many is declined at first, and takes another card.
const DECLINED_ONE_IN: u64 = 20;
/// Those who do not pay leave the till within this part of the hold.
const LEAVES_WITHIN: f64 = 0.2;

/// What a shopper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    ReadsTheList,
    OpensAPage,
    LooksAtAProduct,
    ChecksTheCart,
    GoesToTheTill,
}

/// What a shopper does at the till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTheTill {
    /// Pays, so long after the stock is held.
    Pays { after: Duration, is_declined_first: bool },
    /// Leaves, so long after; the hold lapses.
    Leaves { after: Duration },
}

/// The pause between two acts of a shopper, in seconds, on average.
pub fn mean_pause_s() -> f64 {
    f64::from(MILLION) / f64::from(READS + STOCK_CHECKS + STARTS)
}

/// Draws what a shopper does next.
pub fn act(chance: &mut Chance) -> Act {
    let drawn = chance.below(u64::from(READS + STOCK_CHECKS + STARTS));
    if drawn < u64::from(STARTS) {
        Act::GoesToTheTill
    } else if drawn < u64::from(STARTS + STOCK_CHECKS) {
        Act::ChecksTheCart
    } else {
        match chance.below(10) {
            0..LISTS => Act::ReadsTheList,
            drawn if drawn < LISTS + PAGES => Act::OpensAPage,
            _ => Act::LooksAtAProduct,
        }
    }
}

/// Draws what a shopper does at the till, when holds last `hold_ttl`.
pub fn at_the_till(chance: &mut Chance, hold_ttl: Duration) -> AtTheTill {
    if chance.below(u64::from(STARTS)) < u64::from(PAID) {
        // Evenly from at once to twice the average: well before the hold ends.
        let after = hold_ttl.mul_f64(2.0 * PAYS_AFTER * share(chance));
        AtTheTill::Pays { after, is_declined_first: chance.below(DECLINED_ONE_IN) == 0 }
    } else {
        AtTheTill::Leaves { after: hold_ttl.mul_f64(LEAVES_WITHIN * share(chance)) }
    }
}

/// A number above 0, up to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a float has")]
pub fn share(chance: &mut Chance) -> f64 {
    const STEPS: u64 = 1 << 53;
    (chance.below(STEPS) + 1) as f64 / STEPS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 1_000_000;

    fn drawn(of: impl Fn(Act) -> bool) -> u32 {
        let mut chance = Chance::of(1);
        (0..DRAWS).map(|_| u32::from(of(act(&mut chance)))).sum()
    }

    /// `part` of `whole`, within a twentieth.
    fn is_about(counted: u32, part: u32, whole: u32) -> bool {
        let expected = f64::from(part) / f64::from(whole);
        let is = f64::from(counted) / f64::from(DRAWS);
        (is / expected - 1.0).abs() < 0.05
    }

    #[test]
    fn shoppers_do_what_a_million_does_in_its_shares() {
        let all = READS + STOCK_CHECKS + STARTS;
        assert!(is_about(drawn(|act| act == Act::ChecksTheCart), STOCK_CHECKS, all));
        assert!(is_about(drawn(|act| act == Act::GoesToTheTill), STARTS, all));
        let reads = [Act::ReadsTheList, Act::OpensAPage, Act::LooksAtAProduct];
        assert!(is_about(drawn(|act| reads.contains(&act)), READS, all));
    }

    #[test]
    fn of_those_at_the_till_as_many_pay_as_the_figures_say_and_in_time() {
        let (mut chance, hold) = (Chance::of(2), Duration::from_secs(300));
        let (mut pay, mut waited) = (0, Duration::ZERO);
        for _ in 0..DRAWS {
            match at_the_till(&mut chance, hold) {
                AtTheTill::Pays { after, .. } => {
                    assert!(after < hold.mul_f64(0.6));
                    waited += after;
                    pay += 1;
                }
                AtTheTill::Leaves { after } => assert!(after <= hold.mul_f64(0.2)),
            }
        }
        assert!(is_about(pay, PAID, STARTS));
        // Open holds of a million: those that lapse, and those that are paid in between.
        let paid_after = waited.as_secs_f64() / f64::from(pay);
        let open = f64::from(STARTS - PAID) * 300.0 + f64::from(PAID) * paid_after;
        assert!((43_000.0..45_000.0).contains(&open), "{open}");
    }
}
