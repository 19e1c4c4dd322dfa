//! JSON, before anybody asks what it says.

use fuzz::{Verdict, hold};
use serde_json::Value;

use super::refused;
use crate::{body::parse, problem::Kind};

/// With whole numbers that are spelled as fractions as what they are: JSON knows no difference.
fn with_whole_numbers(value: Value) -> Value {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|_| number.is_f64()).filter(|f| f.fract() == 0.0);
            match whole.filter(|whole| (-TWO_TO_63..TWO_TO_63).contains(whole)) {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
                Some(whole) => (whole as i64).into(),
                None => Value::Number(number),
            }
        }
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect()
        }
        other => other,
    }
}

/// With nothing for fractions, which are refused wherever a number is read: of the last of their
/// digits nothing is promised.
fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Null,
        Value::Array(items) => items.into_iter().map(without_fractions).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_fractions(value))).collect()
        }
        other => other,
    }
}

#[test]
fn what_is_read_is_what_any_reader_of_json_reads_and_no_member_is_there_twice() {
    hold("json", |input| {
        let plainly = serde_json::from_slice::<Value>(input);
        match parse(input) {
            Ok(read) => {
                let plainly = with_whole_numbers(plainly.expect("it is JSON"));
                assert_eq!(with_whole_numbers(read.clone()), plainly, "it was read otherwise");
                let again = parse(read.to_string().as_bytes()).unwrap();
                assert_eq!(without_fractions(again), without_fractions(read), "it changes");
                Verdict::accepted()
            }
            Err(problem) => {
                assert_eq!(problem.kind, Kind::MalformedJson);
                let is_twice = problem.detail.contains("is there twice");
                assert!(plainly.is_err() || is_twice, "it is JSON: {}", problem.detail);
                // Names of members are the client's own, and not what tells refusals apart.
                let verdict = refused(problem, None);
                if is_twice { Verdict::refused("twice") } else { verdict }
            }
        }
    });
}
