//! Addresses to listen on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};

/// Where free ports are looked for: below those that systems give to whoever asks for none, and
/// small enough for the column that Temporal keeps its members' ports in, a signed 16-bit number.
const LOOKED_FOR: std::ops::Range<u16> = 20_000..32_000;

/// A port of loopback that nobody listens on now.
pub fn free() -> anyhow::Result<u16> {
    several_free(1)?.pop().context("find a free port")
}

/// As many of them as are asked for, each another one, and none that was answered before.
pub fn several_free(count: usize) -> anyhow::Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let size = LOOKED_FOR.end - LOOKED_FOR.start;
    // Each process begins elsewhere, so that two of them seldom look at the same at once.
    let begin = u64::from(std::process::id()) * 97 % u64::from(size);
    let begin = u16::try_from(begin).unwrap_or_default();
    let next = || LOOKED_FOR.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % size) % size;
    let free: Vec<_> = std::iter::repeat_with(next)
        .take(usize::from(size))
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .take(count)
        .collect();
    anyhow::ensure!(free.len() == count, "no {count} ports of loopback are free");
    Ok(free)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_fit_into_sixteen_bits_with_a_sign() {
        let mut ports = several_free(7).unwrap();
        ports.push(free().unwrap());
        let mut different = ports.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 8);
        assert!(ports.iter().all(|port| i16::try_from(*port).is_ok()), "{ports:?}");
    }
}
