//! The items that the comparison of cache strategies reads and writes, and its reports. It must never touch anything that is sold.

use std::time::Duration;

use uuid::Uuid;

use super::connection::{Lease, Pool};
use super::failure::Failure;

const WAIT: Duration = Duration::from_secs(3);
const LANES: &str = "INSERT INTO strategy_items (run, lane, item, version) \
    SELECT $1, lane, item, 1 FROM unnest($2::text[]) lane, generate_series(0, $3::integer - 1) item";
const LOAD: &str = "SELECT version FROM strategy_items WHERE run = $1 AND lane = $2 AND item = $3";
const STORE: &str = "UPDATE strategy_items s SET version = n.version FROM unnest($3::integer[], $4::bigint[]) n (item, version) \
    WHERE s.run = $1 AND s.lane = $2 AND s.item = n.item AND s.version < n.version";
const CLEAR: &str = "DELETE FROM strategy_items WHERE run = $1";
const RECORD: &str = "INSERT INTO strategy_runs (id, pod, report) VALUES ($1, $2, $3)";
const FORGET: &str = "DELETE FROM strategy_runs WHERE at < now() - interval '7 days'";
const LATEST: &str = "SELECT report FROM strategy_runs ORDER BY at DESC LIMIT 1";

/// Puts `items` items at version 1 into each lane.
///
/// # Errors
/// The database's.
pub async fn prepare(pool: &Pool, run: Uuid, lanes: &[&str], items: i32) -> Result<(), Failure> {
    ask(pool, LANES, &[&run, &lanes, &items]).await.map(drop)
}

/// The version of one item; 0 when it is not there.
///
/// # Errors
/// The database's.
pub async fn load(pool: &Pool, run: Uuid, lane: &str, item: i32) -> Result<i64, Failure> {
    Ok(ask(pool, LOAD, &[&run, &lane, &item]).await?.first().map_or(0, |row| row.get("version")))
}

/// Stores versions; one that is older than what is there changes nothing.
///
/// # Errors
/// The database's.
pub async fn store(pool: &Pool, run: Uuid, lane: &str, items: &[(i32, i64)]) -> Result<(), Failure> {
    let (numbers, versions): (Vec<i32>, Vec<i64>) = items.iter().copied().unzip();
    ask(pool, STORE, &[&run, &lane, &numbers, &versions]).await.map(drop)
}

/// Removes a run's items.
///
/// # Errors
/// The database's.
pub async fn clear(pool: &Pool, run: Uuid) -> Result<(), Failure> {
    ask(pool, CLEAR, &[&run]).await.map(drop)
}

/// Keeps a report, and forgets those older than a week.
///
/// # Errors
/// The database's.
pub async fn record(pool: &Pool, run: Uuid, pod: &str, report: &str) -> Result<(), Failure> {
    ask(pool, RECORD, &[&run, &pod, &report]).await?;
    ask(pool, FORGET, &[]).await.map(drop)
}

/// The newest report.
///
/// # Errors
/// The database's.
pub async fn latest(pool: &Pool) -> Result<Option<String>, Failure> {
    Ok(ask(pool, LATEST, &[]).await?.first().map(|row| row.get("report")))
}

async fn ask(
    pool: &Pool,
    sql: &'static str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    let mut lease = Lease::take(pool, WAIT).await?;
    let rows = lease.session()?.query(sql, parameters).await?;
    lease.clean();
    Ok(rows)
}
