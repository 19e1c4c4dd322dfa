//! Traces: what happens to an order is one trace, whoever does it and whenever.
//!
//! A trace's id is the order's own id: both are 128 bits. The API, a worker's activity hours later and
//! the provider's webhook find it without carrying anything along, and whoever knows the order finds
//! its trace. What concerns no order belongs to the trace that the caller names (W3C Trace Context).

use std::sync::OnceLock;

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _,
    },
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// Where traces go, and how many of them.
#[derive(clap::Args, Clone, Debug)]
pub struct TraceSettings {
    /// Traces go there when set: a collector that takes OTLP over HTTP, such as
    /// http://127.0.0.1:4318.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<url::Url>,

    /// How many of all orders are traced: 1 is all, 0.01 one in a hundred. All processes trace the
    /// same ones.
    #[arg(long, env = "TRACE_RATIO", default_value_t = 1.0)]
    pub trace_ratio: f64,
}

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// A tracer for the process named `service`, if traces go anywhere.
pub(crate) fn tracer(
    settings: &TraceSettings,
    service: &'static str,
) -> anyhow::Result<Option<SdkTracer>> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    // The exporter's client is made here, and looks for it.
    crate::use_ring_for_tls();
    let endpoint = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::TraceIdRatioBased(settings.trace_ratio))
        .with_resource(Resource::builder().with_service_name(service).build())
        .build();
    let tracer = provider.tracer(service);
    // Logging is started once.
    drop(PROVIDER.set(provider));
    Ok(Some(tracer))
}

/// Sends what has not been sent yet.
pub(crate) fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown()
    {
        tracing::warn!(%error, "the last traces were not sent");
    }
}

/// Makes `span` a part of the order's trace.
pub fn belongs_to_order(span: &Span, order: Uuid) {
    let whole = order.as_u128();
    // Every part hangs below one that nobody records: the order itself.
    let root = SpanId::from_bytes(whole.to_be_bytes()[8..].try_into().unwrap_or([1; 8]));
    let context = SpanContext::new(
        TraceId::from_bytes(whole.to_be_bytes()),
        root,
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    if context.is_valid() {
        // An error says that nothing is traced.
        drop(span.set_parent(Context::new().with_remote_span_context(context)));
    }
}

/// Makes `span` a part of the trace that `header` finds in a request's headers, if it finds one.
pub fn belongs_to_caller(span: &Span, header: impl Fn(&str) -> Option<String>) {
    struct Headers(Option<String>, Option<String>);
    impl Extractor for Headers {
        fn get(&self, name: &str) -> Option<&str> {
            match name {
                "traceparent" => self.0.as_deref(),
                "tracestate" => self.1.as_deref(),
                _ => None,
            }
        }

        fn keys(&self) -> Vec<&str> {
            vec!["traceparent", "tracestate"]
        }
    }
    let headers = Headers(header("traceparent"), header("tracestate"));
    if headers.0.is_some() {
        let context = TraceContextPropagator::new().extract(&headers);
        drop(span.set_parent(context));
    }
}
