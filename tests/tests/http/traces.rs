//! One trace for one order: read from a collector, as an operator's would.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span,
};
use prost::Message;
use system_tests::{Running, Shop, ShopOptions, eventually};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

/// Longer than spans are gathered for.
const SOON: Duration = Duration::from_secs(60);

/// Takes traces over HTTP, as OTLP has them.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let taking = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(taking.clone().take(stream));
            }
        });
        (collector, url)
    }

    async fn take(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(body) = body(&mut stream).await {
            self.keep(&body);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(answer).await.unwrap();
        }
    }

    fn keep(&self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for of_process in request.resource_spans {
            let resource = format!("{:?}", of_process.resource);
            let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (resource.clone(), span)));
        }
    }

    /// The spans of the order's trace, with the process that made each.
    fn trace_of(&self, order: Uuid) -> Vec<(String, Span)> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(_, span)| span.trace_id == order.as_bytes()).cloned().collect()
    }
}

/// The body of the next request on a connection.
async fn body(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

#[tokio::test]
async fn what_happens_to_an_order_is_one_trace_from_the_click_to_the_webhook() {
    let (collector, url) = Collector::start().await;
    let shop = Shop::open(ShopOptions {
        running: Running::Split,
        environment: vec![("OTEL_EXPORTER_OTLP_ENDPOINT", url)],
        ..ShopOptions::default()
    })
    .await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let wanted = [
        "PUT /v1/checkouts/{order_id}",
        "reserve",
        "POST /v1/checkouts/{order_id}/payment",
        "authorize",
        "provider",
        "commit",
        "capture",
        "store a webhook",
        "deliver a webhook",
    ];
    let spans = eventually("the whole trace has come", SOON, || async {
        let spans = collector.trace_of(shopper.order_id);
        let names: Vec<_> = spans.iter().map(|(_, span)| span.name.as_str()).collect();
        wanted.iter().all(|name| names.contains(name)).then_some(spans)
    })
    .await;
    let by = |name: &str| spans.iter().find(|(_, span)| span.name == name).unwrap();
    assert!(by("PUT /v1/checkouts/{order_id}").0.contains("holdfast-api"));
    assert!(by("reserve").0.contains("holdfast-worker"));
    // A call to the provider is a part of the activity that makes it, and statements are told of.
    let activities: Vec<_> = spans
        .iter()
        .filter(|(_, span)| ["authorize", "capture"].contains(&span.name.as_str()))
        .map(|(_, span)| &span.span_id)
        .collect();
    assert!(activities.contains(&&by("provider").1.parent_span_id));
    let statements = spans.iter().flat_map(|(_, span)| &span.events);
    assert!(statements.filter(|event| format!("{event:?}").contains("sqlx")).count() > 0);
    let told = format!("{spans:?}");
    assert!(!told.contains(&shopper.secret), "no secret is in a trace");
}
