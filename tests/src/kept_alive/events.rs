//! A stream of events (HTML Living Standard, "Server-sent events").

use std::io;

use tokio::io::AsyncReadExt;

use super::{Head, Request, Wire, chunks::Chunks, head::Length};

/// An event stream that has begun.
#[derive(Debug)]
pub struct EventStream {
    wire: Wire,
    chunks: Chunks,
    text: Vec<u8>,
    has_ended: bool,
}

impl EventStream {
    /// Asks for the stream. The connection is its own from then on, whatever the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(mut wire: Wire, request: &Request) -> io::Result<(Head, Self)> {
        let head = wire.send(request).await?;
        wire.received.drain(..wire.body);
        let has_ended = head.status != 200 || head.length != Length::Chunked;
        let stream = Self { wire, chunks: Chunks::default(), text: Vec::new(), has_ended };
        Ok((head, stream))
    }

    /// The data of the next event, once it has come whole; None at the end. What has come is kept
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// When the connection is lost before the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if !self.has_ended {
                self.has_ended = self.chunks.take(&mut self.wire.received, &mut self.text)?;
            }
            if let Some(data) = next_data(&mut self.text) {
                return Ok(Some(data));
            }
            if self.has_ended {
                return Ok(None);
            }
            if self.wire.stream.read_buf(&mut self.wire.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Takes events off `text` until one has data.
fn next_data(text: &mut Vec<u8>) -> Option<Vec<u8>> {
    while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
        let event: Vec<u8> = text.drain(..end + 2).collect();
        let mut lines = event.split(|byte| *byte == b'\n');
        if let Some(data) = lines.find_map(|line| line.strip_prefix(b"data:")) {
            return Some(data.trim_ascii_start().to_vec());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_pass_and_half_an_event_waits_for_the_rest() {
        let mut text =
            b":\n\nevent: checkout\nid: 7\ndata: {\"a\":1}\n\nevent: checkout\nda".to_vec();
        assert_eq!(next_data(&mut text).unwrap(), b"{\"a\":1}");
        assert_eq!(next_data(&mut text), None);
        text.extend_from_slice(b"ta:{}\n\n");
        assert_eq!(next_data(&mut text).unwrap(), b"{}");
    }
}
