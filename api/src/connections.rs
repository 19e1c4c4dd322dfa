//! Connections at the door: how many there may be, how long they may take to say what they want,
//! and how they come to an end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use crate::problem::{Kind, Problem};

/// For how long somebody who is told to stop goes on as before, but that each answer closes its
/// connection: a connection that is closed while it lies idle may have a request on its way.
const LAST_CALL: Duration = Duration::from_secs(1);
/// How long what is under way has to finish after that.
const TO_FINISH: Duration = Duration::from_secs(10);
/// How long a connection may take for the head of its next request, and so also how long it may lie
/// idle. Who sends a head byte by byte keeps a connection from others no longer than that.
const HEAD_WITHIN: Duration = Duration::from_mins(1);
/// How long a connection that there is no place for may take.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);
/// How often an HTTP/2 connection is asked whether somebody is there.
const ASKED_EVERY: Duration = Duration::from_secs(20);
/// Descriptors that are not for connections: the database's, Temporal's, files, and those
/// connections that are told that there is no place.
const KEPT_BACK: u64 = 512;
/// How long is waited when no connection can be taken at all.
const NONE_LEFT: Duration = Duration::from_millis(200);

/// With what an HTTP/2 connection begins (RFC 9113, section 3.4).
const HTTP2: &[u8; 4] = b"PRI ";

/// What connections may take, on all listeners together.
#[derive(Clone)]
pub struct Limits {
    places: Arc<Semaphore>,
    head_within: Duration,
}

impl Limits {
    /// As many connections as the process may have descriptors, which is raised to what the system
    /// allows.
    pub fn of_this_process() -> Self {
        let allowed = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, hard)| {
            let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
            if raised.is_ok() { hard } else { soft }
        });
        let descriptors = allowed.unwrap_or(1024);
        // Of few, half.
        let places = descriptors.saturating_sub(KEPT_BACK).max(descriptors / 2);
        tracing::info!(places, "connections at once, at the most");
        let places = usize::try_from(places).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), head_within: HEAD_WITHIN }
    }

    fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }
}

/// Serves one listener until `stop` and the last call; then what is under way may finish.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, stop: CancellationToken) {
    let (connections, closing) = (GracefulShutdown::new(), CancellationToken::new());
    let last_call = async {
        stop.cancelled().await;
        sleep(LAST_CALL).await;
    };
    tokio::select! {
        () = last_call => {}
        () = accept(&listener, &app, &limits, &connections, &closing) => {}
    }
    drop(listener);
    closing.cancel();
    drop(timeout(TO_FINISH, connections.shutdown()).await);
}

async fn accept(
    listener: &TcpListener,
    app: &Router,
    limits: &Limits,
    connections: &GracefulShutdown,
    closing: &CancellationToken,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let place = limits.take_place();
                let head_within = if place.is_some() { limits.head_within } else { REFUSED_WITHIN };
                let (app, closing) = (app.clone(), closing.clone());
                let connection = Connection { peer, app, place, head_within, closing };
                tokio::spawn(connection.serve(stream, connections.watcher()));
            }
            Err(error) if error.raw_os_error().is_some_and(is_of_one_connection) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                sleep(NONE_LEFT).await;
            }
        }
    }
}

/// A client that was gone before it was taken (accept(2)).
fn is_of_one_connection(error: i32) -> bool {
    [nix::errno::Errno::ECONNABORTED, nix::errno::Errno::ECONNRESET]
        .into_iter()
        .any(|of_one| of_one as i32 == error)
}

/// A client's connection. Without a place it is told that there is none.
struct Connection {
    peer: SocketAddr,
    app: Router,
    place: Option<OwnedSemaphorePermit>,
    head_within: Duration,
    /// Cancelled when nobody is waited for any more who has not begun to ask.
    closing: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, connections: Watcher) {
        let Self { peer, app, place, head_within, closing } = self;
        // What is written is whole: an answer, or an event that somebody waits for.
        drop(stream.set_nodelay(true));
        let mut begins = [0; HTTP2.len()];
        let begun = timeout(head_within, stream.peek(&mut begins));
        let Some(Ok(Ok(_))) = closing.run_until_cancelled(begun).await else { return };
        let app = place.is_some().then_some(app);
        let service =
            TowerToHyperService::new(service_fn(move |request| answer(app.clone(), peer, request)));
        let io = TokioIo::new(stream);
        // An error is a client's that went away, or took too long.
        if begins == *HTTP2 {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new()).keep_alive_interval(ASKED_EVERY);
            drop(connections.watch(http.serve_connection(io, service)).await);
        } else {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(head_within);
            drop(connections.watch(http.serve_connection(io, service)).await);
        }
    }
}

async fn answer(
    app: Option<Router>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let Some(app) = app else { return Ok(no_place()) };
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    app.oneshot(request).await
}

fn no_place() -> Response {
    let mut response = Problem::new(Kind::Overloaded).retry_after(2).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
    };

    use super::*;

    /// A server of one route, with few places and little patience.
    struct Server {
        address: SocketAddr,
        stop: CancellationToken,
        served: JoinHandle<()>,
    }

    impl Server {
        async fn with_places(places: usize) -> Self {
            Self::open(places, Duration::from_millis(500)).await
        }

        async fn open(places: usize, head_within: Duration) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stop = CancellationToken::new();
            let router = Router::new().route("/", get(async || "here"));
            let limits = Limits { places: Arc::new(Semaphore::new(places)), head_within };
            let served = tokio::spawn(serve(listener, router, limits, stop.clone()));
            Self { address, stop, served }
        }

        async fn told(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }
    }

    const ASKED: &str = "GET / HTTP/1.1\r\nhost: shop\r\n\r\n";

    /// What comes until the server hangs up.
    async fn rest(mut stream: TcpStream) -> String {
        let mut rest = Vec::new();
        drop(
            timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.expect("an end"),
        );
        String::from_utf8(rest).unwrap()
    }

    #[tokio::test]
    async fn whoever_says_nothing_or_does_not_finish_is_hung_up_on() {
        let server = Server::with_places(3).await;
        for begun in ["", "P", "GET / HTTP/1.1\r\nhost: sh", "PRI"] {
            assert_eq!(rest(server.told(begun).await).await, "", "{begun:?}");
        }
        let idle = rest(server.told(ASKED).await).await;
        assert!(idle.starts_with("HTTP/1.1 200 ") && idle.ends_with("here"), "{idle}");
    }

    #[tokio::test]
    async fn whoever_finds_no_place_is_told_so_until_there_is_one() {
        let server = Server::with_places(1).await;
        let mut first = server.told(ASKED).await;
        first.read_exact(&mut [0; 12]).await.unwrap();
        let refused = rest(server.told(ASKED).await).await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        let refused = refused.to_lowercase();
        for header in ["retry-after: 2", "connection: close", "application/problem+json"] {
            assert!(refused.contains(header), "{refused}");
        }
        drop(first);
        let place_comes_free =
            async { while !rest(server.told(ASKED).await).await.starts_with("HTTP/1.1 200 ") {} };
        timeout(Duration::from_secs(20), place_comes_free).await.unwrap();
    }

    #[tokio::test]
    async fn an_idle_connection_may_ask_once_more_when_the_server_stops() {
        let server = Server::open(3, HEAD_WITHIN).await;
        let _says_nothing = server.told("").await;
        let mut idle = server.told(ASKED).await;
        idle.read_exact(&mut [0; 12]).await.unwrap();
        server.stop.cancel();
        idle.write_all(ASKED.as_bytes()).await.unwrap();
        assert_eq!(rest(idle).await.matches("here").count(), 2);
        timeout(TO_FINISH / 2, server.served)
            .await
            .expect("a silent one is not waited for")
            .unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }
}
