//! A connection on which anything can be sent.

use std::time::Duration;

use system_tests::{Answer, read_answer};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

/// How long an answer may take before the client gives up: longer than a handler has.
const PATIENCE: Duration = Duration::from_secs(14);
/// The same after bytes that are no whole request, for which nobody owes an answer.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);

/// A client's end of a connection.
pub struct Connection {
    server: String,
    socket: Option<TcpStream>,
}

impl Connection {
    pub fn to(server: &str) -> Self {
        Self { server: server.to_owned(), socket: None }
    }

    /// Sends `bytes`; answers what was answered, or nothing when the server hung up.
    ///
    /// A connection that lay idle may be closed by the server just then: a fresh one is tried.
    pub async fn ask(&mut self, bytes: &[u8], is_whole: bool) -> Option<Answer> {
        let was_open = self.socket.is_some();
        let answer = self.ask_once(bytes, is_whole).await;
        if answer.is_none() && was_open {
            return self.ask_once(bytes, is_whole).await;
        }
        answer
    }

    async fn ask_once(&mut self, bytes: &[u8], is_whole: bool) -> Option<Answer> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => TcpStream::connect(&self.server).await.expect("the server listens"),
        };
        // A server that has refused it already reads no further: then the answer is there.
        drop(socket.write_all(bytes).await);
        let to_head = bytes.starts_with(b"HEAD ");
        let patience = if is_whole { PATIENCE } else { LITTLE_PATIENCE };
        let read = match timeout(patience, read_answer(&mut socket, to_head)).await {
            Ok(read) => read,
            Err(_silence) => {
                // What it waits for never comes.
                drop(socket.shutdown().await);
                timeout(PATIENCE, read_answer(&mut socket, to_head)).await.ok()?
            }
        };
        let answer = read.ok()?;
        if answer.goes_on && is_whole {
            self.socket = Some(socket);
        }
        Some(answer)
    }
}
