//! The pool's figures, from `PgBouncer`'s console: who waits, and how much is done. Names and units are those that
//! exporters of `PgBouncer` have.

use super::console::{Console, ConsoleError};
use super::metrics::{Figure, Row, counter, gauge, write};

const POOLS: [Figure; 5] = [
    gauge("cl_active", "pgbouncer_pools_client_active_connections", "Clients with a server connection, or idle"),
    gauge("cl_waiting", "pgbouncer_pools_client_waiting_connections", "Clients that wait for a server connection"),
    gauge("sv_active", "pgbouncer_pools_server_active_connections", "Server connections that a client has"),
    gauge("sv_idle", "pgbouncer_pools_server_idle_connections", "Server connections that no client has"),
    gauge("maxwait", "pgbouncer_pools_client_maxwait_seconds", "Age of the longest wait, in whole seconds"),
];

const MICROSECONDS: f64 = 1e6;

const STATS: [Figure; 4] = [
    counter("total_xact_count", "pgbouncer_stats_transactions_total", 1.0, "Transactions"),
    counter("total_query_count", "pgbouncer_stats_queries_total", 1.0, "Statements"),
    counter("total_xact_time", "pgbouncer_stats_transaction_seconds_total", MICROSECONDS, "Time in transactions"),
    counter("total_wait_time", "pgbouncer_stats_client_wait_seconds_total", MICROSECONDS, "Time that clients waited"),
];

/// All figures of both databases; the console's own is left out.
///
/// # Errors
/// When the console cannot be used.
pub async fn read(console: &Console) -> Result<String, ConsoleError> {
    let session = console.open().await?;
    let mut text = String::new();
    for (command, figures) in [("SHOW POOLS", POOLS.as_slice()), ("SHOW STATS", STATS.as_slice())] {
        let mut rows = Vec::new();
        for row in session.ask(command).await? {
            let get = |column: &str| row.try_get(column).ok().flatten();
            let Some(database) = get("database").filter(|name| *name != "pgbouncer") else { continue };
            let user = get("user").map(|user| ("user", user.to_owned()));
            let labels = [("database", database.to_owned())].into_iter().chain(user).collect();
            rows.push(Row::read(labels, figures, get));
        }
        write(&mut text, figures, &rows);
    }
    Ok(text)
}
