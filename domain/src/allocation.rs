//! Who gets which units: the one decision about stock, over what is there now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CartLines, Money, PricedLine, Sku, order};

/// How many units of a product are shown, at the most.
pub const MOST_SHOWN: i64 = 10;

/// A product as the allocation finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockLine {
    /// Its name.
    pub name: String,
    /// For one unit.
    pub unit_price: Money,
    /// Units that nobody holds or has bought.
    pub available: i64,
}

/// How one line of a cart stands against the stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortLine {
    /// Which product.
    pub sku: Sku,
    /// Units asked for.
    pub requested: u32,
    /// Units to be had, never more shown than were asked for or [`MOST_SHOWN`].
    pub available: i64,
    /// For one unit; none for a SKU that the shop does not have.
    pub unit_price: Option<Money>,
    /// What the shopper can do about it.
    pub status: LineStatus,
}

/// Whether a line can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    /// As asked for.
    Ok,
    /// Only some of it.
    Reduced,
    /// None of it.
    OutOfStock,
    /// The shop has no such SKU.
    Unknown,
}

impl ShortLine {
    /// Holds `requested` units of `sku` against `stock`.
    #[must_use]
    pub fn check(sku: &Sku, requested: u32, stock: Option<&StockLine>) -> Self {
        let available = stock.map_or(0, |line| line.available.max(0));
        let status = match stock {
            None => LineStatus::Unknown,
            Some(_) if available >= i64::from(requested) => LineStatus::Ok,
            Some(_) if available > 0 => LineStatus::Reduced,
            Some(_) => LineStatus::OutOfStock,
        };
        Self {
            sku: sku.clone(),
            requested,
            available: available.min(MOST_SHOWN.max(i64::from(requested))),
            unit_price: stock.map(|line| line.unit_price),
            status,
        }
    }
}

/// Why an order is not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// The shop has no such products.
    UnknownSku {
        /// Which.
        skus: Vec<Sku>,
    },
    /// Not every line can be had in full.
    OutOfStock {
        /// Every line of the order, short or not.
        lines: Vec<ShortLine>,
    },
    /// The total is not the one that the shopper saw.
    PriceChanged {
        /// What it is now.
        total: Money,
    },
    /// The provider takes no charge of this size.
    NotChargeable {
        /// What it would be.
        total: Money,
    },
    /// The lines are priced in more than one currency, or their sum does not fit.
    NoTotal,
}

/// Holds all of `lines`, or nothing.
///
/// On success the units are taken from `stock` and the lines come back with their prices, in
/// the shopper's order; on refusal `stock` is as it was. A batch of orders is a call each on
/// the same `stock`, first come, first served.
pub fn allocate(
    lines: &CartLines,
    expected_total: Option<Money>,
    stock: &mut BTreeMap<Sku, StockLine>,
) -> Result<Vec<PricedLine>, Refusal> {
    let priced = price(lines, stock)?;
    let total = order::total(&priced).ok_or(Refusal::NoTotal)?;
    if !total.is_chargeable() {
        return Err(Refusal::NotChargeable { total });
    }
    if expected_total.is_some_and(|expected| expected != total) {
        return Err(Refusal::PriceChanged { total });
    }
    let checked = check(lines, stock);
    if checked.iter().any(|line| line.status != LineStatus::Ok) {
        return Err(Refusal::OutOfStock { lines: checked });
    }
    for line in lines.as_slice() {
        if let Some(held) = stock.get_mut(&line.sku) {
            held.available -= i64::from(line.quantity.get());
        }
    }
    Ok(priced)
}

/// How each of `lines` stands against `stock`.
#[must_use]
pub fn check(lines: &CartLines, stock: &BTreeMap<Sku, StockLine>) -> Vec<ShortLine> {
    let check = |line: &crate::CartLine| {
        ShortLine::check(&line.sku, line.quantity.get(), stock.get(&line.sku))
    };
    lines.as_slice().iter().map(check).collect()
}

fn price(lines: &CartLines, stock: &BTreeMap<Sku, StockLine>) -> Result<Vec<PricedLine>, Refusal> {
    let mut priced = Vec::with_capacity(lines.as_slice().len());
    let mut unknown = Vec::new();
    for line in lines.as_slice() {
        match stock.get(&line.sku) {
            Some(found) => priced.push(PricedLine {
                sku: line.sku.clone(),
                name: found.name.clone(),
                quantity: line.quantity,
                unit_price: found.unit_price,
            }),
            None => unknown.push(line.sku.clone()),
        }
    }
    if unknown.is_empty() { Ok(priced) } else { Err(Refusal::UnknownSku { skus: unknown }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CartLine;

    fn sku(n: u8) -> Sku {
        format!("sku-{n}").parse().unwrap()
    }

    fn shelf(units: &[i64]) -> BTreeMap<Sku, StockLine> {
        let line = |(n, &available): (usize, &i64)| {
            let unit_price = Money::new(100, "EUR".parse().unwrap());
            (
                sku(u8::try_from(n).unwrap()),
                StockLine { name: "thing".into(), unit_price, available },
            )
        };
        units.iter().enumerate().map(line).collect()
    }

    fn cart(lines: &[(u8, u32)]) -> CartLines {
        let line = |&(n, q): &(u8, u32)| CartLine { sku: sku(n), quantity: q.try_into().unwrap() };
        lines.iter().map(line).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn one_short_line_holds_none() {
        let mut stock = shelf(&[5, 1]);
        let before = stock.clone();
        let refusal = allocate(&cart(&[(0, 2), (1, 2)]), None, &mut stock).unwrap_err();
        let Refusal::OutOfStock { lines } = refusal else { panic!("{refusal:?}") };
        assert_eq!(lines[0].status, LineStatus::Ok);
        assert_eq!((lines[1].status, lines[1].available), (LineStatus::Reduced, 1));
        assert_eq!(stock, before);
    }

    #[test]
    fn a_sku_that_the_shop_does_not_have_is_named() {
        let refusal = allocate(&cart(&[(0, 1), (9, 1)]), None, &mut shelf(&[5])).unwrap_err();
        assert_eq!(refusal, Refusal::UnknownSku { skus: vec![sku(9)] });
    }

    #[test]
    fn a_changed_price_is_told_with_the_new_total() {
        let eur = "EUR".parse().unwrap();
        let refusal =
            allocate(&cart(&[(0, 2)]), Some(Money::new(150, eur)), &mut shelf(&[5])).unwrap_err();
        assert_eq!(refusal, Refusal::PriceChanged { total: Money::new(200, eur) });
    }

    proptest! {
        #[test]
        fn no_batch_of_carts_takes_more_than_there_is(
            units in proptest::collection::vec(0i64..20, 1..5),
            carts in proptest::collection::vec(
                proptest::collection::btree_map(0u8..6, 1u32..8, 1..5), 1..30),
        ) {
            let mut stock = shelf(&units);
            let mut taken = vec![0i64; units.len()];
            for wanted in carts {
                let lines: Vec<_> = wanted.into_iter().collect();
                let before = stock.clone();
                let Ok(priced) = allocate(&cart(&lines), None, &mut stock) else {
                    prop_assert_eq!(&stock, &before);
                    continue;
                };
                for line in &priced {
                    let n = lines.iter().find(|(n, _)| sku(*n) == line.sku).unwrap().0;
                    taken[usize::from(n)] += i64::from(line.quantity.get());
                }
            }
            for (n, &on_hand) in units.iter().enumerate() {
                let left = stock[&sku(u8::try_from(n).unwrap())].available;
                prop_assert!(left >= 0);
                prop_assert_eq!(left + taken[n], on_hand);
            }
        }
    }
}
