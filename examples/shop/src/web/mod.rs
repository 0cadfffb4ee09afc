//! The web application: router, server, shutdown. Handlers never touch a socket, and readiness never asks the database:
//! a shop without a database still waits for it on behalf of its users, which a shop taken out of service could not.

pub mod account;
pub mod api;
pub mod architecture;
pub mod drawing;
pub mod fed;
pub mod frame;
pub mod observe;
pub mod ops;
pub mod pages;
pub mod pictures;
pub mod strategies;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};

use crate::cache::Cache;
use crate::config::{Limits, ServeConfig};
use crate::db::Databases;
use crate::db::failure::Failure;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::sessions::Sessions;
use crate::status::source::Operator;
use crate::stop::Stop;

/// How long requests in flight may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);
/// Uploads in memory at once.
const UPLOADS: usize = 2;

/// What handlers share.
pub struct Shop {
    /// Name of this pod.
    pub pod: String,
    databases: Option<Databases>,
    /// Time limits.
    pub limits: Limits,
    /// Metrics of this process.
    pub metrics: Metrics,
    /// The cache, or the lack of one.
    pub cache: Arc<Cache>,
    /// The session store, or the lack of one.
    pub sessions: Sessions,
    /// The queue, or the lack of one.
    pub queue: Queue,
    /// Whether browsers come by HTTPS.
    pub secure: bool,
    /// Whether caching proxies are told of changes.
    pub proxied: bool,
    /// What the operator says, or the lack of one.
    pub operator: Operator,
    /// Turns of the uploads.
    pub uploads: Semaphore,
    /// The turn of the comparison of cache strategies.
    pub comparison: Mutex<()>,
}

impl Shop {
    /// Connects nowhere yet, so a shop starts while all its tiers are away.
    ///
    /// # Errors
    /// A pool size that a pool refuses.
    pub fn new(config: ServeConfig) -> Result<Self, deadpool::managed::BuildError> {
        let databases = config.database.as_ref().map(|urls| Databases::new(urls, config.limits, config.pool_size));
        Ok(Self {
            databases: databases.transpose()?,
            cache: Arc::new(Cache::new(&config.tiers)),
            sessions: Sessions::new(&config.tiers, config.limits)?,
            queue: Queue::new(&config.tiers),
            proxied: config.tiers.purge.is_some(),
            operator: Operator::new(config.status),
            pod: config.pod,
            limits: config.limits,
            metrics: Metrics::default(),
            secure: config.secure,
            uploads: Semaphore::new(UPLOADS),
            comparison: Mutex::new(()),
        })
    }

    /// Both pools.
    ///
    /// # Errors
    /// [`Failure::NotDeclared`].
    pub fn databases(&self) -> Result<&Databases, Failure> {
        self.databases.as_ref().ok_or(Failure::NotDeclared)
    }
}

/// Handlers' handle on [`Shop`].
pub type State = axum::extract::State<Arc<Shop>>;

/// All routes, with the log line, metrics and headers around each.
pub fn router(shop: Arc<Shop>) -> Router {
    let uploads = Router::new()
        .route("/pictures", post(pictures::upload_form))
        .route("/api/pictures", post(pictures::upload_api))
        .layer(DefaultBodyLimit::max(pictures::LARGEST + 64 * 1024))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shop), pictures::in_turn));
    Router::new()
        .route("/", get(pages::catalogue))
        .route("/products/{id}", get(pages::product))
        .route("/products/{id}/picture", get(pictures::form))
        .route("/buy", get(pages::buy))
        .route("/orders", get(pages::orders).post(pages::place_order))
        .route("/account", get(account::account))
        .route("/login", post(account::log_in_form))
        .route("/logout", post(account::log_out))
        .route("/pictures/{id}", get(pictures::picture))
        .route("/pictures/{id}/thumbnail", get(pictures::thumbnail))
        .route("/strategies", get(strategies::page).post(strategies::run_form))
        .route("/architecture", get(architecture::page))
        .route("/architecture/drawing", get(architecture::drawing))
        .route("/static/shop.css", get(pages::stylesheet))
        .route("/static/architecture.js", get(architecture::script))
        .route("/api/products", get(api::products))
        .route("/api/products/{id}", get(api::product))
        .route("/api/orders", get(api::orders).post(api::place_order))
        .route("/api/orders/count", get(api::count))
        .route("/api/orders/keys", get(api::keys))
        .route("/api/login", post(account::log_in_api))
        .route("/api/logout", post(account::log_out))
        .route("/api/session", get(account::session))
        .route("/api/pictures/{id}", get(pictures::picture_api))
        .route("/api/strategies", get(strategies::latest_api).post(strategies::run_api))
        .route("/api/architecture", get(architecture::json))
        .route("/healthz", get(ops::alive))
        .route("/livez", get(ops::alive))
        .route("/metrics", get(ops::metrics))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .merge(uploads)
        .fallback(pages::not_found)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shop), observe::request))
        .with_state(shop)
}

/// Listens on all addresses: dual-stack where the kernel has IPv6, plain IPv4 where it has not.
///
/// # Errors
/// The port is taken.
pub async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("0.0.0.0", port)).await.with_context(|| format!("cannot listen on port {port}")),
    }
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight within 20 s.
///
/// # Errors
/// The port is taken, or the pools cannot be made.
pub async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let stop = Stop::on_signals()?;
    let port = config.port;
    let pod = config.pod.clone();
    let routes = router(Arc::new(Shop::new(config)?));
    let listener = listen(port).await?;
    tracing::info!(port, pod, "serving");
    let told = stop.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move { told.told().await });
    tokio::select! {
        ended = server.into_future() => ended?,
        () = async { stop.told().await; tokio::time::sleep(DRAIN).await } => tracing::warn!("requests were still in flight after the drain time"),
    }
    tracing::info!("stopped");
    Ok(())
}
