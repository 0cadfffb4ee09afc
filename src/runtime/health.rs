//! The pages that the kubelet and Prometheus read: `/livez`, `/readyz`, `/metrics`.
//!
//! A standby replica is ready: it can take over. Nothing here asks the API server, so that its
//! outage never restarts the operator.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::metrics::Metrics;

/// Serves the pages until `stop`.
///
/// # Errors
/// When the address cannot be bound or the server ends.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, router(metrics)).with_graceful_shutdown(stop).await
}

fn router(metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { "ok\n" }))
        .route("/metrics", get(page))
        .with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> impl IntoResponse {
    match metrics.page() {
        Ok(text) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        ),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string()),
    }
}
