//! Connections that shoppers share, as they share those of a load balancer to its shop: opened as
//! they are needed, kept, the one that was used last taken first.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream};
use system_tests::kept_alive::Wire;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Duration, Instant},
};

/// Addresses of loopback that connections come from, in turn: each has some 28,000 ports.
const SOURCES: u8 = 8;
/// How long a connection may lie idle: well below the minute after which the shop closes it, so that
/// no request meets the end of its connection.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Connections that are opened at once ahead of time: a listener's queue is short.
const OPENED_AT_ONCE: usize = 64;

/// The connections.
pub struct Pool {
    target: SocketAddr,
    /// Since when, the last one last.
    idle: Mutex<Vec<(Instant, Wire)>>,
    places: Semaphore,
    opened: AtomicUsize,
}

/// A connection that somebody has to themselves. Dropped, it is closed.
pub struct Taken<'a> {
    /// It.
    pub wire: Wire,
    _place: SemaphorePermit<'a>,
}

impl Pool {
    /// Up to `most` connections to `target`.
    pub fn new(target: SocketAddr, most: usize) -> Self {
        let (idle, opened) = (Mutex::default(), AtomicUsize::new(0));
        Self { target, idle, places: Semaphore::new(most), opened }
    }

    /// Waits for a connection, first come first served.
    ///
    /// # Errors
    /// When none can be opened.
    pub async fn take(&self) -> io::Result<Taken<'_>> {
        let place = self.places.acquire().await.map_err(io::Error::other)?;
        let wire = match self.take_idle() {
            Some(wire) => wire,
            None => self.connect().await?,
        };
        Ok(Taken { wire, _place: place })
    }

    /// Gives back a connection that another request can be sent on.
    pub fn give_back(&self, taken: Taken<'_>) {
        self.idle().push((Instant::now(), taken.wire));
    }

    fn take_idle(&self) -> Option<Wire> {
        let mut idle = self.idle();
        let (since, wire) = idle.pop()?;
        if since.elapsed() < IDLE_FOR {
            return Some(wire);
        }
        // Those below have been idle for longer.
        idle.clear();
        None
    }

    /// Opens a connection for somebody who keeps it.
    ///
    /// # Errors
    /// When it can't be opened.
    pub async fn connect(&self) -> io::Result<Wire> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let source = 2 + u8::try_from(number % usize::from(SOURCES)).unwrap_or_default();
        Wire::between(IpAddr::V4(Ipv4Addr::new(127, 0, 0, source)), self.target).await
    }

    /// Opens connections before they are needed, as far as there is room for them.
    ///
    /// # Errors
    /// When one can't be opened.
    pub async fn open_ahead(&self, many: usize) -> io::Result<()> {
        let many = many.min(self.places.available_permits()).saturating_sub(self.idle().len());
        let mut opening =
            stream::iter(0..many).map(|_| self.connect()).buffer_unordered(OPENED_AT_ONCE);
        while let Some(wire) = opening.next().await {
            self.idle().push((Instant::now(), wire?));
        }
        Ok(())
    }

    /// How many connections were opened, those included that were kept by somebody.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Wire)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{net::TcpListener, time::timeout};

    use super::*;

    async fn pool(most: usize) -> (TcpListener, Arc<Pool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::new(listener.local_addr().unwrap(), most));
        (listener, pool)
    }

    #[tokio::test]
    async fn a_connection_that_was_given_back_is_taken_again() {
        let (_listener, pool) = pool(2).await;
        for _ in 0..3 {
            let taken = pool.take().await.unwrap();
            pool.give_back(taken);
        }
        assert_eq!(pool.opened(), 1);
        drop(pool.take().await.unwrap());
        pool.take().await.unwrap();
        assert_eq!(pool.opened(), 2, "one that was dropped is closed");
    }

    #[tokio::test]
    async fn who_finds_none_waits_for_one() {
        let (_listener, pool) = pool(1).await;
        let taken = pool.take().await.unwrap();
        assert!(timeout(Duration::from_millis(50), pool.take()).await.is_err());
        pool.give_back(taken);
        assert!(timeout(Duration::from_secs(10), pool.take()).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn as_many_are_opened_ahead_as_there_is_room_for() {
        let (_listener, pool) = pool(3).await;
        pool.open_ahead(10).await.unwrap();
        assert_eq!(pool.opened(), 3);
        let _taken = pool.take().await.unwrap();
        assert_eq!(pool.opened(), 3);
    }
}
