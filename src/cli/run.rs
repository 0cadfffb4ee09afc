//! `scaledapp run`: the operator itself. Holds the lease, serves the health pages, runs the
//! controller while it leads; ends when the lease went to another replica.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Config;
use kube::client::ClientBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

use crate::controller::{self, Context};
use crate::domain::Environment;
use crate::runtime::telemetry::{self, LogFormat};
use crate::runtime::{Gate, GateLayer, Leader, LeaseSettings, Metrics, health};

/// Threads that reconcile; the work is waiting, not computing.
const THREADS: usize = 2;
/// Longest that work under way may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// Options of `run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The operator's configuration (YAML: zones, largestPod, storageClass, requestPercent, clusterDomain, images).
    #[arg(long, env = "SCALEDAPP_ENVIRONMENT", value_name = "FILE")]
    pub environment: Option<PathBuf>,
    /// Address of the pages /livez, /readyz and /metrics.
    #[arg(long, env = "SCALEDAPP_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Namespace of the leader lease: the operator's own.
    #[arg(long, env = "SCALEDAPP_NAMESPACE")]
    pub namespace: Option<String>,
    /// Look after one namespace only; default: all.
    #[arg(long, env = "SCALEDAPP_WATCH_NAMESPACE", value_name = "NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// Name of this replica; default: the host's name.
    #[arg(long, env = "HOSTNAME", default_value = "scaledapp")]
    pub identity: String,
    /// Form of the log.
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// Runs the operator until it is told to stop or loses the lease.
///
/// # Errors
/// When the configuration cannot be read, the pages not be served, or the lease is lost.
pub fn run(args: &Args) -> anyhow::Result<()> {
    telemetry::init(args.log_format);
    let environment = read_environment(args)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("the asynchronous runtime does not start")?
        .block_on(operate(args, environment))
}

fn read_environment(args: &Args) -> anyhow::Result<Environment> {
    let Some(path) = &args.environment else { return Ok(Environment::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut environment: Environment =
        serde_yaml::from_str(&text).with_context(|| format!("{} is not an environment", path.display()))?;
    environment.storage_class = environment.storage_class.filter(|class| !class.is_empty());
    Ok(environment)
}

async fn operate(args: &Args, environment: Environment) -> anyhow::Result<()> {
    let config = Config::infer().await.context("no cluster: neither a kubeconfig nor a service account was found")?;
    let settings = LeaseSettings::new(
        args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone()),
        args.identity.clone(),
    );
    let metrics = Metrics::default();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        terminated().await;
        info!("stopping");
        stop.send_replace(true);
        // Kept until the process ends: a dropped sender would look like a stop.
        std::future::pending::<()>().await;
    });
    let pages = tokio::spawn(health::serve(args.listen, metrics.clone(), until(stopped.clone())));
    let scope = args.watch_namespace.clone().filter(|namespace| !namespace.is_empty());
    let work = work(Setup { config, settings, environment, metrics, scope }, stopped.clone());
    tokio::pin!(work);
    tokio::select! {
        ended = &mut work => return ended,
        ended = pages => ended
            .context("the health pages ended")?
            .with_context(|| format!("{} cannot be listened on", args.listen))?,
    }
    // The pages ended since the process is to stop; the work ends by itself and in order.
    work.await
}

/// What a replica works with.
pub struct Setup {
    /// The cluster.
    pub config: Config,
    /// The leader lease.
    pub settings: LeaseSettings,
    /// The operator's configuration.
    pub environment: Environment,
    /// Metrics.
    pub metrics: Metrics,
    /// The one namespace that is looked after; `None` means all.
    pub scope: Option<String>,
}

/// Leads and reconciles: the lease outlives the controller, so that nobody else writes meanwhile.
///
/// # Errors
/// When the client cannot be made or the lease is lost.
pub async fn work(setup: Setup, stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    let Setup { config, settings, environment, metrics, scope } = setup;
    let gate = Gate::default();
    let layer = GateLayer { gate: gate.clone(), metrics: metrics.clone() };
    let client =
        ClientBuilder::try_from(config.clone()).context("no client for the cluster")?.with_layer(&layer).build();
    let identity = settings.identity.clone();
    let (leader, mut leading) = Leader::new(settings, gate);
    let (release, released) = watch::channel(false);
    let lease = tokio::spawn(leader.run(config, until(released)));
    tokio::pin!(lease);
    let led = tokio::select! {
        led = leading.wait_for(|leading| *leading) => led.is_ok(),
        () = until(stopped.clone()) => false,
        ended = &mut lease => return ended.context("the lease's task broke")?.context("the leader lease"),
    };
    if led {
        metrics.leading(true);
        let context = Arc::new(Context::new(client, environment, metrics.clone(), scope, Some(identity)));
        let controller = tokio::spawn(controller::run(context, until(stopped.clone())));
        tokio::pin!(controller);
        tokio::select! {
            ended = &mut lease => {
                controller.abort();
                metrics.leading(false);
                return ended.context("the lease's task broke")?.context("the leader lease");
            }
            () = until(stopped) => {
                if tokio::time::timeout(GRACE, &mut controller).await.is_err() {
                    error!("work under way did not end in time and is cut off");
                    controller.abort();
                }
            }
            ended = &mut controller => ended.context("the controller's task broke")?,
        }
    }
    release.send_replace(true);
    metrics.leading(false);
    lease.await.context("the lease's task broke")?.context("the leader lease")
}

/// Waits until a flag is set, or its owner is gone.
async fn until(mut flag: watch::Receiver<bool>) {
    // An error means that the owner is gone: that is a stop too.
    let _ = flag.wait_for(|set| *set).await;
}

async fn terminated() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        error!("signals cannot be listened to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
