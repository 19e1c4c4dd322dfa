use proptest::prelude::*;

use super::*;

fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().unwrap())
}

fn sku(n: usize) -> Sku {
    format!("sku-{n}").parse().unwrap()
}

fn units(n: u32) -> Quantity {
    n.try_into().unwrap()
}

fn line(n: usize, quantity: u32, restock: bool) -> RefundLine {
    RefundLine { sku: sku(n), quantity: units(quantity), restock }
}

fn lines(lines: Vec<RefundLine>) -> RefundAsk {
    RefundAsk::Lines { lines: lines.try_into().unwrap() }
}

/// An order of these (units, price) lines, paid in full.
fn paid(bought: &[(u32, i64)]) -> Refundable {
    let line = |(n, &(quantity, price)): (usize, &(u32, i64))| BoughtLine {
        line: PricedLine {
            sku: sku(n),
            name: "thing".into(),
            quantity: units(quantity),
            unit_price: eur(price),
        },
        refunded_units: 0,
    };
    let lines: Vec<_> = bought.iter().enumerate().map(line).collect();
    let priced: Vec<_> = lines.iter().map(|bought| bought.line.clone()).collect();
    Refundable {
        state: OrderState::Paid,
        captured: crate::order::total(&priced).unwrap(),
        refunded_minor: 0,
        pending_minor: 0,
        lines,
    }
}

#[test]
fn lines_are_worth_the_price_at_which_they_were_held() {
    let decided =
        decide(&lines(vec![line(0, 2, true), line(1, 1, false)]), &paid(&[(3, 100), (1, 7)]));
    let decided = decided.unwrap();
    assert_eq!(decided.amount, eur(207));
    assert_eq!(decided.lines, [line(0, 2, true), line(1, 1, false)]);
}

#[test]
fn the_rest_is_the_money_and_the_units_that_are_left() {
    let mut order = paid(&[(3, 100), (1, 7)]);
    order.refunded_minor = 100;
    order.pending_minor = 50;
    order.lines[0].refunded_units = 1;
    order.lines[1].refunded_units = 1;
    let decided = decide(&RefundAsk::Rest { restock: true }, &order).unwrap();
    assert_eq!(decided, Decided { amount: eur(157), lines: vec![line(0, 2, true)] });
}

#[test]
fn what_can_not_be_given_back_is_refused_by_name() {
    let order = paid(&[(2, 100)]);
    let left = eur(200);
    let usd = Money::new(1, "USD".parse().unwrap());
    let refusals = [
        (RefundAsk::Amount { amount: eur(201) }, RefundRefusal::ExceedsPayment { left }),
        (RefundAsk::Amount { amount: eur(0) }, RefundRefusal::NotPositive),
        (RefundAsk::Amount { amount: eur(-1) }, RefundRefusal::NotPositive),
        (
            RefundAsk::Amount { amount: usd },
            RefundRefusal::OtherCurrency { currency: left.currency },
        ),
        (lines(vec![line(0, 3, true)]), RefundRefusal::ExceedsLine { index: 0, units_left: 2 }),
        (lines(vec![line(9, 1, true)]), RefundRefusal::UnknownLine { index: 0 }),
    ];
    for (ask, refusal) in refusals {
        assert_eq!(decide(&ask, &order), Err(refusal), "{ask:?}");
    }
}

#[test]
fn nothing_is_left_of_what_was_given_back() {
    let mut order = paid(&[(2, 100)]);
    order.state = OrderState::Refunded;
    order.refunded_minor = 200;
    let refusal = decide(&RefundAsk::Rest { restock: false }, &order);
    assert_eq!(refusal, Err(RefundRefusal::ExceedsPayment { left: eur(0) }));
}

#[test]
fn only_a_payment_that_nobody_disputes_is_given_back() {
    for &state in OrderState::ALL {
        let admitted = admit(state).is_ok();
        let is_paid =
            state.is_bought() && !matches!(state, OrderState::Confirmed | OrderState::Disputed);
        assert_eq!(admitted, is_paid, "{state}");
    }
}

#[test]
fn the_refund_of_a_providers_refund_is_always_the_same() {
    assert_eq!(RefundId::of_provider("re_1"), RefundId::of_provider("re_1"));
    assert_ne!(RefundId::of_provider("re_1"), RefundId::of_provider("re_2"));
}

fn any_ask() -> impl Strategy<Value = RefundAsk> {
    let some_lines = proptest::collection::btree_map(0usize..4, (1u32..5, any::<bool>()), 1..4);
    prop_oneof![
        (-5i64..400).prop_map(|amount| RefundAsk::Amount { amount: eur(amount) }),
        some_lines.prop_map(|asked| {
            lines(asked.into_iter().map(|(n, (units, restock))| line(n, units, restock)).collect())
        }),
        any::<bool>().prop_map(|restock| RefundAsk::Rest { restock }),
    ]
}

fn any_word() -> impl Strategy<Value = ProviderWord> {
    prop_oneof![Just(ProviderWord::UnderWay), Just(ProviderWord::Done), Just(ProviderWord::Undone)]
}

proptest! {
    #[test]
    fn refunds_never_come_to_more_than_was_taken(
        bought in proptest::collection::vec((1u32..6, 1i64..100), 1..4),
        asks in proptest::collection::vec((any_ask(), any_word(), any_word()), 1..20),
    ) {
        let mut order = paid(&bought);
        let mut kept = order.captured.amount;
        for (ask, first, second) in asks {
            let Ok(decided) = decide(&ask, &order) else { continue };
            prop_assert!(decided.amount.amount > 0);
            order.pending_minor += decided.amount.amount;
            let mut stands = RefundState::Pending;
            for word in [first, second] {
                let Some(moved) = conclude(stands, word, decided.amount.amount) else { continue };
                stands = moved.state;
                order.refunded_minor += moved.refunded;
                order.pending_minor += moved.pending;
                kept -= moved.refunded;
            }
            if stands != RefundState::Failed {
                for refunded in decided.lines {
                    let of = |line: &&mut BoughtLine| line.line.sku == refunded.sku;
                    order.lines.iter_mut().find(of).unwrap().refunded_units +=
                        refunded.quantity.get();
                }
            }
            order.state = paid_state(order.captured.amount, order.refunded_minor, false);
            prop_assert!(order.refunded_minor >= 0 && order.pending_minor >= 0);
            prop_assert!(order.refunded_minor + order.pending_minor <= order.captured.amount);
            prop_assert_eq!(kept, order.captured.amount - order.refunded_minor);
            for bought in &order.lines {
                prop_assert!(bought.refunded_units <= bought.line.quantity.get());
            }
        }
    }
}
