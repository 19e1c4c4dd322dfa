//! Stripe's form encoding: `metadata[order_id]=…`, `payment_method_types[]=card`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// The parameters of a request, by their name as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Form {
    values: BTreeMap<String, Vec<String>>,
}

impl Form {
    /// Reads an encoded body or query.
    pub fn parse(encoded: &[u8]) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            values.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self { values }
    }

    /// The same for the same parameters, whatever order they came in. A digest, so that what is
    /// kept of a request shows no card number.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(format!("{:?}", self.values)))
    }

    /// The parameters inside a hash, as a form of their own: `payment_method_data[card][number]`
    /// is `card[number]` there.
    pub fn within(&self, name: &str) -> Self {
        let prefix = format!("{name}[");
        let inside = |(key, values): (&String, &Vec<String>)| {
            let (first, rest) = key.strip_prefix(&prefix)?.split_once(']')?;
            Some((format!("{first}{rest}"), values.clone()))
        };
        Self { values: self.values.iter().filter_map(inside).collect() }
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Refuses parameters that are not among `known`. A name ending in `[` stands for a hash or a
    /// list; `expand` is known everywhere.
    pub fn takes_only(&self, known: &[&str]) -> Result<(), ApiError> {
        let is_known = |name: &str| {
            name == "expand"
                || name.starts_with("expand[")
                || known.iter().any(|known| {
                    name == known.trim_end_matches('[')
                        || known.ends_with('[') && name.starts_with(*known)
                })
        };
        match self.values.keys().find(|name| !is_known(name)) {
            Some(name) => Err(ApiError::parameter(
                "parameter_unknown",
                name,
                format!("Received unknown parameter: {name}"),
            )),
            None => Ok(()),
        }
    }

    /// Whether a parameter was sent, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether a parameter was sent, or something inside a hash or a list of that name.
    pub fn names(&self, name: &str) -> bool {
        let is_inside = |key: &String| {
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        self.values.keys().any(is_inside)
    }

    /// A text, if it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?.last()?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// A text that has to be there.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| {
            if self.has(name) {
                let message = format!(
                    "You passed an empty string for '{name}'. We assume empty values are an \
                     attempt to unset a parameter; however '{name}' cannot be unset. You should \
                     remove '{name}' from your request or supply a non-empty value."
                );
                ApiError::parameter("parameter_invalid_empty", name, message)
            } else {
                let message = format!("Missing required param: {name}.");
                ApiError::parameter("parameter_missing", name, message)
            }
        })
    }

    /// A whole number, if it is there.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| {
            let message = format!("Invalid integer: {text}");
            ApiError::parameter("parameter_invalid_integer", name, message)
        })?;
        Ok(Some(number))
    }

    /// `true` or `false`, if it is there.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// One of several words, if it is there.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<&str>, ApiError> {
        match self.text(name) {
            Some(given) if !choices.contains(&given) => {
                let choices = choices.join(", ");
                Err(ApiError::invalid(name, format!("Invalid {name}: must be one of {choices}")))
            }
            given => Ok(given),
        }
    }

    /// A list: `a[]=…&a[]=…`, `a[0]=…&a[1]=…`.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut items: Vec<(usize, &String)> = Vec::new();
        for (key, values) in &self.values {
            if let Some(index) = key.strip_prefix(name).and_then(list_index) {
                items.extend(values.iter().map(|value| (index, value)));
            }
        }
        items.sort_by_key(|(index, _)| *index);
        items.into_iter().map(|(_, value)| value.clone()).collect()
    }

    /// The members of a hash, such as `metadata`.
    pub fn hash(&self, name: &str) -> Map<String, Value> {
        let prefix = format!("{name}[");
        let member = |(key, values): (&String, &Vec<String>)| {
            let key = key.strip_prefix(&prefix)?.strip_suffix(']')?;
            Some((key.to_owned(), Value::String(values.last()?.clone())))
        };
        self.values.iter().filter_map(member).collect()
    }

    /// A hash of hashes, such as `shipping[address][city]`; none if nothing of it is there.
    pub fn tree(&self, name: &str) -> Option<Value> {
        let mut tree = Value::Null;
        for (path, value) in self.hash(name) {
            let mut place = &mut tree;
            for step in path.split("][") {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                place = &mut place[step];
            }
            *place = value;
        }
        tree.is_object().then_some(tree)
    }
}

/// The place in a list that what follows its name stands for.
fn list_index(after_name: &str) -> Option<usize> {
    match after_name {
        "" | "[]" => Some(0),
        bracketed => bracketed.strip_prefix('[')?.strip_suffix(']')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_hashes_are_read_as_stripe_writes_them() {
        let form =
            Form::parse(b"t[]=card&u[0]=a&u[1]=b&metadata[order_id]=7&metadata[0]=x&amount=5");
        assert_eq!(form.list("t"), ["card"]);
        assert_eq!(form.list("u"), ["a", "b"]);
        assert_eq!(form.hash("metadata")["order_id"], "7");
        assert_eq!(form.hash("metadata")["0"], "x");
        assert_eq!(form.integer("amount").unwrap(), Some(5));
    }

    #[test]
    fn a_list_keeps_the_order_of_its_numbers() {
        let numbered: Vec<_> =
            (0..12).rev().map(|number| format!("a[{number}]={number}")).collect();
        let form = Form::parse(numbered.join("&").as_bytes());
        assert_eq!(form.list("a"), (0..12).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_hash_of_hashes_is_read_as_one_object() {
        let form = Form::parse(b"shipping[name]=Ada&shipping[address][city]=Turin");
        let expected = serde_json::json!({"name": "Ada", "address": {"city": "Turin"}});
        assert_eq!(form.tree("shipping"), Some(expected));
        assert_eq!(form.tree("billing"), None);
    }

    #[test]
    fn what_is_inside_a_hash_is_a_form_of_its_own() {
        let form = Form::parse(b"data[type]=card&data[card][cvc]=123&type=other");
        let inside = form.within("data");
        assert_eq!((inside.text("type"), inside.text("card[cvc]")), (Some("card"), Some("123")));
        assert!(form.within("other").is_empty());
    }

    #[test]
    fn a_fingerprint_is_of_all_parameters_and_shows_none() {
        let of = |form: &[u8]| Form::parse(form).fingerprint();
        assert_eq!(of(b"a=1&b=2"), of(b"b=2&a=1"));
        assert_ne!(of(b"a=1&b=2"), of(b"a=1&b=3"));
        assert!(!of(b"card[number]=4242424242424242").contains("4242424242424242"));
    }

    #[test]
    fn a_fraction_is_no_integer() {
        assert!(Form::parse(b"amount=5.5").integer("amount").is_err());
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let form = Form::parse(b"amount=5&metadata[a]=1&expand[]=x&amuont=6");
        assert!(form.takes_only(&["amount", "amuont", "metadata["]).is_ok());
        let refused = form.takes_only(&["amount", "metadata["]).unwrap_err();
        assert_eq!(refused.body["error"]["param"], "amuont");
    }
}
