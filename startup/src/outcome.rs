//! How a binary ends: an error is one line, with everything that led to it.

use std::process::ExitCode;

/// The exit code of `outcome`; an error is printed.
#[expect(clippy::print_stderr, reason = "the last word to whoever started this process")]
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    crate::traces::finish();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
