//! A member's figures that Patroni does not have: what `PostgreSQL` does, for whom, and how large it is. Names are
//! those that exporters of `PostgreSQL` have.
//!
//! A question has its own connection: it must never delay the look at how far behind the member is.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::lag::{self, Settings};
use super::metrics::{Figure, Row, counter, gauge, write};

const DATABASES_QUERY: &str = "SELECT s.*, pg_database_size(d.oid) AS size, age(d.datfrozenxid) AS xid_age \
    FROM pg_stat_database s JOIN pg_database d ON d.oid = s.datid WHERE NOT d.datistemplate";

const DATABASES: [Figure; 9] = [
    counter("xact_commit", "pg_stat_database_xact_commit", 1.0, "Transactions committed"),
    counter("xact_rollback", "pg_stat_database_xact_rollback", 1.0, "Transactions rolled back"),
    counter("blks_hit", "pg_stat_database_blks_hit", 1.0, "Blocks found in shared memory"),
    counter("blks_read", "pg_stat_database_blks_read", 1.0, "Blocks read from the system"),
    counter("temp_bytes", "pg_stat_database_temp_bytes", 1.0, "Bytes written to temporary files"),
    counter("deadlocks", "pg_stat_database_deadlocks", 1.0, "Deadlocks"),
    gauge("numbackends", "pg_stat_database_numbackends", "Connections"),
    gauge("size", "pg_database_size_bytes", "Size on disk"),
    gauge(
        "xid_age",
        "pg_database_frozen_xid_age",
        "Transactions since the oldest that is not frozen; the end is at 2 billion",
    ),
];

const ACTIVITY_QUERY: &str = "SELECT datname, state, count(*) AS count, \
    coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0) AS longest \
    FROM pg_stat_activity WHERE datname IS NOT NULL AND state IS NOT NULL GROUP BY datname, state";

const ACTIVITY: [Figure; 2] = [
    gauge("count", "pg_stat_activity_count", "Connections by what they do"),
    gauge("longest", "pg_stat_activity_max_tx_duration", "Age of the oldest transaction, in seconds"),
];

/// Answers `/metrics`.
pub fn router(settings: Settings) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(settings)
}

async fn answer(State(settings): State<Settings>) -> Result<String, StatusCode> {
    let Some(client) = lag::connect(&settings).await else { return Err(StatusCode::BAD_GATEWAY) };
    let read = tokio::time::timeout(lag::LOOK_TIMEOUT, read(&client)).await;
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => {
            tracing::debug!(%error, "metrics");
            Err(StatusCode::BAD_GATEWAY)
        }
        Err(_) => Err(StatusCode::GATEWAY_TIMEOUT),
    }
}

async fn read(client: &Client) -> Result<String, tokio_postgres::Error> {
    let mut text = String::new();
    for (query, figures, labels) in [
        (DATABASES_QUERY, DATABASES.as_slice(), ["datname"].as_slice()),
        (ACTIVITY_QUERY, ACTIVITY.as_slice(), ["datname", "state"].as_slice()),
    ] {
        let mut rows = Vec::new();
        for message in client.simple_query(query).await? {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let get = |column: &str| row.try_get(column).ok().flatten();
            let labels = labels.iter().map(|label| (*label, get(label).unwrap_or_default().to_owned())).collect();
            rows.push(Row::read(labels, figures, get));
        }
        write(&mut text, figures, &rows);
    }
    Ok(text)
}
