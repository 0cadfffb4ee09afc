//! The leader lease: one replica of the operator writes, the others wait.
//!
//! An outage of the API server shuts the gate but ends nothing: the process keeps asking, once a
//! second, and goes on when the server is back and nobody else took the lease meanwhile. Losing the
//! lease to another replica ends the process: what it knew is stale. Never writes anything but the Lease.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::{Request, Response};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use kube_lease_manager::{LeaseCreateMode, LeaseManager, LeaseManagerError, LeaseParams};
use tokio::sync::watch;
use tower::{BoxError, Layer, Service};
use tracing::{info, warn};

use super::gate::{Gate, is_write};

/// Pause between attempts while the API server cannot be reached.
const RETRY: Duration = Duration::from_secs(1);
/// Longest that a request for the lease may take.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that the release of the lease may take when the process ends.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);
/// The gate shuts this long before the lease runs out, for writes that are on their way and clocks that differ.
const MARGIN: Duration = Duration::from_secs(3);

/// Why the process leads no more.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another replica holds the lease.
    #[error("the leader lease was lost to another replica")]
    Lost,
    /// The client for the lease could not be made.
    #[error("the client for the leader lease could not be made: {0}")]
    Client(#[source] kube::Error),
}

/// Which lease, and for how long.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// Namespace of the Lease: the operator's own.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who we are; unique among the replicas.
    pub identity: String,
    /// Seconds after which a silent leader is replaced.
    pub duration_seconds: u64,
    /// Seconds before its end at which the lease is renewed.
    pub grace_seconds: u64,
}

impl LeaseSettings {
    /// Twelve seconds, renewed after seven: two attempts fit before the gate shuts at nine.
    #[must_use]
    pub fn new(namespace: String, identity: String) -> Self {
        Self { namespace, name: "scaledapp-operator".to_owned(), identity, duration_seconds: 12, grace_seconds: 5 }
    }
}

/// Keeps the lease.
pub struct Leader {
    settings: LeaseSettings,
    gate: Gate,
    leading: watch::Sender<bool>,
}

impl Leader {
    /// A leader to be, and the channel on which it says that it leads.
    #[must_use]
    pub fn new(settings: LeaseSettings, gate: Gate) -> (Self, watch::Receiver<bool>) {
        let (leading, receiver) = watch::channel(false);
        (Self { settings, gate, leading }, receiver)
    }

    /// Takes the lease, keeps it until `stop`, then releases it.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when another replica took it.
    pub async fn run(self, config: Config, stop: impl Future<Output = ()>) -> Result<(), LeaseError> {
        let renewed = Renewals {
            gate: self.gate.clone(),
            valid_for: Duration::from_secs(self.settings.duration_seconds).saturating_sub(MARGIN),
        };
        let client = ClientBuilder::try_from(config).map_err(LeaseError::Client)?.with_layer(&renewed).build();
        tokio::pin!(stop);
        loop {
            let manager = tokio::select! {
                () = &mut stop => return Ok(()),
                manager = self.manager(&client) => manager,
            };
            let ended = tokio::select! {
                () = &mut stop => None,
                error = self.keep(&manager) => Some(error),
                // A manager knows the lease as it was and would sleep until its end; a new one looks.
                () = self.free(&client) => continue,
            };
            match ended {
                None => {
                    self.gate.set_leading(false);
                    self.release(&manager).await;
                    return Ok(());
                }
                Some(LeaseManagerError::NonexistentLease(_)) => warn!("the Lease was deleted; making it anew"),
                Some(_) => return Err(LeaseError::Lost),
            }
        }
    }

    /// The manager of the lease, as soon as the API server answers.
    async fn manager(&self, client: &Client) -> LeaseManager {
        let s = &self.settings;
        loop {
            let params = LeaseParams::new(&s.identity, s.duration_seconds, s.grace_seconds);
            match LeaseManager::new(client.clone(), &s.name, &s.namespace, params, LeaseCreateMode::AutoCreate).await {
                Ok(manager) => return manager,
                Err(error) => warn!(%error, "the leader lease cannot be read yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Ends when this replica waits and the lease was released.
    async fn free(&self, client: &Client) {
        let leases: Api<Lease> = Api::namespaced(client.clone(), &self.settings.namespace);
        loop {
            tokio::time::sleep(RETRY).await;
            if *self.leading.borrow() {
                return std::future::pending().await;
            }
            let lease = leases.get_opt(&self.settings.name).await;
            if matches!(lease, Ok(Some(lease)) if lease.spec.as_ref().is_none_or(|s| s.holder_identity.is_none())) {
                return;
            }
        }
    }

    /// Ends when the lease went to another replica or was deleted.
    async fn keep(&self, manager: &LeaseManager) -> LeaseManagerError {
        loop {
            match manager.changed().await {
                Ok(true) => {
                    info!(identity = %self.settings.identity, "this replica leads");
                    self.gate.set_leading(true);
                    self.gate.renewed_until(
                        Instant::now() + Duration::from_secs(self.settings.duration_seconds).saturating_sub(MARGIN),
                    );
                    self.leading.send_replace(true);
                }
                Ok(false) => {
                    self.gate.set_leading(false);
                    self.leading.send_replace(false);
                    return LeaseManagerError::InconsistentState("another replica holds the lease".to_owned());
                }
                Err(error @ LeaseManagerError::NonexistentLease(_)) => return error,
                Err(error) => {
                    warn!(%error, "the leader lease could not be renewed");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn release(&self, manager: &LeaseManager) {
        if !*self.leading.borrow() {
            return;
        }
        match tokio::time::timeout(RELEASE_TIMEOUT, manager.release()).await {
            Ok(Ok(())) => info!("the leader lease is released"),
            Ok(Err(error)) => warn!(%error, "the leader lease could not be released"),
            Err(_) => warn!("the leader lease could not be released in time"),
        }
    }
}

/// Sees every successful write of the Lease, and opens the gate for as long as it counts: from the
/// moment at which the request was sent, not at which the answer came.
#[derive(Clone, Debug)]
struct Renewals {
    gate: Gate,
    valid_for: Duration,
}

#[derive(Clone, Debug)]
struct Renewing<S> {
    inner: S,
    renewals: Renewals,
}

impl<S> Layer<S> for Renewals {
    type Service = Renewing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Renewing { inner, renewals: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Renewing<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let renews = is_write(request.method());
        let sent = Instant::now();
        let renewals = self.renewals.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout(LEASE_TIMEOUT, answer).await?.map_err(Into::into)?;
            if renews && answer.status().is_success() {
                renewals.gate.renewed_until(sent + renewals.valid_for);
            }
            Ok(answer)
        })
    }
}
