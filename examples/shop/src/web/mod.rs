//! The web application: router, server, shutdown. Handlers never touch a socket, and readiness never asks the database:
//! a shop without a database still waits for it on behalf of its users, which a shop taken out of service could not.

pub mod api;
pub mod observe;
pub mod ops;
pub mod pages;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::{Limits, ServeConfig};
use crate::db::Databases;
use crate::metrics::Metrics;

/// How long requests in flight may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);

/// What handlers share.
pub struct Shop {
    /// Name of this pod.
    pub pod: String,
    /// Both pools.
    pub databases: Databases,
    /// Time limits.
    pub limits: Limits,
    /// Metrics of this process.
    pub metrics: Metrics,
}

/// Handlers' handle on [`Shop`].
pub type State = axum::extract::State<Arc<Shop>>;

/// All routes, with the log line, metrics and headers around each.
pub fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/", get(pages::catalogue))
        .route("/orders", get(pages::orders).post(pages::place_order))
        .route("/static/shop.css", get(pages::stylesheet))
        .route("/api/orders", get(api::orders).post(api::place_order))
        .route("/api/orders/count", get(api::count))
        .route("/api/orders/keys", get(api::keys))
        .route("/healthz", get(ops::alive))
        .route("/livez", get(ops::alive))
        .route("/metrics", get(ops::metrics))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(16 * 1024))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shop), observe::request))
        .with_state(shop)
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight within 20 s.
///
/// # Errors
/// The port is taken, or the pools cannot be made.
pub async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let shop = Arc::new(Shop {
        databases: Databases::new(&config)?,
        pod: config.pod,
        limits: config.limits,
        metrics: Metrics::default(),
    });
    // Dual-stack where the kernel has IPv6, plain IPv4 where it has not.
    let listener = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, config.port))).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(("0.0.0.0", config.port))
            .await
            .with_context(|| format!("cannot listen on port {}", config.port))?,
    };
    tracing::info!(port = config.port, pod = shop.pod, "serving");
    let (sender, told_to_stop) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
        tracing::info!("stopping: finishing what is in flight");
        sender.send_replace(true);
    });
    let server = axum::serve(listener, router(shop)).with_graceful_shutdown(told(told_to_stop.clone()));
    tokio::select! {
        ended = server.into_future() => ended?,
        () = async { told(told_to_stop).await; tokio::time::sleep(DRAIN).await } => tracing::warn!("requests were still in flight after the drain time"),
    }
    tracing::info!("stopped");
    Ok(())
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which only the end of the signal task brings: stop as well.
    let _stopping = stopped.wait_for(|stop| *stop).await;
}
