//! Logs: one JSON object a line on standard output, filtered by `LOG_LEVEL`. It must never log a database URL: those hold passwords.

use tracing_subscriber::EnvFilter;

/// Installs the process-wide logger; `LOG_LEVEL` takes the usual filter directives and defaults to `info`.
pub fn init() {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    let installed = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    if let Err(error) = installed {
        eprintln!("shop: logs stay off: {error}");
    }
}
