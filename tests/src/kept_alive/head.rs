//! The head of an answer.

use std::{io, time::Duration};

/// As many headers as no answer of ours has.
const MOST_HEADERS: usize = 64;

/// What of an answer's head is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// `Retry-After`, if it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// Whether another answer can come on this connection.
    pub goes_on: bool,
    /// How long the body is.
    pub(super) length: Length,
}

/// How the end of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Known(usize),
    Chunked,
}

impl Head {
    /// Reads the head that `bytes` begin with, and answers where it ends; None while it has not
    /// come whole.
    ///
    /// # Errors
    /// When it is no head of an answer, or one that does not say where its body ends.
    pub fn read(bytes: &[u8]) -> io::Result<Option<(usize, Self)>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(end) = answer.parse(bytes).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let status = answer.code.ok_or_else(|| io::Error::other("an answer without a status"))?;
        let header = |name: &str| {
            let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
        };
        let given = header("content-length").and_then(|length| length.parse().ok());
        let length = match (status, given) {
            (204 | 304, _) => Length::Known(0),
            (_, Some(length)) => Length::Known(length),
            (..) if header("transfer-encoding") == Some("chunked") => Length::Chunked,
            _ => return Err(io::Error::other("an answer whose end can't be known")),
        };
        let seconds = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let goes_on =
            !header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Some((
            end,
            Self { status, retry_after: seconds.map(Duration::from_secs), goes_on, length },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(usize, Head)> {
        Head::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_head_is_read_once_it_has_come_whole() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(read(&text[..end]), None, "{end}");
        }
        let (end, head) = read(&format!("{text}a body")).unwrap();
        assert_eq!((end, head.status), (text.len(), 200));
        assert_eq!((head.length, head.goes_on), (Length::Known(12), true));
    }

    #[test]
    fn what_says_to_come_back_says_when() {
        let (_, busy) =
            read("HTTP/1.1 503 x\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!((busy.status, busy.retry_after), (503, Some(Duration::from_secs(2))));
        let (_, dated) =
            read("HTTP/1.1 503 x\r\nretry-after: Mon\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(dated.retry_after, None);
    }

    #[test]
    fn the_end_of_a_body_is_known_or_the_answer_is_none() {
        let (_, chunked) = read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(chunked.length, Length::Chunked);
        let (_, empty) = read("HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(empty.length, Length::Known(0));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::read(b"no http at all\r\n\r\n").is_err());
    }

    #[test]
    fn a_connection_that_closes_takes_no_further_request() {
        let (_, last) =
            read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert!(!last.goes_on);
    }
}
