//! A body in chunks (RFC 9112, section 7.1).

use std::io;

/// Where in a chunked body one is.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// Bytes of the chunk that has begun, its line break included.
    left: usize,
}

/// What follows the bytes of a chunk.
const LINE_BREAK: usize = 2;

impl Chunks {
    /// Moves what `came` of the body to `body`, as far as it is whole; whether that was its end.
    pub(super) fn take(&mut self, came: &mut Vec<u8>, body: &mut Vec<u8>) -> io::Result<bool> {
        let mut at = 0;
        let ended = loop {
            let rest = &came[at..];
            if self.left > 0 {
                let taken = self.left.min(rest.len());
                // The line break is no part of the body, and may come by halves.
                let of_body = self.left.saturating_sub(LINE_BREAK).min(taken);
                body.extend_from_slice(&rest[..of_body]);
                self.left -= taken;
                at += taken;
                if self.left > 0 {
                    break false;
                }
                continue;
            }
            match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((line, 0))) => {
                    // No answer of ours has trailers: an empty line is the end.
                    if rest.len() < line + LINE_BREAK {
                        break false;
                    }
                    at += line + LINE_BREAK;
                    break true;
                }
                Ok(httparse::Status::Complete((line, size))) => {
                    at += line;
                    self.left = usize::try_from(size).map_err(io::Error::other)? + LINE_BREAK;
                }
                Ok(httparse::Status::Partial) => break false,
                Err(_) => return Err(io::Error::other("no chunk where one has to be")),
            }
        };
        came.drain(..at);
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_is_put_together_however_it_comes() {
        let text = b"5\r\nhello\r\n7;x=1\r\n, world\r\n0\r\n\r\n";
        for step in 1..=text.len() {
            let (mut chunks, mut came, mut body) = (Chunks::default(), Vec::new(), Vec::new());
            let mut ended = false;
            for piece in text.chunks(step) {
                assert!(!ended, "it ends with its last byte");
                came.extend_from_slice(piece);
                ended = chunks.take(&mut came, &mut body).unwrap();
            }
            assert!(ended, "in steps of {step}");
            assert_eq!((body.as_slice(), came.len()), (&b"hello, world"[..], 0));
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error() {
        let mut came = b"hello\r\n".to_vec();
        assert!(Chunks::default().take(&mut came, &mut Vec::new()).is_err());
    }
}
