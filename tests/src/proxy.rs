//! A TCP proxy that stands on a link and brings trouble when it is told to.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// How long a connection lives that is made while connections are reset.
const RESET_AFTER: Duration = Duration::from_millis(50);

/// What can be wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Everything takes so much longer, in each direction.
    Delay(Duration),
    /// Nothing arrives until it is over; then all of it does, as TCP sends it again.
    BlackHole,
    /// Connections are cut, and one end is not told: what it sends goes nowhere, until it is over.
    HalfOpen {
        /// Whether the one who opened the connection is the one who is told.
        opener_is_told: bool,
    },
    /// Connections are reset, and new ones a moment after they were made.
    Reset,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(by) => write!(f, "{} ms later", by.as_millis()),
            Self::BlackHole => f.write_str("black hole"),
            Self::HalfOpen { opener_is_told: true } => f.write_str("half-open at the far end"),
            Self::HalfOpen { opener_is_told: false } => f.write_str("half-open at the near end"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// A proxy that runs for as long as the runtime does.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    trouble: watch::Sender<Option<Trouble>>,
    disturbed: Arc<AtomicU64>,
}

impl Proxy {
    /// Stands before `target`, which need not be there yet.
    ///
    /// # Errors
    /// When loopback can't be listened on.
    pub async fn before(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (trouble, seen) = watch::channel(None);
        let disturbed = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&disturbed);
        tokio::spawn(async move {
            loop {
                if let Ok((opener, _)) = listener.accept().await {
                    let connection = Connection { seen: seen.clone(), count: Arc::clone(&count) };
                    tokio::spawn(connection.carry(opener, target));
                } else {
                    // Out of descriptors: others are closed by and by.
                    sleep(Duration::from_millis(20)).await;
                }
            }
        });
        Ok(Self { address, trouble, disturbed })
    }

    /// Brings this trouble, or none.
    pub fn set(&self, trouble: Option<Trouble>) {
        self.trouble.send_replace(trouble);
    }

    /// How many connections were held up or cut so far.
    #[must_use]
    pub fn disturbed(&self) -> u64 {
        self.disturbed.load(Ordering::Relaxed)
    }
}

/// How carrying ended.
enum Ended {
    /// Both ends have closed.
    Well,
    /// One end broke off: the other is told.
    BrokenOff,
    /// Trouble came.
    By(Trouble),
}

struct Connection {
    seen: watch::Receiver<Option<Trouble>>,
    count: Arc<AtomicU64>,
}

impl Connection {
    async fn carry(mut self, mut opener: TcpStream, target: SocketAddr) {
        drop(opener.set_nodelay(true));
        if let Some(trouble) = now(&self.seen) {
            self.count.fetch_add(1, Ordering::Relaxed);
            match trouble {
                Trouble::Delay(by) => sleep(by).await,
                Trouble::Reset => {
                    sleep(RESET_AFTER).await;
                    return reset(opener);
                }
                Trouble::BlackHole | Trouble::HalfOpen { .. } => {
                    is_mended(&mut self.seen, trouble).await;
                }
            }
        }
        let Ok(mut far) = TcpStream::connect(target).await else { return reset(opener) };
        drop(far.set_nodelay(true));
        let ended = self.pass_on(&mut opener, &mut far).await;
        match ended {
            Ended::By(trouble @ Trouble::HalfOpen { opener_is_told }) => {
                let (told, mut deaf) = if opener_is_told { (opener, far) } else { (far, opener) };
                reset(told);
                tokio::select! {
                    () = is_mended(&mut self.seen, trouble) => {}
                    () = swallow(&mut deaf) => {}
                }
                reset(deaf);
            }
            // What was sent last may still be on its way.
            Ended::Well => {}
            Ended::BrokenOff | Ended::By(_) => {
                reset(opener);
                reset(far);
            }
        }
    }

    /// Carries both ways until both ends have closed, one has broken off, or trouble cuts it.
    async fn pass_on(&self, opener: &mut TcpStream, far: &mut TcpStream) -> Ended {
        let (from_opener, to_opener) = opener.split();
        let (from_far, to_far) = far.split();
        let there = pump(from_opener, to_far, self.seen.clone(), &self.count);
        let back = pump(from_far, to_opener, self.seen.clone(), &self.count);
        tokio::select! {
            both = async { tokio::try_join!(there, back) } => match both {
                Ok(_) => Ended::Well,
                Err(_) => Ended::BrokenOff,
            },
            trouble = is_cut(self.seen.clone()) => {
                self.count.fetch_add(1, Ordering::Relaxed);
                Ended::By(trouble)
            }
        }
    }
}

/// Carries one way. A connection that closed is closed here, too.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut seen: watch::Receiver<Option<Trouble>>,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        // Neither bytes nor the news of an end arrive before their time.
        match now(&seen) {
            Some(Trouble::Delay(by)) => {
                count.fetch_add(1, Ordering::Relaxed);
                sleep(by).await;
            }
            Some(Trouble::BlackHole) => {
                count.fetch_add(1, Ordering::Relaxed);
                is_mended(&mut seen, Trouble::BlackHole).await;
            }
            Some(Trouble::HalfOpen { .. } | Trouble::Reset) | None => {}
        }
        match read? {
            0 => return to.shutdown().await,
            size => to.write_all(&buffer[..size]).await?,
        }
    }
}

/// Waits for a trouble that cuts connections.
async fn is_cut(mut seen: watch::Receiver<Option<Trouble>>) -> Trouble {
    let cuts = |trouble: &Option<Trouble>| {
        matches!(trouble, Some(Trouble::Reset | Trouble::HalfOpen { .. }))
    };
    match seen.wait_for(cuts).await.map(|trouble| *trouble) {
        Ok(Some(trouble)) => trouble,
        // Nobody is left who could bring any.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn is_mended(seen: &mut watch::Receiver<Option<Trouble>>, trouble: Trouble) {
    drop(seen.wait_for(|now| *now != Some(trouble)).await);
}

fn now(seen: &watch::Receiver<Option<Trouble>>) -> Option<Trouble> {
    *seen.borrow()
}

async fn swallow(deaf: &mut TcpStream) {
    let mut buffer = [0; 4 * 1024];
    while matches!(deaf.read(&mut buffer).await, Ok(size) if size > 0) {}
}

/// Closes with RST instead of FIN. Where both ends have closed already, nobody notices.
fn reset(stream: TcpStream) {
    drop(stream.set_zero_linger());
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const A_WHILE: Duration = Duration::from_millis(200);

    /// A proxy, and both ends of a connection through it.
    async fn connected() -> (Proxy, TcpStream, TcpStream) {
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::before(target.local_addr().unwrap()).await.unwrap();
        let mut opener = TcpStream::connect(proxy.address).await.unwrap();
        let (mut far, _) = target.accept().await.unwrap();
        // What has arrived has been carried: both ways are open.
        opener.write_all(b"a").await.unwrap();
        assert_eq!(byte(&mut far).await.unwrap(), b'a');
        (proxy, opener, far)
    }

    async fn byte(stream: &mut TcpStream) -> io::Result<u8> {
        timeout(SOON, stream.read_u8()).await.expect("it does not hang")
    }

    async fn is_silent(stream: &mut TcpStream) -> bool {
        timeout(A_WHILE, stream.read_u8()).await.is_err()
    }

    #[tokio::test]
    async fn a_black_hole_gives_back_what_it_took_and_nothing_before() {
        let (proxy, mut opener, mut far) = connected().await;
        proxy.set(Some(Trouble::BlackHole));
        opener.write_all(b"b").await.unwrap();
        assert!(is_silent(&mut far).await);
        proxy.set(None);
        assert_eq!(byte(&mut far).await.unwrap(), b'b');
        assert!(proxy.disturbed() > 0);
    }

    #[tokio::test]
    async fn half_open_one_end_hears_of_it_and_the_other_when_it_is_over() {
        for opener_is_told in [true, false] {
            let (proxy, mut opener, mut far) = connected().await;
            proxy.set(Some(Trouble::HalfOpen { opener_is_told }));
            let (told, deaf) =
                if opener_is_told { (&mut opener, &mut far) } else { (&mut far, &mut opener) };
            let heard = byte(told).await.unwrap_err();
            assert_eq!(heard.kind(), io::ErrorKind::ConnectionReset);
            deaf.write_all(b"c").await.unwrap();
            assert!(is_silent(deaf).await);
            proxy.set(None);
            assert_eq!(byte(deaf).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[tokio::test]
    async fn a_reset_reaches_both_ends_and_whoever_comes_next() {
        let (proxy, mut opener, mut far) = connected().await;
        proxy.set(Some(Trouble::Reset));
        for stream in [&mut opener, &mut far] {
            assert_eq!(byte(stream).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
        // One that was there already when it is reset, or one that was reset at once.
        let next = async { byte(&mut TcpStream::connect(proxy.address).await?).await };
        assert!(next.await.is_err());
    }

    #[tokio::test]
    async fn an_end_that_closes_has_its_last_words_carried() {
        let (_proxy, mut opener, mut far) = connected().await;
        opener.write_all(b"last words").await.unwrap();
        drop(opener);
        let mut heard = String::new();
        timeout(SOON, far.read_to_string(&mut heard)).await.unwrap().unwrap();
        assert_eq!(heard, "last words");
    }
}
