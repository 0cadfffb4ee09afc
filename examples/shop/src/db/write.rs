//! Single statements that may be made again: a write that is settled by repeating it, and a read from the primary.
//!
//! [`settled`] must never be given a statement whose second run does something else than its first.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Lease, Pool, distrust};
use super::failure::Failure;
use super::orders::BEGIN;
use super::retry::Patience;

/// Runs one idempotent write in a transaction of its own until its COMMIT is acknowledged without a warning; returns its rows.
///
/// # Errors
/// The last failure when the deadline has passed, or a refusal. The write may or may not have happened.
pub async fn settled(
    pool: &Pool,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    deadline: Duration,
) -> Result<Vec<Row>, Failure> {
    again(pool, Kind::Settled, sql, parameters, deadline).await
}

/// Asks until there is an answer or the deadline has passed.
///
/// # Errors
/// As [`settled`].
pub async fn asked(
    pool: &Pool,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    deadline: Duration,
) -> Result<Vec<Row>, Failure> {
    again(pool, Kind::Asked, sql, parameters, deadline).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settled,
    Asked,
}

async fn again(
    pool: &Pool,
    kind: Kind,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    deadline: Duration,
) -> Result<Vec<Row>, Failure> {
    let mut patience = Patience::new(deadline);
    loop {
        patience.tries += 1;
        let left = patience.left();
        let failure = match timeout(left, once(pool, kind, sql, parameters, left)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::TimedOut("deadline"),
        };
        distrust(pool, &failure);
        if !failure.passes() || !patience.pause().await {
            return Err(failure);
        }
        tracing::debug!(error = %failure, attempt = patience.tries, "asked again");
    }
}

async fn once(
    pool: &Pool,
    kind: Kind,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    wait: Duration,
) -> Result<Vec<Row>, Failure> {
    let mut lease = Lease::take(pool, wait).await?;
    let session = lease.session()?;
    let statement = session.prepared(sql).await?;
    if kind == Kind::Settled {
        session.execute_batch(BEGIN).await?;
    }
    let rows = session.run(&statement, parameters).await?;
    if kind == Kind::Settled {
        session.commit().await?;
    }
    lease.clean();
    Ok(rows)
}
