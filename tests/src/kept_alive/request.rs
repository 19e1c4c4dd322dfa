//! Requests, written out.

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// A request with these lines of its head, each without its end, and this body.
    #[must_use]
    pub fn new(method: &str, path: &str, lines: &[&str], body: &str) -> Self {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        for line in lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            text.push_str("content-length: ");
            text.push_str(&body.len().to_string());
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(body);
        Self(text.into_bytes())
    }

    /// `GET path`
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path, &[], "")
    }

    /// `GET path`, from somebody who takes gzip.
    #[must_use]
    pub fn get_compressed(path: &str) -> Self {
        Self::new("GET", path, &["accept-encoding: gzip"], "")
    }

    /// `POST path` with a JSON body.
    #[must_use]
    pub fn post(path: &str, body: &str) -> Self {
        Self::new("POST", path, &["content-type: application/json"], body)
    }

    /// `POST path` with a JSON body and the provider's signature of it.
    #[must_use]
    pub fn post_signed(path: &str, body: &str, signature: &str) -> Self {
        let signature = format!("stripe-signature: {signature}");
        Self::new("POST", path, &["content-type: application/json", &signature], body)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_http_has_it() {
        let get = Request::get("/a");
        assert_eq!(get.as_bytes(), b"GET /a HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let put = Request::new("PUT", "/b", &["x: 1", "y: 2"], "{}");
        let text =
            "PUT /b HTTP/1.1\r\nhost: localhost\r\nx: 1\r\ny: 2\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(put.as_bytes(), text.as_bytes());
    }
}
