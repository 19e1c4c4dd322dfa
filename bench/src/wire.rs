//! An HTTP client that costs next to nothing: the same bytes sent again and again on one
//! connection. With a real client, much of what is measured would be the client.

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A kept-alive connection.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A request, written out.
#[derive(Clone, Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// `GET path`
    pub fn get(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes())
    }

    /// `GET path`, from somebody who takes gzip.
    pub fn get_compressed(path: &str) -> Self {
        let head = "host: bench\r\naccept-encoding: gzip";
        Self(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").into_bytes())
    }

    /// `POST path` with a JSON body.
    pub fn post(path: &str, body: &str) -> Self {
        Self::post_with("content-type: application/json", path, body)
    }

    /// `POST path` with a JSON body and the provider's signature of it.
    pub fn post_signed(path: &str, body: &str, signature: &str) -> Self {
        let head = format!("content-type: application/json\r\nstripe-signature: {signature}");
        Self::post_with(&head, path, body)
    }

    fn post_with(head: &str, path: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Self(text.into_bytes())
    }
}

impl Wire {
    /// Connects to `host:port`.
    pub async fn to(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(8_192) })
    }

    /// Sends a request whose answer has to be 200; answers the body.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<&[u8]> {
        self.stream.write_all(&request.0).await?;
        self.received.clear();
        let body = loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "the server hung up");
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let length = length_of_body(&self.received[..body])?;
        while self.received.len() < body + length {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "the server hung up");
        }
        Ok(&self.received[body..])
    }
}

fn length_of_body(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "not a 200: {head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
    });
    Ok(length.context("an answer without a length")??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_body_is_read_from_its_head() {
        assert_eq!(length_of_body(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n").unwrap(), 12);
        assert!(length_of_body(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(length_of_body(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
