//! Bodies of requests, parsed into what the rest can rely on.

mod refund;

use domain::{AttemptId, CartLine, CartLines, Money, Quantity, Sku, cart::InvalidLines};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    body::{Reader, plain_text},
    problem::Answer,
};

pub use self::refund::AskRefund;

type Errors = Vec<(String, String)>;

/// `PUT /v1/checkouts/{order_id}`
#[derive(Clone, Debug)]
pub struct StartCheckout {
    pub lines: CartLines,
    pub expected_total: Option<Money>,
    pub email: Option<String>,
}

impl StartCheckout {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let lines = cart_lines(&mut reader);
        let expected_total = optional_money(&mut reader, "expected_total");
        let email = reader.optional_text("email", email);
        reader.finish(lines.map(|lines| Self { lines, expected_total, email }))
    }
}

/// `POST /v1/stock-check`
pub fn stock_check(body: &Value) -> Answer<CartLines> {
    let mut reader = Reader::new(body, "");
    let lines = cart_lines(&mut reader);
    reader.finish(lines)
}

/// `POST /v1/checkouts/{order_id}/payment`
#[derive(Clone, Debug)]
pub struct PayRequest {
    pub attempt_id: AttemptId,
    pub payment_method: String,
}

impl PayRequest {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let attempt = reader.text("attempt_id", uuid).map(AttemptId);
        let method = reader.text("payment_method", payment_method);
        let both = attempt.zip(method);
        reader.finish(both.map(|(attempt_id, payment_method)| Self { attempt_id, payment_method }))
    }
}

/// `PUT /v1/products/{sku}`
#[derive(Clone, Debug)]
pub struct PutProduct {
    pub change_id: Option<Uuid>,
    pub reason: Option<String>,
    pub name: String,
    pub description: String,
    pub image_url: Option<String>,
    pub price: Money,
}

impl PutProduct {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let change_id = reader.optional_text("change_id", uuid);
        let reason = reader.optional_text("reason", plain_text(1, 500));
        let name = reader.text("name", plain_text(1, 200));
        let description = reader.text("description", plain_text(0, 5_000));
        let image_url = reader.optional_text("image_url", image_url);
        let price = money(&mut reader, "price");
        if let Some(price) = price
            && !(1..=domain::money::LARGEST_CHARGE_MINOR).contains(&price.amount)
        {
            let pointer = reader.pointer("price/amount").replace("~1", "/");
            reader.wrong(pointer, "has to be 1 to 99999999 minor units");
        }
        let all = name.zip(description).zip(price);
        reader.finish(all.map(|((name, description), price)| Self {
            change_id,
            reason,
            name,
            description,
            image_url,
            price,
        }))
    }
}

/// `POST /v1/orders/{order_id}/cancel` and `/retry`
#[derive(Clone, Debug)]
pub struct ChangeOrder {
    pub change_id: Uuid,
    pub reason: String,
}

impl ChangeOrder {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let id = reader.text("change_id", uuid);
        let reason = reader.text("reason", plain_text(1, 500));
        let both = id.zip(reason);
        reader.finish(both.map(|(change_id, reason)| Self { change_id, reason }))
    }
}

/// `POST /v1/webhooks/{event_id}/replay`
#[derive(Clone, Debug)]
pub struct Replay {
    pub change_id: Option<Uuid>,
    pub reason: Option<String>,
}

impl Replay {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let change_id = reader.optional_text("change_id", uuid);
        let reason = reader.optional_text("reason", plain_text(1, 500));
        reader.finish(Some(Self { change_id, reason }))
    }
}

/// `PATCH /v1/stock/{sku}`
#[derive(Clone, Debug)]
pub struct AdjustStock {
    pub adjustment_id: Uuid,
    pub on_hand_delta: i64,
    pub reason: String,
}

impl AdjustStock {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        const MOST: i64 = 1_000_000_000;
        let mut reader = Reader::new(body, "");
        let id = reader.text("adjustment_id", uuid);
        let delta = reader.integer("on_hand_delta");
        if delta.is_some_and(|delta| delta == 0 || !(-MOST..=MOST).contains(&delta)) {
            reader.wrong(
                reader.pointer("on_hand_delta"),
                "has to be up to 1000000000 units, in or out",
            );
        }
        let reason = reader.text("reason", plain_text(1, 500));
        let all = id.zip(delta).zip(reason);
        reader.finish(all.map(|((adjustment_id, on_hand_delta), reason)| Self {
            adjustment_id,
            on_hand_delta,
            reason,
        }))
    }
}

fn cart_lines(reader: &mut Reader<'_>) -> Option<CartLines> {
    let at = reader.pointer("lines");
    let Some(lines) = reader.required("lines")?.as_array() else {
        reader.wrong(at, "has to be an array");
        return None;
    };
    if lines.len() > domain::cart::MOST_LINES {
        reader.wrong(at, InvalidLines::Count);
        return None;
    }
    let mut read = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match cart_line(line, format!("{at}/{index}")) {
            Ok(line) => read.push(line),
            Err(errors) => reader.take_errors(errors),
        }
    }
    if read.len() < lines.len() {
        return None;
    }
    match CartLines::try_from(read) {
        Ok(lines) => Some(lines),
        Err(InvalidLines::Count) => {
            reader.wrong(at, InvalidLines::Count);
            None
        }
        Err(repeated @ InvalidLines::Repeated(index)) => {
            reader.wrong(format!("{at}/{index}/sku"), repeated);
            None
        }
    }
}

fn cart_line(value: &Value, at: String) -> Result<CartLine, Errors> {
    let mut reader = Reader::new(value, at);
    let sku = reader.text("sku", str::parse::<Sku>);
    let quantity = quantity(&mut reader);
    reader.finish_with_errors(sku.zip(quantity).map(|(sku, quantity)| CartLine { sku, quantity }))
}

fn quantity(reader: &mut Reader<'_>) -> Option<Quantity> {
    let units = reader.integer("quantity")?;
    let quantity = u32::try_from(units).ok().and_then(|units| Quantity::try_from(units).ok());
    if quantity.is_none() {
        reader.wrong(reader.pointer("quantity"), domain::cart::InvalidQuantity);
    }
    quantity
}

fn money(reader: &mut Reader<'_>, name: &'static str) -> Option<Money> {
    let value = reader.required(name)?;
    read_money(reader, name, value)
}

fn optional_money(reader: &mut Reader<'_>, name: &'static str) -> Option<Money> {
    let value = reader.optional(name)?;
    read_money(reader, name, value)
}

fn read_money(outer: &mut Reader<'_>, name: &str, value: &Value) -> Option<Money> {
    let mut reader = Reader::new(value, outer.pointer(name));
    let amount = reader.integer("amount");
    if amount.is_some_and(|amount| amount < 0) {
        reader.wrong(reader.pointer("amount"), "has to be nought or more");
    }
    let currency = reader.text("currency", str::parse);
    let money = amount.zip(currency).map(|(amount, currency)| Money::new(amount, currency));
    match reader.finish_with_errors(money) {
        Ok(money) => Some(money),
        Err(errors) => {
            outer.take_errors(errors);
            None
        }
    }
}

fn uuid(text: &str) -> Result<Uuid, &'static str> {
    Uuid::try_parse(text).map_err(|_| "has to be a UUID")
}

fn email(text: &str) -> Result<String, &'static str> {
    let fits = text.len() <= 254
        && text
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits { Ok(text.to_owned()) } else { Err("has to be an email address") }
}

fn payment_method(text: &str) -> Result<String, &'static str> {
    let visible =
        !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    if visible { Ok(text.to_owned()) } else { Err("has to be 1 to 255 visible ASCII characters") }
}

fn image_url(text: &str) -> Result<String, &'static str> {
    let fits = text.len() <= 500
        && (text.starts_with("https://") || text.starts_with('/') && !text.starts_with("//"))
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("has to be a path or an https address") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(body: &Value) -> Vec<String> {
        let problem = StartCheckout::read(body).unwrap_err();
        let body = axum::response::IntoResponse::into_response(problem);
        let problem = body.extensions().get::<crate::problem::IsProblem>().unwrap().0.clone();
        let errors = problem["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_bad_value_of_a_cart_is_pointed_to() {
        let line = |quantity: Value| json!({"lines": [{"sku": "mug", "quantity": quantity}]});
        for bad in [json!(0), json!(-1), json!(100), json!(1.5), json!("1"), json!(1u64 << 40)] {
            assert_eq!(pointers(&line(bad)), ["/lines/0/quantity"]);
        }
        assert_eq!(pointers(&json!({"lines": []})), ["/lines"]);
        assert_eq!(pointers(&json!({})), ["/lines"]);
        assert_eq!(pointers(&json!([])), [""]);
        assert_eq!(
            pointers(&json!({"lines": [
                {"sku": "a b", "quantity": 1, "color": 1}, {"sku": "b"}], "x": 1})),
            ["/lines/0/sku", "/lines/0/color", "/lines/1/quantity", "/x"]
        );
    }

    #[test]
    fn an_expected_total_is_money() {
        let body = |total: Value| json!({"lines": [{"sku": "mug", "quantity": 1}], "expected_total": total});
        assert!(StartCheckout::read(&body(json!({"amount": 5, "currency": "EUR"}))).is_ok());
        assert_eq!(
            pointers(&body(json!({"amount": 5.5, "currency": "eur"}))),
            ["/expected_total/amount", "/expected_total/currency"]
        );
    }
}
