//! An HTTP/1.1 client that costs next to nothing: bytes written as they are, and of the answer no
//! more read than is asked about, on a connection that is kept. With a real client, much of what is
//! measured would be the client.

mod chunks;
mod events;
mod head;
mod request;

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use self::chunks::Chunks;
pub use self::{events::EventStream, head::Head, request::Request};
use head::Length;

/// What most answers fit into, head and all.
const USUAL_ANSWER: usize = 4_096;
/// A buffer that an answer has made larger than this is given back.
const LARGEST_KEPT: usize = 64 * 1_024;

/// A kept-alive connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Wire {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn to(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
        Ok(Self::on(stream)?)
    }

    /// Connects from an address of this machine: each has ports of its own to connect from.
    ///
    /// # Errors
    /// When nobody listens there, or there is no port or descriptor left.
    pub async fn between(source: IpAddr, target: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        Self::on(socket.connect(target).await?)
    }

    fn on(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(USUAL_ANSWER), body: 0 })
    }

    /// Sends a request whose answer has to be 200; answers the body.
    ///
    /// # Errors
    /// When there is no such answer.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<&[u8]> {
        let head = self.exchange(request).await?;
        ensure!(head.status == 200, "not a 200: {head:?}");
        Ok(self.body())
    }

    /// Sends a request and reads the whole of its answer, whose body is in [`Wire::body`] then.
    ///
    /// # Errors
    /// When the connection is lost before that, or what comes is no HTTP.
    pub async fn exchange(&mut self, request: &Request) -> io::Result<Head> {
        let head = self.send(request).await?;
        match head.length {
            Length::Known(length) => {
                while self.received.len() < self.body + length {
                    self.read_more().await?;
                }
            }
            Length::Chunked => {
                let mut chunks = Chunks::default();
                let mut came = self.received.split_off(self.body);
                while !chunks.take(&mut came, &mut self.received)? {
                    if self.stream.read_buf(&mut came).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
        Ok(head)
    }

    /// The body of the last answer.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.received[self.body..]
    }

    /// Sends a request and reads the head of its answer, and of the body what came with it.
    async fn send(&mut self, request: &Request) -> io::Result<Head> {
        if self.received.capacity() > LARGEST_KEPT {
            self.received = Vec::with_capacity(USUAL_ANSWER);
        }
        self.received.clear();
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            self.read_more().await?;
            if let Some((end, head)) = Head::read(&self.received)? {
                self.body = end;
                return Ok(head);
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
