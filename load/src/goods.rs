//! What is sold, and the requests that are the same for everybody.

use std::{borrow::Cow, collections::BTreeMap};

use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use system_tests::{Chance, Operator, PRICE, kept_alive::Request};

use crate::mix::share;

/// How many products there are.
const PRODUCTS: u32 = 100;
/// Of so many products, one is wanted by more than there are units of it.
const SCARCE_ONE_IN: u32 = 25;
const SCARCE_UNITS: i64 = 20;
const ENOUGH_UNITS: i64 = 1_000_000;
/// Operators' changes that are made at once.
const CHANGES_AT_ONCE: usize = 8;

/// A product, by its place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which(u16);

/// So many units of a product, in a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub product: Which,
    pub quantity: u8,
}

/// What is sold.
pub struct Goods {
    products: Vec<Product>,
    pub list: Request,
}

struct Product {
    sku: String,
    units: i64,
    json: Request,
    page: Request,
    /// How the JSON of the product begins.
    begins: Vec<u8>,
}

impl Goods {
    /// A shop full of products.
    pub fn of_a_shop() -> Self {
        let units = |number: u32| {
            if number.is_multiple_of(SCARCE_ONE_IN) { SCARCE_UNITS } else { ENOUGH_UNITS }
        };
        Self::of((1..=PRODUCTS).map(|number| (format!("load-{number:03}"), units(number))))
    }

    /// One product, of which there are `units`.
    pub fn of_a_drop(units: u32) -> Self {
        Self::of([("drop".to_owned(), i64::from(units))])
    }

    fn of(products: impl IntoIterator<Item = (String, i64)>) -> Self {
        let product = |(sku, units): (String, i64)| Product {
            json: Request::get(&format!("/v1/products/{sku}")),
            page: Request::get_compressed(&format!("/products/{sku}")),
            begins: format!(r#"{{"sku":"{sku}","#).into_bytes(),
            sku,
            units,
        };
        let products = products.into_iter().map(product).collect();
        Self { products, list: Request::get("/v1/products?limit=20") }
    }

    /// Creates the products.
    pub async fn stock_up(&self, operator: &Operator) {
        let stocked = self.products.iter().map(|product| async move {
            operator.put_product(&product.sku, PRICE).await;
            operator.adjust_stock(&product.sku, product.units).await;
        });
        stream::iter(stocked).buffer_unordered(CHANGES_AT_ONCE).collect::<()>().await;
    }

    /// How many units there were of each product.
    pub fn stocked(&self) -> BTreeMap<String, i64> {
        self.products.iter().map(|product| (product.sku.clone(), product.units)).collect()
    }

    /// A product; the first ones are liked best.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a hundred products"
    )]
    pub fn pick(&self, chance: &mut Chance) -> Which {
        let place = self.products.len() as f64 * share(chance).powi(2);
        Which((place as usize).min(self.products.len() - 1) as u16)
    }

    /// The product of which there are most.
    pub fn plenty(&self) -> Which {
        let most = self.products.iter().enumerate().max_by_key(|(_, product)| product.units);
        Which(most.and_then(|(place, _)| u16::try_from(place).ok()).unwrap_or_default())
    }

    pub fn json(&self, which: Which) -> &Request {
        &self.product(which).json
    }

    pub fn page(&self, which: Which) -> &Request {
        &self.product(which).page
    }

    /// Whether a body is the JSON of this product.
    pub fn is_of(&self, which: Which, body: &[u8]) -> bool {
        body.starts_with(&self.product(which).begins)
    }

    /// Lines as an order has them.
    pub fn order_lines(&self, cart: &[Line]) -> Vec<(String, u32)> {
        let line = |line: &Line| (self.product(line.product).sku.clone(), line.quantity.into());
        cart.iter().map(line).collect()
    }

    /// Asks how a cart stands.
    pub fn stock_check(&self, cart: &[Line]) -> Request {
        let line =
            |line: &Line| json!({"sku": self.product(line.product).sku, "quantity": line.quantity});
        let body = json!({"lines": cart.iter().map(line).collect::<Vec<_>>()});
        Request::post("/v1/stock-check", &body.to_string())
    }

    /// The cart as a stock check leaves it: what is out of stock goes, what is there in part is
    /// there in part. None for what is no answer to this cart.
    pub fn follow(&self, cart: &[Line], answer: &[u8]) -> Option<Vec<Line>> {
        let checked: Checked<'_> = serde_json::from_slice(answer).ok()?;
        if checked.lines.len() != cart.len() {
            return None;
        }
        let mut left = Vec::with_capacity(cart.len());
        for (line, checked) in cart.iter().zip(&checked.lines) {
            if checked.sku != self.product(line.product).sku {
                return None;
            }
            match &*checked.status {
                "ok" => left.push(*line),
                "reduced" => left.push(Line { quantity: checked.available, ..*line }),
                "out_of_stock" => {}
                _ => return None,
            }
        }
        Some(left)
    }

    fn product(&self, Which(place): Which) -> &Product {
        &self.products[usize::from(place)]
    }
}

#[derive(Deserialize)]
struct Checked<'a> {
    #[serde(borrow)]
    lines: Vec<CheckedLine<'a>>,
}

#[derive(Deserialize)]
struct CheckedLine<'a> {
    #[serde(borrow)]
    sku: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    available: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[(&str, &str, u8)]) -> Vec<u8> {
        let line = |(sku, status, available): &(&str, &str, u8)| {
            json!({"sku": sku, "requested": 2, "available": available, "unit_price": null,
                "status": status})
        };
        let lines: Vec<_> = lines.iter().map(line).collect();
        json!({"lines": lines, "total": null, "as_of": ""}).to_string().into_bytes()
    }

    #[test]
    fn a_cart_follows_what_the_stock_check_says() {
        let goods = Goods::of_a_shop();
        let line = |place: u16| Line { product: Which(place), quantity: 2 };
        let cart = [line(0), line(1), line(2)];
        let said = answer(&[
            ("load-001", "ok", 2),
            ("load-002", "out_of_stock", 0),
            ("load-003", "reduced", 1),
        ]);
        let left = goods.follow(&cart, &said).unwrap();
        assert_eq!(left, [line(0), Line { quantity: 1, ..line(2) }]);
    }

    #[test]
    fn an_answer_about_another_cart_is_none() {
        let goods = Goods::of_a_shop();
        let cart = [Line { product: Which(0), quantity: 2 }];
        for said in [
            answer(&[("load-002", "ok", 2)]),
            answer(&[("load-001", "unknown", 0)]),
            answer(&[]),
            b"[]".to_vec(),
        ] {
            assert_eq!(goods.follow(&cart, &said), None);
        }
    }

    #[test]
    fn every_product_is_picked_and_the_first_ones_are_liked_best() {
        let goods = Goods::of_a_shop();
        let mut chance = Chance::of(1);
        let mut picked = vec![0_u32; 100];
        for _ in 0..100_000 {
            picked[usize::from(goods.pick(&mut chance).0)] += 1;
        }
        assert!(picked.iter().all(|times| *times > 0));
        assert!(picked[0] > 5 * picked[99]);
    }

    #[test]
    fn a_product_is_known_by_how_its_json_begins() {
        let goods = Goods::of_a_drop(5);
        assert!(goods.is_of(Which(0), br#"{"sku":"drop","name":"Thing"}"#));
        assert!(!goods.is_of(Which(0), br#"{"sku":"dropped","name":"Thing"}"#));
        assert_eq!(goods.stocked(), [("drop".to_owned(), 5)].into());
    }
}
