//! `POST /v1/orders/{order_id}/refunds`

use domain::{
    Money, RefundAsk, RefundId, RefundLine, RefundLines, Sku, cart::MOST_LINES,
    refund::InvalidRefundLines,
};
use serde_json::Value;

use super::{Errors, optional_money, quantity, uuid};
use crate::{
    body::{Reader, plain_text},
    problem::Answer,
};

/// What an operator asks to give back.
#[derive(Clone, Debug)]
pub struct AskRefund {
    pub refund_id: RefundId,
    pub ask: RefundAsk,
    pub reason: Option<String>,
}

impl AskRefund {
    /// Reads the body.
    pub fn read(body: &Value) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let refund_id = reader.text("refund_id", uuid).map(RefundId);
        let ask = ask(&mut reader);
        let reason = reader.optional_text("reason", plain_text(1, 500));
        let both = refund_id.zip(ask);
        reader.finish(both.map(|(refund_id, ask)| Self { refund_id, ask, reason }))
    }
}

/// An amount, or lines, or neither: then all that is left.
fn ask(reader: &mut Reader<'_>) -> Option<RefundAsk> {
    let (has_amount, has_lines) =
        (reader.optional("amount").is_some(), reader.optional("lines").is_some());
    let amount = optional_money(reader, "amount");
    let lines = reader.optional("lines").and_then(|value| lines(reader, value));
    let restock = reader.optional_flag("restock");
    if has_amount && has_lines {
        reader.wrong(reader.pointer("lines"), "goes without 'amount'");
    }
    if restock.is_some() && (has_amount || has_lines) {
        reader.wrong(reader.pointer("restock"), "goes with neither 'amount' nor 'lines'");
    }
    match (has_amount, has_lines) {
        (true, _) => amount
            .and_then(|amount| positive(reader, amount))
            .map(|amount| RefundAsk::Amount { amount }),
        (false, true) => lines.map(|lines| RefundAsk::Lines { lines }),
        (false, false) => Some(RefundAsk::Rest { restock: restock.unwrap_or(false) }),
    }
}

fn positive(reader: &mut Reader<'_>, amount: Money) -> Option<Money> {
    if amount.amount > 0 {
        return Some(amount);
    }
    let pointer = format!("{}/amount", reader.pointer("amount"));
    reader.wrong(pointer, "has to be 1 or more");
    None
}

fn lines(reader: &mut Reader<'_>, value: &Value) -> Option<RefundLines> {
    let at = reader.pointer("lines");
    let Some(lines) = value.as_array() else {
        reader.wrong(at, "has to be an array");
        return None;
    };
    if lines.len() > MOST_LINES {
        reader.wrong(at, InvalidRefundLines::Count);
        return None;
    }
    let mut read = Vec::with_capacity(lines.len());
    for (index, value) in lines.iter().enumerate() {
        match line(value, format!("{at}/{index}")) {
            Ok(line) => read.push(line),
            Err(errors) => reader.take_errors(errors),
        }
    }
    if read.len() < lines.len() {
        return None;
    }
    match RefundLines::try_from(read) {
        Ok(lines) => Some(lines),
        Err(wrong) => {
            let pointer = match wrong {
                InvalidRefundLines::Count => at,
                InvalidRefundLines::Repeated(index) => format!("{at}/{index}/sku"),
            };
            reader.wrong(pointer, wrong);
            None
        }
    }
}

fn line(value: &Value, at: String) -> Result<RefundLine, Errors> {
    let mut reader = Reader::new(value, at);
    let sku = reader.text("sku", str::parse::<Sku>);
    let quantity = quantity(&mut reader);
    let restock = reader.optional_flag("restock").unwrap_or(false);
    let both = sku.zip(quantity);
    reader.finish_with_errors(both.map(|(sku, quantity)| RefundLine { sku, quantity, restock }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "0199d6f5-2c3d-7e4f-8a5b-6c7d8e9f0a1b";

    fn pointers(body: &Value) -> Vec<String> {
        let problem = AskRefund::read(body).unwrap_err();
        let response = axum::response::IntoResponse::into_response(problem);
        let problem = response.extensions().get::<crate::problem::IsProblem>().unwrap().0.clone();
        let errors = problem["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_bad_value_of_a_refund_is_pointed_to() {
        let amount = |amount: i64| json!({"amount": amount, "currency": "EUR"});
        let line = json!({"sku": "mug", "quantity": 1});
        let cases = [
            (json!({}), vec!["/refund_id"]),
            (json!({"refund_id": ID, "amount": amount(0)}), vec!["/amount/amount"]),
            (json!({"refund_id": ID, "amount": amount(-1)}), vec!["/amount/amount"]),
            (json!({"refund_id": ID, "lines": []}), vec!["/lines"]),
            (
                json!({"refund_id": ID, "lines": [{"sku": "mug", "quantity": 0, "restock": 1}]}),
                vec!["/lines/0/quantity", "/lines/0/restock"],
            ),
            (json!({"refund_id": ID, "lines": [line, line]}), vec!["/lines/1/sku"]),
            (json!({"refund_id": ID, "lines": [line], "amount": amount(1)}), vec!["/lines"]),
            (json!({"refund_id": ID, "lines": [line], "restock": true}), vec!["/restock"]),
            (json!({"refund_id": ID, "reason": "", "x": 1}), vec!["/reason", "/x"]),
        ];
        for (body, expected) in cases {
            let found = pointers(&body);
            assert!(
                expected.iter().all(|pointer| found.iter().any(|f| f == pointer)),
                "{body}: {found:?}"
            );
        }
    }

    #[test]
    fn neither_amount_nor_lines_is_all_that_is_left() {
        let rest = |body: Value| AskRefund::read(&body).unwrap().ask;
        assert_eq!(rest(json!({"refund_id": ID})), RefundAsk::Rest { restock: false });
        let restock = json!({"refund_id": ID, "restock": true, "reason": "it came back"});
        assert_eq!(rest(restock), RefundAsk::Rest { restock: true });
    }
}
