//! Stripe's form encoding: `metadata[order_id]=…`, `payment_method_types[]=card`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// The parameters of a request, by their full name; lists keep their order.
#[derive(Clone, Debug, Default)]
pub struct Form {
    values: BTreeMap<String, Vec<String>>,
}

impl Form {
    /// Reads an encoded body or query.
    pub fn parse(encoded: &[u8]) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            let name = list_name(&name);
            values.entry(name).or_default().push(value.into_owned());
        }
        Self { values }
    }

    /// The parameters in one order, whatever order they came in.
    pub fn canonical(&self) -> String {
        format!("{:?}", self.values)
    }

    /// Refuses parameters that are not among `known` (a name ending in `[` stands for a hash).
    pub fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        for name in self.values.keys() {
            let fits = |known: &&str| {
                name == known
                    || known.ends_with('[') && name.starts_with(*known)
                    || name == "expand"
            };
            if !known.iter().any(fits) {
                let message = format!("Received unknown parameter: {name}");
                return Err(ApiError::parameter("parameter_unknown", name, message));
            }
        }
        Ok(())
    }

    /// A text, if it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?.last()?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// A text that has to be there.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| {
            ApiError::parameter(
                "parameter_missing",
                name,
                format!("Missing required param: {name}."),
            )
        })
    }

    /// A whole number, if it is there.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| {
            ApiError::parameter(
                "parameter_invalid_integer",
                name,
                format!("Invalid integer: {text}"),
            )
        })?;
        Ok(Some(number))
    }

    /// `true` or `false`, if it is there.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(ApiError::parameter(
                "parameter_invalid_boolean",
                name,
                format!("Invalid boolean: {other}"),
            )),
        }
    }

    /// A list.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.values.get(name).cloned().unwrap_or_default()
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
}

/// `a[]` and `a[0]` name the list `a`.
fn list_name(name: &str) -> String {
    if let Some((list, index)) = name.strip_suffix(']').and_then(|name| name.rsplit_once('['))
        && index.bytes().all(|byte| byte.is_ascii_digit())
    {
        return list.to_owned();
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_hashes_are_read_as_stripe_writes_them() {
        let form = Form::parse(b"t[]=card&u[0]=a&u[1]=b&metadata[order_id]=7&amount=5");
        assert_eq!(form.list("t"), ["card"]);
        assert_eq!(form.list("u"), ["a", "b"]);
        assert_eq!(form.hash("metadata")["order_id"], "7");
        assert_eq!(form.integer("amount").unwrap(), Some(5));
    }

    #[test]
    fn a_fraction_is_no_integer() {
        assert!(Form::parse(b"amount=5.5").integer("amount").is_err());
    }
}
