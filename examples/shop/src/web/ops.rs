//! For the platform: probes and metrics. Probes must never ask the database: its failover is not this pod's fault.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::metrics::Metrics;

/// `/healthz` and `/livez`: the process is up and serving.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `/metrics`.
pub async fn metrics(State(shop): super::State) -> Response {
    if let Ok(databases) = shop.databases() {
        shop.metrics.observe_pool("write", &databases.write);
        shop.metrics.observe_pool("read", &databases.read);
    }
    exposition(&shop.metrics)
}

/// Metrics as an answer.
#[must_use]
pub fn exposition(metrics: &Metrics) -> Response {
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
