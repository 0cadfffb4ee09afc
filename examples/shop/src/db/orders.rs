//! Placing an order exactly once.
//!
//! It must never answer "placed" without an acknowledged COMMIT, and never place one key twice.
//!
//! Each order has a key made by its client, unique in the table. A try that finds the key taken *updates* that row instead of merely reading it:
//! the update's own COMMIT comes later in the log than the first one, so its acknowledgement covers both. Reading alone would not do: after a
//! crash the primary shows rows from its own log that no standby may have.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Node;
use super::connection::{Lease, Pool, distrust};
use super::failure::Failure;
use super::retry::Patience;
use crate::metrics::Metrics;

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Made by the client; the same key never gives two orders.
    pub key: Uuid,
    /// Which product.
    pub product: i64,
    /// How many, 1 to 100.
    pub quantity: i32,
    /// The pod that takes the order.
    pub pod: String,
    /// Who orders, if that is known.
    pub customer: Option<i64>,
}

/// An acknowledged order.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its number.
    pub id: i64,
    /// The server that acknowledged it.
    pub node: Node,
    /// Tries of this request.
    pub tries: u32,
    /// Whether an earlier try or request had left it there.
    pub repeated: bool,
}

/// Why an order was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It may or may not have been committed; asking again with the same key settles it.
    #[error("unknown outcome: the database did not acknowledge the commit; ask again with the same key")]
    Unknown,
    /// It was not placed, for want of a database.
    #[error("the order was not placed: {0}")]
    Unavailable(Failure),
    /// The key belongs to an order of something else.
    #[error("this key belongs to another order")]
    KeyTaken,
    /// There is no such product.
    #[error("there is no such product")]
    NoSuchProduct,
}

/// Opens a transaction whose statements and locks the server bounds as well.
pub(super) const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '2500ms'; \
     SET LOCAL lock_timeout = '2500ms'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

const INSERT: &str = "\
    INSERT INTO orders AS o (key, product_id, quantity, total_cents, pod, customer_id) \
    SELECT $1, p.id, $3::integer, p.price_cents * $3::integer, $4, $5::bigint FROM products p WHERE p.id = $2 \
    ON CONFLICT (key) DO UPDATE SET attempts = o.attempts + 1 \
    RETURNING id, product_id, quantity, attempts, \
      coalesce(host(inet_server_addr()), 'local') AS node, current_setting('cluster_name') AS cluster";

enum Tried {
    Placed(Placed),
    Refused(OrderError),
}

/// Places `order`, trying again within `deadline` as long as that can help.
///
/// # Errors
/// See [`OrderError`]; after any but [`OrderError::Unknown`] the order of this request is not in the database.
pub async fn place(pool: &Pool, order: &NewOrder, deadline: Duration, metrics: &Metrics) -> Result<Placed, OrderError> {
    let mut patience = Patience::new(deadline);
    let mut maybe_committed = false;
    loop {
        patience.tries += 1;
        let mut commit_sent = false;
        let left = patience.left();
        let tried = timeout(left, try_once(pool, order, left, patience.tries, &mut commit_sent)).await;
        let failure = match tried {
            Ok(Ok(Tried::Placed(placed))) => return Ok(placed),
            Ok(Ok(Tried::Refused(error))) => return Err(error),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::TimedOut("deadline"),
        };
        maybe_committed |= commit_sent;
        distrust(pool, &failure);
        let reason = failure.reason();
        // After COMMIT was sent every failure but a warned one is worth another try: the key settles what became of it.
        let again = failure.passes() || (commit_sent && !matches!(failure, Failure::CommitWarned));
        if !again || !patience.pause().await {
            tracing::warn!(key = %order.key, tries = patience.tries, maybe_committed, error = %failure, "order not acknowledged");
            return Err(if maybe_committed { OrderError::Unknown } else { OrderError::Unavailable(failure) });
        }
        metrics.retried("order", &reason);
        tracing::info!(key = %order.key, attempt = patience.tries, commit_sent, error = %failure, "order is tried again");
    }
}

async fn try_once(
    pool: &Pool,
    order: &NewOrder,
    wait: Duration,
    tries: u32,
    commit_sent: &mut bool,
) -> Result<Tried, Failure> {
    let mut lease = Lease::take(pool, wait).await?;
    let session = lease.session()?;
    // Prepared before BEGIN, so that the transaction is three round trips and holds no row meanwhile.
    let insert = session.prepared(INSERT).await?;
    session.execute_batch(BEGIN).await?;
    let rows =
        session.run(&insert, &[&order.key, &order.product, &order.quantity, &order.pod, &order.customer]).await?;
    let taken =
        |row: &Row| row.get::<_, i64>("product_id") != order.product || row.get::<_, i32>("quantity") != order.quantity;
    let row = match rows.first() {
        Some(row) if !taken(row) => row,
        other => {
            let error = if other.is_some() { OrderError::KeyTaken } else { OrderError::NoSuchProduct };
            session.execute_batch("ROLLBACK").await?;
            lease.clean();
            return Ok(Tried::Refused(error));
        }
    };
    *commit_sent = true;
    session.commit().await?;
    lease.clean();
    let node = Node { address: row.get("node"), replica: false, cluster: row.get("cluster"), lag_seconds: 0.0 };
    Ok(Tried::Placed(Placed { id: row.get("id"), node, tries, repeated: row.get::<_, i32>("attempts") > 1 }))
}
