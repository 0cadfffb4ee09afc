//! The database side: connections, orders, reads, migrations.
//!
//! It must never send a cancel request and never lower `synchronous_commit`: both can turn an acknowledged order into a lost one.

pub mod connection;
pub mod customers;
pub mod failure;
pub mod migrate;
pub mod orders;
pub mod pictures;
pub mod reads;
pub mod retry;
pub mod shelf;
pub mod write;

use crate::config::{DatabaseConfig, Limits};
use connection::Pool;

/// The two addresses of one database.
#[derive(Clone)]
pub struct Databases {
    /// Writes, and reads that must be current.
    pub write: Pool,
    /// Reads that may be as old as the promised lag.
    pub read: Pool,
}

impl Databases {
    /// Makes both pools; connects nowhere yet, so a shop starts while its database is away.
    ///
    /// # Errors
    /// A pool size that the pool refuses.
    pub fn new(config: &DatabaseConfig, limits: Limits, size: usize) -> Result<Self, deadpool::managed::BuildError> {
        Ok(Self {
            write: connection::pool(config.write.clone(), limits, size)?,
            read: connection::pool(config.read.clone(), limits, size)?,
        })
    }
}

/// The server that answered a statement, as seen from inside that statement.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Node {
    /// Address of the server; `local` over a Unix socket.
    pub address: String,
    /// Whether it was a replica.
    pub replica: bool,
    /// Patroni's scope, empty outside Patroni.
    pub cluster: String,
    /// How far its replay is behind, in seconds; 0 on a primary.
    pub lag_seconds: f64,
}

impl Node {
    /// `primary` or `replica`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        if self.replica { "replica" } else { "primary" }
    }
}
