//! Logs go to stderr: as text for people, as JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How much is logged, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct LoggingSettings {
    /// What is logged, as tracing's env-filter reads it.
    #[arg(long = "rust-log", env = "RUST_LOG", default_value = "info")]
    pub filter: String,

    /// How it is logged.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The two ways to log.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum LogFormat {
    /// A line a person can read.
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts logging.
///
/// # Errors
/// When the filter can't be read, or logging was started before.
pub fn start(settings: &LoggingSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            let text = fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
            registry.with(text).try_init()?;
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()?;
        }
    }
    Ok(())
}
