//! Request bodies at the door: media type, size, syntax, then values, each with its own answer.

use std::{collections::BTreeSet, fmt, time::Duration};

use axum::{
    body::{Bytes, HttpBody, to_bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderValue,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use http_body_util::LengthLimitError;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Answer, Kind, Problem};

/// The most that a body may have, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;
/// How long it may take to arrive: less than a request may take in all.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A body that is JSON.
pub struct JsonBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Answer<Self> {
        if let Some(wrong) = not_plain_json(&request) {
            let detail = format!("{wrong}; send application/json in UTF-8, not compressed");
            return Err(Problem::new(Kind::UnsupportedMediaType).because(detail));
        }
        let bytes = read_up_to(request, LARGEST_BODY).await?;
        parse(&bytes).map(Self)
    }
}

/// A body that is JSON, or none.
pub struct OptionalJsonBody(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for OptionalJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        if request.body().is_end_stream() {
            return Ok(Self(None));
        }
        JsonBody::from_request(request, state).await.map(|body| Self(Some(body.0)))
    }
}

/// The request's media type, without parameters, lower case.
pub fn media_type(request: &Request) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// What is wrong with the form that the body comes in.
fn not_plain_json(request: &Request) -> Option<String> {
    let header = |name| {
        let value = request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        value.unwrap_or_default().trim().to_ascii_lowercase()
    };
    let media_type = media_type(request);
    if media_type != "application/json" {
        return Some(format!("the body came as '{media_type}'"));
    }
    let content_type = header(CONTENT_TYPE);
    let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    if let Some(charset) = charset.map(|name| name.trim_matches('"'))
        && !matches!(charset, "utf-8" | "utf8" | "us-ascii")
    {
        return Some(format!("the body came in '{charset}'"));
    }
    let encoding = header(CONTENT_ENCODING);
    (!matches!(encoding.as_str(), "" | "identity"))
        .then(|| format!("the body came compressed, as '{encoding}'"))
}

/// The whole body, if it has at most `most` bytes and arrives in time.
pub async fn read_up_to(request: Request, most: usize) -> Answer<Bytes> {
    read_within(BODY_WITHIN, request, most).await
}

async fn read_within(limit: Duration, request: Request, most: usize) -> Answer<Bytes> {
    let arrived = tokio::time::timeout(limit, to_bytes(request.into_body(), most)).await;
    let arrived = arrived.map_err(|_| Problem::new(Kind::RequestTimeout))?;
    arrived.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            let detail = format!("the body may have {most} bytes at most");
            Problem::new(Kind::BodyTooLarge).because(detail)
        } else {
            Problem::new(Kind::MalformedJson).because("the body did not arrive whole")
        }
    })
}

/// Reads JSON strictly: UTF-8, each member once, nothing after it.
pub fn parse(bytes: &[u8]) -> Answer<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value
        .map(|strict| strict.0)
        .map_err(|error| Problem::new(Kind::MalformedJson).because(error.to_string()))
}

/// A JSON value whose objects have each member once: of two, who knows which one was meant.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> DeserializeSeed<'de> for StrictVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// `2.0` is the whole number 2: JSON does not tell them apart (RFC 8259 section 6).
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        const PAST_THE_LARGEST: f64 = 9_223_372_036_854_775_808.0;
        if value.fract() == 0.0 && (-PAST_THE_LARGEST..PAST_THE_LARGEST).contains(&value) {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
            return Ok((value as i64).into());
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(serde::de::Error::custom(format!(
                    "the member '{name}' is there twice"
                )));
            }
            let value = members.next_value_seed(Self)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Reads an object member by member and gathers everything that is wrong with it, each by its
/// JSON pointer (RFC 6901).
pub struct Reader<'a> {
    object: Option<&'a Map<String, Value>>,
    at: String,
    errors: Vec<(String, String)>,
    read: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader of `value`, which is at pointer `at`.
    pub fn new(value: &'a Value, at: impl Into<String>) -> Self {
        let at = at.into();
        let object = value.as_object();
        let errors = match object {
            Some(_) => Vec::new(),
            None => vec![(at.clone(), "has to be an object".to_owned())],
        };
        Self { object, at, errors, read: BTreeSet::new() }
    }

    /// The pointer of a member.
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes that something is wrong.
    pub fn wrong(&mut self, pointer: String, detail: impl ToString) {
        self.errors.push((pointer, detail.to_string()));
    }

    /// Notes what another reader found.
    pub fn take_errors(&mut self, errors: Vec<(String, String)>) {
        self.errors.extend(errors);
    }

    /// A member that may be missing; `null` is as good as missing.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Value> {
        self.read.insert(name);
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// A member that has to be there.
    pub fn required(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.optional(name);
        if value.is_none() && self.object.is_some() {
            self.wrong(self.pointer(name), "is missing");
        }
        value
    }

    /// A text that `read` makes something of.
    pub fn text<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.required(name)?;
        self.read_text(name, value, read)
    }

    /// A text that may be missing.
    pub fn optional_text<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.optional(name)?;
        self.read_text(name, value, read)
    }

    fn read_text<T, E: ToString>(
        &mut self,
        name: &str,
        value: &Value,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = value.as_str() else {
            self.wrong(self.pointer(name), "has to be a text");
            return None;
        };
        read(text).map_err(|error| self.wrong(self.pointer(name), error)).ok()
    }

    /// A whole number.
    pub fn integer(&mut self, name: &'static str) -> Option<i64> {
        let value = self.required(name)?;
        let number = value.as_i64();
        if number.is_none() {
            self.wrong(self.pointer(name), "has to be a whole number");
        }
        number
    }

    /// Yes or no, which may be missing.
    pub fn optional_flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.optional(name)?;
        if !value.is_boolean() {
            self.wrong(self.pointer(name), "has to be true or false");
        }
        value.as_bool()
    }

    /// What was read, if nothing was wrong and there was nothing else.
    pub fn finish<T>(self, read: Option<T>) -> Answer<T> {
        match self.finish_with_errors(read) {
            Ok(read) => Ok(read),
            Err(errors) => Err(Problem::invalid_all(errors)),
        }
    }

    /// Like `finish`, for an object within another.
    pub fn finish_with_errors<T>(mut self, read: Option<T>) -> Result<T, Vec<(String, String)>> {
        let names = self.object.into_iter().flat_map(Map::keys);
        let unknown: Vec<_> = names.filter(|name| !self.read.contains(name.as_str())).collect();
        for name in unknown {
            self.wrong(self.pointer(name), "is not a member of this request");
        }
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => Err(self.errors),
        }
    }
}

/// Reads a text of `least` to `most` characters without control characters.
pub fn plain_text(least: usize, most: usize) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let length = text.chars().count();
        let clean = !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        if (least..=most).contains(&length) && clean {
            Ok(text.to_owned())
        } else {
            Err(format!("has to be {least} to {most} characters, without control characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_waited_for_a_while() {
        let begun = stream::once(async { Ok::<_, std::io::Error>("{") });
        let body = Body::from_stream(begun.chain(stream::pending()));
        let request = Request::new(body);
        let answer = read_within(Duration::from_millis(50), request, LARGEST_BODY).await;
        assert_eq!(answer.unwrap_err().kind, Kind::RequestTimeout);
    }

    #[test]
    fn what_is_not_one_json_value_is_malformed() {
        let deep = "[".repeat(10_000);
        for bad in ["", "{", "{}{}", "{} x", r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"a":1}}]"#, &deep]
        {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().kind, Kind::MalformedJson, "{bad:.20}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert_eq!(parse(br#" {"a":[1,null]} "#).unwrap(), serde_json::json!({"a":[1,null]}));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_spelled() {
        let spelled = parse(b"[2.0, 2e0, -0.0, 2.5, 1e300]").unwrap();
        assert_eq!(spelled, serde_json::json!([2, 2, 0, 2.5, 1e300]));
    }

    #[test]
    fn every_bad_member_is_pointed_to() {
        let body = serde_json::json!({"n": 1.5, "x/y": 1});
        let mut reader = Reader::new(&body, "");
        let n = reader.integer("n");
        let m = reader.text("m", |text| Ok::<_, String>(text.to_owned()));
        let errors = reader.finish_with_errors(n.zip(m)).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/n", "/m", "/x~1y"]);
    }
}
