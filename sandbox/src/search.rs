//! Searching payments (Stripe, "Search", "Search query language").

use std::ops::Bound::{Excluded, Unbounded};

use serde_json::{Value, json};

use crate::{error::ApiError, form::Form, lists::limit, objects::Intent, store::State};

const NUMBERS: [&str; 2] = ["amount", "created"];
const TEXTS: [&str; 3] = ["currency", "customer", "status"];

/// `GET /v1/payment_intents/search`
pub fn payment_intents(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.takes_only(&["limit", "page", "query"])?;
    let query = Query::parse(form.required("query")?)?;
    let limit = limit(form)?;
    let page = form.text("page");
    if page.is_some_and(|page| !state.intents.contains_key(page)) {
        return Err(ApiError::invalid("page", "Invalid page: it is no next_page of a search."));
    }
    let end = page.map_or(Unbounded, Excluded);
    let intents = state.intents.range::<str, _>((Unbounded, end)).rev().map(|(_, intent)| intent);
    let mut found: Vec<_> =
        intents.filter(|intent| query.matches(intent)).take(limit + 1).collect();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_page = found.last().filter(|_| has_more).map(|last| &last.id);
    Ok(json!({
        "object": "search_result", "url": "/v1/payment_intents/search", "has_more": has_more,
        "next_page": next_page, "data": found.iter().map(|intent| intent.json()).collect::<Vec<_>>(),
    }))
}

/// Clauses that have to be true, all or any of them.
#[derive(Debug)]
pub struct Query {
    clauses: Vec<Clause>,
    any: bool,
}

#[derive(Debug)]
struct Clause {
    negated: bool,
    field: Field,
    operator: Operator,
    value: Option<String>,
}

#[derive(Debug)]
enum Field {
    Number(&'static str),
    Text(&'static str),
    Metadata(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Is,
    Contains,
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut rest = text.trim();
        let mut clauses = Vec::new();
        let (mut all, mut any) = (false, false);
        while !rest.is_empty() {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match word.to_ascii_uppercase().as_str() {
                "AND" if !clauses.is_empty() => (all, rest) = (true, after.trim_start()),
                "OR" if !clauses.is_empty() => (any, rest) = (true, after.trim_start()),
                _ => {
                    let (clause, after) = Clause::parse(rest)?;
                    clauses.push(clause);
                    rest = after.trim_start();
                }
            }
        }
        if clauses.is_empty() || all && any {
            return Err(malformed(text));
        }
        Ok(Self { clauses, any })
    }

    /// Whether a payment is one that is looked for.
    pub fn matches(&self, intent: &Intent) -> bool {
        let mut clauses = self.clauses.iter();
        if self.any {
            clauses.any(|clause| clause.matches(intent))
        } else {
            clauses.all(|clause| clause.matches(intent))
        }
    }
}

impl Clause {
    /// The clause at the beginning of `text`, and what follows it.
    fn parse(text: &str) -> Result<(Self, &str), ApiError> {
        let (negated, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let end = rest.find([':', '~', '<', '>', '[']).ok_or_else(|| malformed(text))?;
        let (name, rest) = rest.split_at(end);
        let (field, rest) = match rest.strip_prefix('[') {
            Some(rest) if name == "metadata" => {
                let (key, rest) = quoted(rest).ok_or_else(|| malformed(text))?;
                (Field::Metadata(key), rest.strip_prefix(']').ok_or_else(|| malformed(text))?)
            }
            _ => (field(name)?, rest),
        };
        let (operator, rest) = operator(rest).ok_or_else(|| malformed(text))?;
        let (value, rest) = value(rest).ok_or_else(|| malformed(text))?;
        Ok((Self { negated, field, operator, value }, rest))
    }

    fn matches(&self, intent: &Intent) -> bool {
        let matches = match &self.field {
            Field::Number("amount") => self.fits_number(intent.amount),
            Field::Number(_) => self.fits_number(intent.created),
            Field::Text("currency") => self.fits_text(Some(&intent.currency)),
            Field::Text("status") => self.fits_text(Some(intent.status.as_str())),
            Field::Text(_) => self.fits_text(None),
            Field::Metadata(key) => {
                self.fits_text(intent.metadata.get(key).and_then(Value::as_str))
            }
        };
        matches != self.negated
    }

    fn fits_number(&self, number: i64) -> bool {
        let Some(wanted) = self.value.as_ref().and_then(|value| value.parse::<i64>().ok()) else {
            return false;
        };
        match self.operator {
            Operator::Is | Operator::Contains => number == wanted,
            Operator::Less => number < wanted,
            Operator::LessOrSame => number <= wanted,
            Operator::More => number > wanted,
            Operator::MoreOrSame => number >= wanted,
        }
    }

    fn fits_text(&self, text: Option<&str>) -> bool {
        match (text, &self.value) {
            (Some(text), Some(wanted)) if self.operator == Operator::Contains => {
                text.to_lowercase().contains(&wanted.to_lowercase())
            }
            (Some(text), Some(wanted)) => text.eq_ignore_ascii_case(wanted),
            (text, None) => text.is_none(),
            (None, Some(_)) => false,
        }
    }
}

fn field(name: &str) -> Result<Field, ApiError> {
    if let Some(number) = NUMBERS.iter().find(|known| **known == name) {
        return Ok(Field::Number(number));
    }
    if let Some(text) = TEXTS.iter().find(|known| **known == name) {
        return Ok(Field::Text(text));
    }
    let message = format!("Field `{name}` is an unsupported search field for `payment_intents`.");
    Err(ApiError::invalid("query", message))
}

fn operator(text: &str) -> Option<(Operator, &str)> {
    let operators = [
        ("<=", Operator::LessOrSame),
        (">=", Operator::MoreOrSame),
        (":", Operator::Is),
        ("~", Operator::Contains),
        ("<", Operator::Less),
        (">", Operator::More),
    ];
    operators.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
}

/// A quoted text, a number, or `null`, and what follows.
fn value(text: &str) -> Option<(Option<String>, &str)> {
    if let Some((value, rest)) = quoted(text) {
        return Some((Some(value), rest));
    }
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    match word {
        "null" => Some((None, rest)),
        number if number.parse::<i64>().is_ok() => Some((Some(number.to_owned()), rest)),
        _ => None,
    }
}

/// A text in quotes, in which a backslash takes the next character as it is, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            end if end == quote => return Some((value, &text[index + 1..])),
            other => value.push(other),
        }
    }
    None
}

fn malformed(query: &str) -> ApiError {
    let message = format!(
        "We were unable to parse your search query: {query}. A clause is field, operator and \
         value, such as metadata['order_id']:'6735'; clauses are joined by AND or by OR."
    );
    ApiError::invalid("query", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(query: &str) -> bool {
        let form = Form::parse(
            b"amount=1200&currency=eur&metadata[order_id]=67-35&metadata[a'b]=x y&capture_method=manual",
        );
        let at = crate::intents::Moment {
            now: 1_700_000_000,
            request: None,
            key: None,
            public_url: "",
            bank: crate::faults::BankTimes::default(),
        };
        let intent = crate::intents::create(&mut State::default(), &form, &at).unwrap();
        Query::parse(query).unwrap().matches(&intent)
    }

    #[test]
    fn a_payment_is_found_by_its_metadata() {
        assert!(matches("metadata['order_id']:'67-35'"));
        assert!(matches("metadata[\"order_id\"]~\"35\""));
        assert!(matches(r"metadata['a\'b']:'x y'"));
        assert!(!matches("metadata['order_id']:'67-36'"));
        assert!(matches("metadata['other']:null") && matches("-metadata['order_id']:null"));
    }

    #[test]
    fn clauses_are_joined_by_and_or_by_or() {
        assert!(matches("amount>1000 AND currency:'eur'") && matches("amount>1000 currency:'eur'"));
        assert!(!matches("amount>1000 AND currency:'usd'"));
        assert!(matches("amount<1000 OR -currency:'usd'"));
        assert!(matches("status:'requires_payment_method' created<=1700000000"));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for query in [
            "",
            "amount",
            "amount:",
            "nothing:'x'",
            "metadata['a:'b'",
            "amount>1 AND amount>2 OR amount>3",
        ] {
            assert!(Query::parse(query).is_err(), "{query}");
        }
    }
}
