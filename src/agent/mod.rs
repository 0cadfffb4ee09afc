//! The sidecars' small jobs: how far a member of the database is behind, and the pool's pause.
//!
//! They know nothing of Kubernetes, keep nothing on disk, and must never make a pod worse by their absence.

pub mod console;
mod database_metrics;
pub mod lag;
mod metrics;
pub mod pool;
mod pool_drain;
mod pool_metrics;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// Why an agent ended.
#[derive(thiserror::Error, Debug)]
pub enum AgentError {
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be had, or the runtime cannot start.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Runs an agent on one thread: it has little to do, and its pod pays for its memory.
///
/// # Errors
/// What the agent ended with.
pub fn block_on<F: Future<Output = Result<(), AgentError>>>(agent: F) -> Result<(), AgentError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(agent)
}

/// Listens; a node without IPv6 gives IPv4 alone.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, AgentError> {
    let fallback = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
    match TcpListener::bind(address).await {
        Err(_) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => TcpListener::bind(fallback).await,
        result => result,
    }
    .map_err(|source| AgentError::Listen { address, source })
}
