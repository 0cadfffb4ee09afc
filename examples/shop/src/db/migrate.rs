//! Schema migrations: each runs once, in order, in a transaction of its own, together with its record in `schema_migrations`.
//!
//! It must never run twice at once (an advisory lock held to the end of each transaction sees to that, over any kind of pool) and never
//! pass over an applied migration whose text has changed.

use std::time::Duration;

use super::connection::Session;
use super::failure::Failure;
use super::retry::Patience;
use crate::config::{Limits, MigrateConfig};

/// One step of the schema.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 3] = [
    Migration { version: 1, name: "schema", sql: include_str!("../../migrations/0001_schema.sql") },
    Migration { version: 2, name: "products", sql: include_str!("../../migrations/0002_products.sql") },
    Migration { version: 3, name: "tiers", sql: include_str!("../../migrations/0003_tiers.sql") },
];

/// Any constant does, as long as every version of the shop uses the same one.
const LOCK: i64 = 0x5348_4f50;

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database refused, or was away for too long.
    #[error(transparent)]
    Database(#[from] Failure),
    /// An applied migration reads differently now.
    #[error("migration {version} ({name}) was applied with another text; add a new migration instead of changing it")]
    Changed {
        /// Its number.
        version: i32,
        /// Its name.
        name: &'static str,
    },
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Applies what is missing and returns how many migrations that were; waits for a database that is away.
///
/// # Errors
/// See [`MigrateError`].
pub async fn run(config: &MigrateConfig) -> Result<u32, MigrateError> {
    // A migration may rightly take minutes; it is the Job's time-out that bounds it.
    let limits = Limits { statement: Duration::from_secs(3600), commit: Duration::from_secs(60), ..Limits::default() };
    let mut patience = Patience::new(config.patience);
    let mut applied = 0;
    loop {
        patience.tries += 1;
        match apply_missing(config, limits, &mut applied).await {
            Ok(()) => return Ok(applied),
            Err(MigrateError::Database(failure)) if failure.passes() && patience.pause().await => {
                tracing::info!(error = %failure, attempt = patience.tries, "database is not there yet");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn apply_missing(config: &MigrateConfig, limits: Limits, applied: &mut u32) -> Result<(), MigrateError> {
    let session = Session::open(&config.direct, limits).await?;
    for migration in &MIGRATIONS {
        session.execute_batch("BEGIN").await?;
        session.client().execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        session
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, \
                 checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
            )
            .await?;
        if is_applied(&session, migration).await? {
            session.execute_batch("ROLLBACK").await?;
            continue;
        }
        session.execute_batch(migration.sql).await?;
        let record = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, md5($3))";
        session.client().execute(record, &[&migration.version, &migration.name, &migration.sql]).await?;
        session.commit().await?;
        *applied += 1;
        tracing::info!(version = migration.version, name = migration.name, "migration applied");
    }
    Ok(())
}

async fn is_applied(session: &Session, migration: &Migration) -> Result<bool, MigrateError> {
    let check = "SELECT checksum = md5($2) AS same FROM schema_migrations WHERE version = $1";
    match session.client().query_opt(check, &[&migration.version, &migration.sql]).await? {
        None => Ok(false),
        Some(row) if row.get("same") => Ok(true),
        Some(_) => Err(MigrateError::Changed { version: migration.version, name: migration.name }),
    }
}
