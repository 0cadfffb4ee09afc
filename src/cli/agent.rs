//! `scaledapp agent`: the sidecars' small jobs. People have no use for it; pods call it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::CliError;
use crate::agent::{block_on, lag, pool};
use crate::domain::Millis;

/// Arguments of `scaledapp agent`.
#[derive(Args, Debug)]
pub struct AgentArgs {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand, Debug)]
enum Job {
    /// Tells the routers how far this member of the database is behind.
    Lag {
        /// A replica further behind than this gets no reads.
        #[arg(long, default_value = "5s", value_parser = duration)]
        max_lag: Duration,
        /// Port on which the routers ask.
        #[arg(long, default_value_t = 8009)]
        port: u16,
        /// Port on which Prometheus asks.
        #[arg(long, default_value_t = 9187)]
        metrics_port: u16,
        /// Directory of the database's socket.
        #[arg(long, default_value = "/run/postgresql")]
        socket: PathBuf,
        /// Password of the user `monitor`.
        #[arg(long, env = "MONITOR_PASSWORD", hide_env_values = true)]
        password: String,
    },
    /// Pauses the pool around planned changes of the database.
    Pool {
        /// Port on which the operator asks.
        #[arg(long, default_value_t = 8432)]
        port: u16,
        /// Directory of the pool's socket.
        #[arg(long, default_value = "/run/pgbouncer")]
        socket: PathBuf,
        /// File with the token that the operator shows.
        #[arg(long, default_value = "/etc/scaledapp/agent-token")]
        token: PathBuf,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    Millis::parse(text)
        .map(|span| Duration::from_millis(span.0))
        .ok_or_else(|| format!("{text} is no duration such as 5s or 300ms"))
}

/// Runs a job until the pod ends.
///
/// # Errors
/// When its port cannot be had.
pub fn run(args: AgentArgs) -> Result<(), CliError> {
    tracing_subscriber::fmt().json().init();
    // Of both address families, as the pod has them.
    let everywhere = |port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    match args.job {
        Job::Lag { max_lag, port, metrics_port, socket, password } => {
            let (listen, metrics) = (everywhere(port), everywhere(metrics_port));
            block_on(lag::run(lag::Settings { max_lag, listen, metrics, socket, password }))
        }
        Job::Pool { port, socket, token } => {
            block_on(pool::run(pool::Settings { listen: everywhere(port), socket, token }))
        }
    }
    .map_err(|error| CliError::Usage(error.to_string()))
}
