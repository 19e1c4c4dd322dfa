//! What clients attach to objects (Stripe, "Metadata").

use serde_json::{Map, Value};

use crate::{error::ApiError, form::Form};

const MOST_KEYS: usize = 50;
const LONGEST_KEY: usize = 40;
const LONGEST_VALUE: usize = 500;

/// The metadata of a new object.
pub fn read(form: &Form) -> Result<Map<String, Value>, ApiError> {
    let mut metadata = Map::new();
    merge(&mut metadata, form)?;
    Ok(metadata)
}

/// Changes an object's metadata: an empty value removes its key, an empty `metadata` all keys.
pub fn merge(metadata: &mut Map<String, Value>, form: &Form) -> Result<(), ApiError> {
    if let Some(text) = form.text("metadata") {
        let message = format!("Invalid object: metadata is a hash of texts, and not '{text}'.");
        return Err(ApiError::invalid("metadata", message));
    }
    if form.has("metadata") {
        metadata.clear();
    }
    for (key, value) in form.hash("metadata") {
        let text = value.as_str().unwrap_or_default();
        let param = format!("metadata[{key}]");
        if key.contains(['[', ']']) {
            let message = "Metadata keys can't contain square brackets, and values are texts.";
            return Err(ApiError::invalid(&param, message));
        }
        check_length(&param, "Metadata keys", &key, LONGEST_KEY)?;
        check_length(&param, "Metadata values", text, LONGEST_VALUE)?;
        if text.is_empty() {
            metadata.remove(&key);
        } else {
            metadata.insert(key, value);
        }
    }
    if metadata.len() > MOST_KEYS {
        let message = format!("You can only have {MOST_KEYS} keys in metadata.");
        return Err(ApiError::invalid("metadata", message));
    }
    Ok(())
}

fn check_length(param: &str, what: &str, text: &str, longest: usize) -> Result<(), ApiError> {
    let length = text.chars().count();
    if length <= longest {
        return Ok(());
    }
    let message = format!("{what} can have up to {longest} characters, but this one has {length}.");
    Err(ApiError::invalid(param, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_removes_its_key_and_an_empty_hash_all_keys() {
        let mut metadata = read(&Form::parse(b"metadata[a]=1&metadata[b]=2")).unwrap();
        merge(&mut metadata, &Form::parse(b"metadata[a]=&metadata[c]=3")).unwrap();
        assert_eq!(Value::Object(metadata.clone()), serde_json::json!({"b": "2", "c": "3"}));
        merge(&mut metadata, &Form::parse(b"metadata=")).unwrap();
        assert!(metadata.is_empty());
    }

    #[test]
    fn metadata_is_a_hash_of_texts() {
        for form in [&b"metadata=a"[..], b"metadata[a][b]=1", b"metadata[a[]=1"] {
            assert!(read(&Form::parse(form)).is_err(), "{}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn a_value_has_at_most_five_hundred_characters() {
        let long = format!("metadata[a]={}", "x".repeat(501));
        assert!(read(&Form::parse(long.as_bytes())).is_err());
    }
}
