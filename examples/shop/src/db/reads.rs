//! What pages and the API read. Each answer says in the same statement which server gave it: behind a pooler two statements may
//! meet two servers. It must never be used to decide a write.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Node;
use super::connection::{Lease, Pool, distrust};
use super::failure::Failure;
use super::retry::Patience;
use crate::metrics::Metrics;

/// Rows and who gave them.
#[derive(Debug)]
pub struct Answer<T> {
    /// The server.
    pub node: Node,
    /// What was asked for.
    pub rows: T,
}

/// A product of the catalogue.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// One line about it.
    pub blurb: String,
    /// Its picture.
    pub emoji: String,
    /// Price in cents.
    pub price_cents: i64,
}

/// An order as lists show it.
#[derive(Debug, serde::Serialize)]
pub struct Order {
    /// Its number.
    pub id: i64,
    /// Its client's key.
    pub key: Uuid,
    /// Name of the product.
    pub product: String,
    /// How many.
    pub quantity: i32,
    /// Price of all, in cents.
    pub total_cents: i64,
    /// The pod that took it.
    pub pod: String,
    /// UTC, RFC 3339.
    pub placed_at: String,
}

// One row even when nothing follows it. Lag is 0 when all that was received is replayed, else the age of the last replayed commit.
macro_rules! with_node {
    ($($rest:tt)*) => {
        concat!(
            "SELECT n.*, r.* FROM (SELECT coalesce(host(inet_server_addr()), 'local') AS node, pg_is_in_recovery() AS replica, ",
            "current_setting('cluster_name') AS cluster, CASE WHEN NOT pg_is_in_recovery() OR ",
            "pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 ELSE ",
            "coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float8 AS lag) n LEFT JOIN ",
            $($rest)*
        )
    };
}

macro_rules! orders {
    ($which:literal) => {
        with_node!(
            "(SELECT o.id, o.key, p.name AS product, o.quantity, o.total_cents, o.pod, ",
            "to_char(o.placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS placed_at ",
            "FROM orders o JOIN products p ON p.id = o.product_id ",
            $which
        )
    };
}

const PRODUCTS: &str = with_node!(
    "(SELECT id, name, blurb, emoji, price_cents FROM products ORDER BY id LIMIT 200) r ON true ORDER BY r.id"
);
const LATEST: &str = orders!("ORDER BY o.id DESC LIMIT $1) r ON true ORDER BY r.id DESC");
const AFTER: &str = orders!("WHERE o.id > $1 ORDER BY o.id LIMIT $2) r ON true ORDER BY r.id");
const OF_CUSTOMER: &str = orders!("WHERE o.customer_id = $1 ORDER BY o.id DESC LIMIT 20) r ON true ORDER BY r.id DESC");
const COUNT: &str = with_node!("(SELECT count(*) AS id FROM orders) r ON true");
const WHOAMI: &str = with_node!("(SELECT 1::bigint AS id) r ON true");
const KEYS: &str = "SELECT key, pg_is_in_recovery() AS replica FROM orders ORDER BY id";

/// The catalogue.
///
/// # Errors
/// The last failure when the deadline has passed, or a refusal.
pub async fn products(pool: &Pool, deadline: Duration, metrics: &Metrics) -> Result<Answer<Vec<Product>>, Failure> {
    let product = |row: &Row| Product {
        id: row.get("id"),
        name: row.get("name"),
        blurb: row.get("blurb"),
        emoji: row.get("emoji"),
        price_cents: row.get("price_cents"),
    };
    Ok(list(&query(pool, PRODUCTS, &[], deadline, metrics).await?, product))
}

/// The `limit` newest orders, newest first.
///
/// # Errors
/// As [`products`].
pub async fn latest(
    pool: &Pool,
    limit: i64,
    deadline: Duration,
    metrics: &Metrics,
) -> Result<Answer<Vec<Order>>, Failure> {
    Ok(list(&query(pool, LATEST, &[&limit], deadline, metrics).await?, order))
}

/// The 20 newest orders of a customer, newest first.
///
/// # Errors
/// As [`products`].
pub async fn of_customer(
    pool: &Pool,
    customer: i64,
    deadline: Duration,
    metrics: &Metrics,
) -> Result<Answer<Vec<Order>>, Failure> {
    Ok(list(&query(pool, OF_CUSTOMER, &[&customer], deadline, metrics).await?, order))
}

/// Up to `limit` orders with numbers above `after`, oldest first.
///
/// # Errors
/// As [`products`].
pub async fn after(
    pool: &Pool,
    after: i64,
    limit: i64,
    deadline: Duration,
    metrics: &Metrics,
) -> Result<Answer<Vec<Order>>, Failure> {
    Ok(list(&query(pool, AFTER, &[&after, &limit], deadline, metrics).await?, order))
}

/// How many orders there are.
///
/// # Errors
/// As [`products`].
pub async fn count(pool: &Pool, deadline: Duration, metrics: &Metrics) -> Result<Answer<i64>, Failure> {
    let counts = list(&query(pool, COUNT, &[], deadline, metrics).await?, |row| row.get::<_, i64>("id"));
    Ok(Answer { node: counts.node, rows: counts.rows.into_iter().sum() })
}

/// The server that answers just now.
///
/// # Errors
/// As [`products`].
pub async fn whoami(pool: &Pool, deadline: Duration, metrics: &Metrics) -> Result<Node, Failure> {
    Ok(list(&query(pool, WHOAMI, &[], deadline, metrics).await?, |_| ()).node)
}

fn order(row: &Row) -> Order {
    Order {
        id: row.get("id"),
        key: row.get("key"),
        product: row.get("product"),
        quantity: row.get("quantity"),
        total_cents: row.get("total_cents"),
        pod: row.get("pod"),
        placed_at: row.get("placed_at"),
    }
}

fn list<T>(rows: &[Row], make: impl Fn(&Row) -> T) -> Answer<Vec<T>> {
    let node = rows.first().map_or_else(
        || Node { address: String::new(), replica: false, cluster: String::new(), lag_seconds: 0.0 },
        |row| Node {
            address: row.get("node"),
            replica: row.get("replica"),
            cluster: row.get("cluster"),
            lag_seconds: row.get("lag"),
        },
    );
    let rows = rows.iter().filter(|row| row.get::<_, Option<i64>>("id").is_some()).map(make).collect();
    Answer { node, rows }
}

async fn query(
    pool: &Pool,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
    deadline: Duration,
    metrics: &Metrics,
) -> Result<Vec<Row>, Failure> {
    let mut patience = Patience::new(deadline);
    loop {
        patience.tries += 1;
        let left = patience.left();
        let tried = timeout(left, async {
            let mut lease = Lease::take(pool, left).await?;
            let rows = lease.session()?.query(sql, parameters).await?;
            lease.clean();
            Ok::<_, Failure>(rows)
        });
        let failure = match tried.await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::TimedOut("deadline"),
        };
        distrust(pool, &failure);
        if !failure.passes() || !patience.pause().await {
            return Err(failure);
        }
        metrics.retried("read", &failure.reason());
    }
}

/// All order keys, a line each, then `# end COUNT`, so that a list cut short cannot pass for a whole one.
///
/// With `only_primary`, the stream fails when a replica answers.
///
/// # Errors
/// The stream could not be begun; it is not tried again, since its caller can do that.
pub async fn keys(
    pool: &Pool,
    only_primary: bool,
    wait: Duration,
) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + use<>, Failure> {
    let mut lease = Lease::take(pool, wait).await?;
    let session = lease.session()?;
    let statement = session.prepared(KEYS).await?;
    let no_parameters: [&(dyn ToSql + Sync); 0] = [];
    let rows = session.client().query_raw(&statement, no_parameters).await?;
    let state = Some((Box::pin(rows.map_err(std::io::Error::other)), lease, 0_u64));
    Ok(futures_util::stream::try_unfold(state, move |state| async move {
        let Some((mut rows, lease, mut count)) = state else { return Ok(None) };
        let mut chunk = String::with_capacity(CHUNK + 64);
        while chunk.len() < CHUNK {
            let Some(row) = rows.try_next().await? else {
                use std::fmt::Write as _;
                writeln!(chunk, "# end {count}").map_err(std::io::Error::other)?;
                lease.clean();
                return Ok(Some((Bytes::from(chunk), None)));
            };
            if only_primary && row.get::<_, bool>("replica") {
                return Err(std::io::Error::other("a replica answered where the primary was asked for"));
            }
            chunk.push_str(&row.get::<_, Uuid>("key").to_string());
            chunk.push('\n');
            count += 1;
        }
        Ok(Some((Bytes::from(chunk), Some((rows, lease, count)))))
    }))
}

const CHUNK: usize = 16 * 1024;
