//! Addresses to listen on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};

/// A port of loopback that nobody listens on now.
pub fn free() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// As many of them as are asked for, each another one.
pub fn several_free(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .context("find free ports")?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Reads an address and makes sure that it can be listened on; port 0 becomes a free one.
pub fn claim(setting: &str, text: &str) -> anyhow::Result<SocketAddr> {
    let address: SocketAddr = text.parse().with_context(|| {
        format!("{setting}={text} is no address: it has to look like 127.0.0.1:8080")
    })?;
    match TcpListener::bind(address) {
        Ok(listener) => Ok(listener.local_addr()?),
        Err(error) => bail!(
            "{setting}={address} can't be listened on ({error}): end what listens there, or set \
             {setting} to another address"
        ),
    }
}

/// Whether somebody answers there.
pub fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

/// The status of `GET path` there, if it is answered within a few seconds.
pub fn get_status(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}
