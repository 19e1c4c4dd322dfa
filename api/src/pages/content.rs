//! Bytes that are served again and again: compressed once, known by their digest.

use std::io::Write;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::checkouts::matches_etag;

/// A page or a file, as it is and compressed.
pub struct Content {
    plain: Variant,
    /// None when compressing makes it no smaller.
    compressed: Option<Variant>,
    media_type: &'static str,
}

/// Each has an `ETag` of its own: they are not the same bytes.
struct Variant {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Content {
    pub fn new(bytes: Vec<u8>, media_type: &'static str) -> Self {
        let digest = digest(&bytes);
        let compressed = compress(&bytes).map(|bytes| Variant::new(bytes, &format!("{digest}-gz")));
        Self { plain: Variant::new(bytes, &digest), compressed, media_type }
    }

    /// The content, or 304 when the client has it.
    pub fn answer(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let compressed = self.compressed.as_ref().filter(|_| takes_gzip(headers));
        let variant = compressed.unwrap_or(&self.plain);
        let about = [
            (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
            (header::ETAG, variant.etag.clone()),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if matches_etag(headers, &variant.etag) {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type))];
        let mut response = (about, media_type, variant.bytes.clone()).into_response();
        if compressed.is_some() {
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        }
        response
    }
}

impl Variant {
    fn new(bytes: Vec<u8>, digest: &str) -> Self {
        let etag = HeaderValue::from_str(&format!("\"{digest}\""));
        Self { bytes: bytes.into(), etag: etag.unwrap_or(HeaderValue::from_static("\"\"")) }
    }
}

/// The start of the bytes' SHA-256, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..10])
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|compressed| compressed.len() < bytes.len())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    given.unwrap_or_default().split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = matches!(weight.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00");
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(codings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(codings))])
    }

    #[test]
    fn only_who_takes_gzip_gets_it() {
        let page = Content::new(vec![b'a'; 1_000], "text/plain");
        let encoding = |codings| {
            let response = page.answer(&accepting(codings), "no-cache");
            response.headers().get(header::CONTENT_ENCODING).cloned()
        };
        assert!(encoding("gzip, deflate, br").is_some());
        assert!(encoding("br;q=1.0, gzip;q=0.8").is_some());
        assert!(encoding("*").is_some());
        assert!(encoding("br").is_none());
        assert!(encoding("gzip;q=0").is_none());
    }

    #[test]
    fn what_gets_no_smaller_is_sent_as_it_is() {
        let tiny = Content::new(b"a".to_vec(), "text/plain");
        let response = tiny.answer(&accepting("gzip"), "no-cache");
        assert!(response.headers().get(header::CONTENT_ENCODING).is_none());
    }
}
