//! A request as bytes, in parts that can be mutated each for itself.

use fuzz::{Chance, mutate};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::Uuid;

/// What stands in a target for an id that nobody has used.
pub const FRESH: &str = "{fresh}";
const SECRET: &[u8] = b"whsec_sandbox";

const METHODS: &[&str] =
    &["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "FOO"];

/// Headers that servers and what stands before them have stumbled over.
const HEADERS: &[(&str, &str)] = &[
    ("content-type", "application/json; charset=utf-16"),
    ("content-type", "text/plain"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-encoding", "gzip"),
    ("transfer-encoding", "chunked"),
    ("transfer-encoding", "gzip, chunked"),
    ("content-length", "0"),
    ("content-length", "18446744073709551616"),
    ("expect", "100-continue"),
    ("connection", "close, upgrade"),
    ("upgrade", "h2c"),
    ("host", "evil.example"),
    ("authorization", "Basic Og=="),
    ("authorization", "Bearer"),
    ("cookie", "holdfast_order=; holdfast_operator=\"a\""),
    ("origin", "null"),
    ("if-none-match", "*"),
    ("if-none-match", "W/\"1\", \""),
    ("range", "bytes=18446744073709551615-"),
    ("accept", "text/event-stream"),
    ("accept-encoding", "gzip;q=0, *;q=2"),
    ("last-event-id", "9223372036854775807"),
    ("last-event-id", "-1"),
    ("x-request-id", "a\tb"),
    ("x-forwarded-for", "unknown, 1.2.3.4:80, ::ffff:127.0.0.1"),
    ("traceparent", "00-00000000000000000000000000000000-0000000000000000-01"),
    ("traceparent", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"),
    ("tracestate", "a=1,a=2,=,"),
    ("stripe-signature", "t=0,v1=00"),
    ("stripe-version", "0000-00-00"),
    ("idempotency-key", "the same for all"),
];

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it is sent, host:port.
    pub server: String,
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// Signed as the provider signs, when it is sent.
    pub signed: bool,
}

impl Request {
    /// A request to `server`, host:port, without a body.
    pub fn new(server: &str, method: &str, target: &str) -> Self {
        Self {
            server: server.to_owned(),
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            signed: false,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn json(self, body: &serde_json::Value) -> Self {
        self.content("application/json", &body.to_string())
    }

    pub fn form(self, body: &str) -> Self {
        self.content("application/x-www-form-urlencoded", body)
    }

    pub fn content(mut self, media_type: &str, body: &str) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub const fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    /// As it is sent: with whatever is true of this very moment filled in.
    pub fn bytes(&self) -> Vec<u8> {
        let mut target = self.target.clone();
        if let Some(at) = find(&target, FRESH.as_bytes()) {
            target.splice(at..at + FRESH.len(), Uuid::new_v4().to_string().into_bytes());
        }
        let mut bytes = [self.method.as_bytes(), b" ", &target, b" HTTP/1.1\r\n"].concat();
        let mut add = |name: &str, value: &[u8]| {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        let is_given = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        if !is_given("host") {
            add("host", self.server.as_bytes());
        }
        if !is_given("content-length") && !is_given("transfer-encoding") {
            add("content-length", self.body.len().to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        if self.signed {
            add("stripe-signature", signature(&self.body).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Whether it may say by itself how long its body is, or that it comes in pieces.
    pub fn is_framed_by_hand(&self) -> bool {
        let framing = ["content-length", "transfer-encoding", "expect", "upgrade"];
        let breaks = |text: &[u8]| text.contains(&b'\n') || text.contains(&b'\r');
        self.method == "CONNECT"
            || breaks(&self.target)
            || self
                .headers
                .iter()
                .any(|(name, value)| framing.contains(&name.as_str()) || breaks(value))
    }

    /// Changes one part of it; pieces may come from `other`.
    pub fn mutate(&mut self, other: &Self, chance: &mut Chance) {
        match chance.below(12) {
            0..5 => mutate(&mut self.body, &other.body, chance),
            5..8 => mutate(&mut self.target, &other.target, chance),
            8 => self.method = (*chance.pick(METHODS)).to_owned(),
            9 => {
                let (name, value) = chance.pick(HEADERS);
                self.headers.push(((*name).to_owned(), value.as_bytes().to_vec()));
            }
            10 if !self.headers.is_empty() => {
                let at = chance.index(self.headers.len());
                self.headers.remove(at);
            }
            _ if !self.headers.is_empty() => {
                let at = chance.index(self.headers.len());
                mutate(&mut self.headers[at].1, &other.target, chance);
            }
            _ => self.target.clone_from(&other.target),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Stripe, "Verify webhook signatures manually".
fn signature(body: &[u8]) -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(&[format!("{now}.").as_bytes(), body].concat());
    format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes()))
}
