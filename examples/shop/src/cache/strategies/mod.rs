//! The ways to keep a cache and a database together, one small file each, over the same shelf of numbered items.
//!
//! | strategy | a read that misses | a write | the price |
//! |---|---|---|---|
//! | [`aside`] | the application loads and puts | database, then forget | a miss after each write |
//! | [`read_through`] | the shelf loads and puts | database only | stale until the lifetime ends |
//! | [`write_through`] | the shelf loads and puts | database, then cache | each write waits for both |
//! | [`write_back`] | the shelf loads and puts | cache, the database later | what was not written back is lost with the cache |
//! | [`refresh_ahead`] | rare: a hit near its end reloads | database only | reloads that nobody needed |
//!
//! The shop's own pages use cache-aside (see [`crate::cache`]); none of these must ever be used for orders.

pub mod aside;
pub mod read_through;
pub mod refresh_ahead;
pub mod write_back;
pub mod write_through;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use crate::db::connection::Pool;
use crate::db::failure::Failure;
use crate::db::shelf;
use crate::link::{Link, LinkError};

/// One way, or none for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The database alone.
    None,
    /// See [`aside`].
    Aside,
    /// See [`read_through`].
    ReadThrough,
    /// See [`write_through`].
    WriteThrough,
    /// See [`write_back`].
    WriteBack,
    /// See [`refresh_ahead`].
    RefreshAhead,
}

impl Strategy {
    /// In the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Aside, Self::ReadThrough, Self::WriteThrough, Self::WriteBack, Self::RefreshAhead];

    /// As pages and keys say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no cache",
            Self::Aside => "cache-aside",
            Self::ReadThrough => "read-through",
            Self::WriteThrough => "write-through",
            Self::WriteBack => "write-back",
            Self::RefreshAhead => "refresh-ahead",
        }
    }
}

/// Why a read or a write of an item failed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The cache's failure.
    #[error("the cache: {0}")]
    Cache(#[from] LinkError),
    /// The database's failure.
    #[error("the database: {0}")]
    Database(#[from] Failure),
}

/// A value and whether the cache had it.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// The version of the item.
    pub version: i64,
    /// Whether the database was spared.
    pub hit: bool,
}

/// Numbered items in the database with their copies in the cache; counts what it asks of the database.
pub struct Shelf {
    /// The cache.
    pub link: Arc<crate::cache::Cache>,
    /// The database.
    pub pool: Pool,
    /// Whose items these are.
    pub run: Uuid,
    /// Which strategy's.
    pub strategy: Strategy,
    /// Lifetime of a copy.
    pub ttl: Duration,
    /// Reads of the database so far.
    pub loads: AtomicU64,
    /// Writes to the database so far; one that carries many items is one.
    pub stores: AtomicU64,
}

impl Shelf {
    /// Reads an item by the shelf's strategy.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn read(self: &Arc<Self>, item: i32) -> Result<Read, ShelfError> {
        match self.strategy {
            Strategy::None => Ok(Read { version: self.load(item).await?, hit: false }),
            Strategy::Aside => aside::read(self, item).await,
            Strategy::ReadThrough | Strategy::WriteThrough | Strategy::WriteBack => {
                read_through::read(self, item).await
            }
            Strategy::RefreshAhead => refresh_ahead::read(self, item).await,
        }
    }

    /// Writes an item by the shelf's strategy; versions of one item only grow.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn write(&self, item: i32, version: i64) -> Result<(), ShelfError> {
        match self.strategy {
            Strategy::None | Strategy::ReadThrough | Strategy::RefreshAhead => self.store(&[(item, version)]).await,
            Strategy::Aside => aside::write(self, item, version).await,
            Strategy::WriteThrough => write_through::write(self, item, version).await,
            Strategy::WriteBack => write_back::write(self, item, version).await,
        }
    }

    async fn load(&self, item: i32) -> Result<i64, ShelfError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(shelf::load(&self.pool, self.run, self.strategy.name(), item).await?)
    }

    async fn store(&self, items: &[(i32, i64)]) -> Result<(), ShelfError> {
        self.stores.fetch_add(1, Ordering::Relaxed);
        Ok(shelf::store(&self.pool, self.run, self.strategy.name(), items).await?)
    }

    async fn put(&self, item: i32, version: i64) -> Result<(), ShelfError> {
        let mut question = redis::pipe();
        question.cmd("SET").arg(self.key(item)).arg(version).arg("PX").arg(self.milliseconds()).ignore();
        Ok(self.cache()?.quick::<()>(&question).await?)
    }

    async fn get(&self, item: i32) -> Result<Option<i64>, ShelfError> {
        let (found,): (Option<i64>,) = self.cache()?.quick(redis::pipe().get(self.key(item))).await?;
        Ok(found)
    }

    fn cache(&self) -> Result<&Link, LinkError> {
        self.link.link().ok_or(LinkError::PassedOver)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn key(&self, item: i32) -> String {
        format!("shop:shelf:{}:{}:{item}", self.run, self.strategy.name())
    }
}
