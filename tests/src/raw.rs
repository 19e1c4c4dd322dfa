//! Answers as they come on a socket: whole, cut off in the middle, or not at all.

use std::io;

use tokio::{io::AsyncReadExt, net::TcpStream};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The line of the status, and the headers.
    pub head: String,
    /// The body, in whatever pieces it came; empty for an event stream, which goes on.
    pub body: String,
    /// Whether another answer can come on this connection.
    pub goes_on: bool,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = pairs.filter(|(given, _)| given.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    /// Whether what follows is a stream of events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// Whether it says that it is a matter of the moment.
    #[must_use]
    pub fn says_when_to_come_back(&self) -> bool {
        self.status == 503 && self.header("retry-after").is_some()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum NoAnswer {
    /// The connection was closed or reset before the first byte.
    Nothing,
    /// The connection was closed or reset after this.
    Half(String),
}

/// Reads the answer to a request, which was a HEAD or was not.
///
/// # Errors
/// When there is none, or half of one.
pub async fn read_answer(socket: &mut TcpStream, to_head: bool) -> Result<Answer, NoAnswer> {
    let mut bytes = Vec::new();
    let read = read(socket, &mut bytes, to_head).await;
    read.map_err(|_| {
        if bytes.is_empty() {
            NoAnswer::Nothing
        } else {
            NoAnswer::Half(String::from_utf8_lossy(&bytes).into_owned())
        }
    })
}

async fn read(socket: &mut TcpStream, bytes: &mut Vec<u8>, to_head: bool) -> io::Result<Answer> {
    loop {
        let end = read_until(socket, bytes, b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other("no HTTP"))?;
        let mut answer = Answer { status, head, body: String::new(), goes_on: false };
        if (100..200).contains(&status) && status != 101 {
            bytes.drain(..end);
            continue;
        }
        if status == 101 || answer.is_stream() {
            return Ok(answer);
        }
        let closes = answer.header("connection").is_some_and(|value| value.contains("close"));
        answer.goes_on = !closes && !to_head;
        if !to_head && !matches!(status, 204 | 304) {
            read_body(socket, bytes, end, &answer).await?;
            answer.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
        }
        return Ok(answer);
    }
}

async fn read_body(
    socket: &mut TcpStream,
    bytes: &mut Vec<u8>,
    head: usize,
    answer: &Answer,
) -> io::Result<()> {
    if answer.header("transfer-encoding").is_some() {
        // Chunks end with an empty one; no body of ours has this in it.
        return read_until(socket, bytes, b"0\r\n\r\n").await.map(drop);
    }
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    while bytes.len() - head < length.unwrap_or(usize::MAX) {
        if socket.read_buf(bytes).await? == 0 {
            return match length {
                Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                None => Ok(()),
            };
        }
    }
    Ok(())
}

/// Reads until `end` has come; where that ends.
async fn read_until(socket: &mut TcpStream, bytes: &mut Vec<u8>, end: &[u8]) -> io::Result<usize> {
    loop {
        if let Some(at) = bytes.windows(end.len()).position(|window| window == end) {
            return Ok(at + end.len());
        }
        if socket.read_buf(bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
