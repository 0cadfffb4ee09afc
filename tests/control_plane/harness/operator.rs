//! The operator in this process, against the real API server, with a hook at every write.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use hyper::{Request, Response};
use kube::Config;
use kube::client::{Body, ClientBuilder};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::{BoxError, Layer, Service};

use scaledapp::cli::run::{Setup, work};
use scaledapp::controller::{self, Context};
use scaledapp::domain::{Environment, LargestPod};
use scaledapp::runtime::gate::is_write;
use scaledapp::runtime::{Gate, GateLayer, LeaseSettings, Metrics};

/// One write: when, how and where.
#[derive(Clone, Debug)]
pub struct Write {
    pub at: Instant,
    pub method: String,
    pub path: String,
}

/// Sees every write of an operator, and cuts it off after a number of them.
#[derive(Clone, Default)]
pub struct Tap {
    writes: Arc<Mutex<Vec<Write>>>,
    limit: Arc<Mutex<Option<usize>>>,
}

impl Tap {
    /// A tap that lets only the first `limit` writes through, as if the process died at the next.
    pub fn limited(limit: usize) -> Self {
        let tap = Self::default();
        *tap.limit.lock().unwrap() = Some(limit);
        tap
    }

    /// All writes so far.
    pub fn writes(&self) -> Vec<Write> {
        self.writes.lock().unwrap().clone()
    }

    /// Writes so far that are no Event.
    pub fn count(&self) -> usize {
        self.writes().iter().filter(|write| !write.path.contains("/events")).count()
    }
}

#[derive(Clone)]
pub struct Tapped<S> {
    inner: S,
    tap: Tap,
}

impl<S> Layer<S> for Tap {
    type Service = Tapped<S>;

    fn layer(&self, inner: S) -> Tapped<S> {
        Tapped { inner, tap: self.clone() }
    }
}

impl<S, R> Service<Request<Body>> for Tapped<S>
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_write(request.method()) {
            let mut writes = self.tap.writes.lock().unwrap();
            if self.tap.limit.lock().unwrap().is_some_and(|limit| writes.len() >= limit) {
                return Box::pin(std::future::ready(Err("the operator was killed here".into())));
            }
            writes.push(Write {
                at: Instant::now(),
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
            });
        }
        let answer = self.inner.call(request);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}

/// A running operator.
pub struct Operator {
    pub tap: Tap,
    pub metrics: Metrics,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A small cluster: three zones, ten percent of the requests.
pub fn environment() -> Environment {
    Environment {
        zones: 3,
        largest_pod: LargestPod { cpu: "16".into(), memory: "64Gi".into() },
        request_percent: 10,
        ..Environment::default()
    }
}

impl Operator {
    /// Starts the controller for a namespace, without a lease.
    pub fn start(namespace: &str) -> Self {
        Self::start_with(namespace, Tap::default(), environment())
    }

    /// Starts it with a hook and a configuration.
    pub fn start_with(namespace: &str, tap: Tap, environment: Environment) -> Self {
        let metrics = Metrics::default();
        let layer = GateLayer { gate: Gate::always_open(), metrics: metrics.clone() };
        let client =
            ClientBuilder::try_from(super::operator_config()).unwrap().with_layer(&tap).with_layer(&layer).build();
        let context = Context::new(client, environment, metrics.clone(), Some(namespace.to_owned()), None);
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(controller::run(Arc::new(context), async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        Self { tap, metrics, stop, task }
    }

    /// Stops it as SIGTERM would.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap();
    }

    /// Stops it at once, as SIGKILL would.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits until no write was made for a while.
    pub async fn quiet(&self) {
        let calm = Duration::from_millis(1500);
        let begun = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let last = self.tap.writes().last().map_or(begun, |write| write.at);
            if last.elapsed() > calm && begun.elapsed() > calm {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the operator never stops writing");
        }
    }
}

/// A whole replica with its lease, as `scaledapp run` starts it, on threads of its own.
pub struct Replica {
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
    threads: Runtime,
    pub metrics: Metrics,
}

impl Replica {
    pub fn start(namespace: &str, identity: &str) -> Self {
        Self::start_with(namespace, identity, super::operator_config())
    }

    /// Starts one that reaches the API server in its own way.
    pub fn start_with(namespace: &str, identity: &str, config: Config) -> Self {
        let metrics = Metrics::default();
        let (stop, stopped) = watch::channel(false);
        let setup = Setup {
            config,
            settings: LeaseSettings::new(namespace.to_owned(), identity.to_owned()),
            environment: environment(),
            metrics: metrics.clone(),
            scope: Some(namespace.to_owned()),
        };
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let task = threads.spawn(work(setup, stopped));
        Self { stop, task, threads, metrics }
    }

    pub fn leads(&self) -> bool {
        self.metrics.page().unwrap().contains("scaledapp_leading 1")
    }

    /// Ends it at once, without releasing its lease.
    pub fn kill(self) {
        self.threads.shutdown_background();
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(Duration::from_secs(15), self.task).await;
        self.threads.shutdown_background();
        ended??
    }
}
