//! Logs go to stderr: as text for people, as JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::traces::{self, TraceSettings};

/// How much is logged, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct LoggingSettings {
    /// What is logged, as tracing's env-filter reads it.
    #[arg(long = "rust-log", env = "RUST_LOG", default_value = "info")]
    pub filter: String,

    /// How it is logged.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    #[command(flatten)]
    pub traces: TraceSettings,
}

/// The two ways to log.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum LogFormat {
    /// A line a person can read.
    Text,
    /// A JSON object a line.
    Json,
}

/// What traces hold: our spans, and each statement.
const TRACED: &str = "info,sqlx::query=debug,opentelemetry=off,hyper=off,reqwest=off";

/// Starts logging and tracing of the process named `service`.
///
/// # Errors
/// When the filter can't be read, or logging was started before.
pub fn start(settings: &LoggingSettings, service: &'static str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let log = match settings.log_format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            fmt::layer().with_ansi(colours).with_writer(std::io::stderr).boxed()
        }
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    let traces = traces::tracer(&settings.traces, service)?.map(|tracer| {
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        layer.with_filter(EnvFilter::new(TRACED))
    });
    tracing_subscriber::registry().with(log.with_filter(filter)).with(traces).try_init()?;
    Ok(())
}
