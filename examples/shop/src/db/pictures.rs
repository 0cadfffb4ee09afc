//! Customers' pictures of products: the upload, and the thumbnail that a worker makes of it. The key is the client's, so an upload sent twice is one.
//!
//! It must never change a picture that is finished: a job that is delivered twice does its work once.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::connection::Pool;
use super::failure::Failure;
use super::reads::Answer;
use super::{Node, write};

/// How far a picture is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum State {
    /// Uploaded; its thumbnail is being waited for.
    Waiting,
    /// The thumbnail is there.
    Ready,
    /// It could not be made.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A picture without its bytes.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// The client's key.
    pub id: Uuid,
    /// The product it shows.
    pub product: i64,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
    /// The pod that took it.
    pub pod: String,
    /// The worker that made the thumbnail.
    pub worker: Option<String>,
    /// From the upload to the thumbnail, in milliseconds.
    pub took_ms: Option<i64>,
}

/// A picture as it was uploaded.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The client's key.
    pub id: Uuid,
    /// The product it shows.
    pub product: i64,
    /// What kind of picture, as its bytes say.
    pub media_type: &'static str,
    /// The picture.
    pub original: Vec<u8>,
    /// The pod that took it.
    pub pod: String,
}

const KEEP: &str = "INSERT INTO pictures AS p (id, product_id, original, media_type, pod) \
    SELECT $1::uuid, o.id, $3::bytea, $4::text, $5::text FROM products o WHERE o.id = $2 \
    ON CONFLICT (id) DO UPDATE SET media_type = p.media_type RETURNING p.product_id, p.original = $3::bytea AS same";
const DROP: &str = "DELETE FROM pictures WHERE id = $1 AND thumbnail IS NULL";
const STATE: &str = "SELECT id, product_id, thumbnail IS NOT NULL AS ready, refused, pod, worker, \
    (extract(epoch FROM finished_at - uploaded_at) * 1000)::bigint AS took_ms, pg_is_in_recovery() AS replica, \
    coalesce(host(inet_server_addr()), 'local') AS node, current_setting('cluster_name') AS cluster FROM pictures WHERE id = $1";
const OF_PRODUCT: &str = "SELECT n.*, r.id FROM (SELECT coalesce(host(inet_server_addr()), 'local') AS node, \
    pg_is_in_recovery() AS replica, current_setting('cluster_name') AS cluster) n LEFT JOIN (SELECT id, uploaded_at FROM pictures \
    WHERE product_id = $1 AND thumbnail IS NOT NULL ORDER BY uploaded_at DESC LIMIT 12) r ON true ORDER BY r.uploaded_at DESC";
const NEWEST: &str = "SELECT worker, to_char(finished_at AT TIME ZONE 'UTC', 'HH24:MI:SS') AS at FROM pictures \
    WHERE worker IS NOT NULL AND finished_at > now() - interval '1 hour' ORDER BY finished_at DESC LIMIT 1";
const THUMBNAIL: &str = "SELECT thumbnail FROM pictures WHERE id = $1 AND thumbnail IS NOT NULL";
const WORK: &str = "SELECT product_id, original FROM pictures WHERE id = $1 AND thumbnail IS NULL AND refused IS NULL";
const FINISH: &str = "UPDATE pictures SET thumbnail = $2, refused = $3, worker = $4, finished_at = clock_timestamp() \
    WHERE id = $1 AND thumbnail IS NULL AND refused IS NULL";

/// Keeps an upload; false when the key belongs to another one, nothing when there is no such product.
///
/// # Errors
/// The database's; the upload may or may not be kept then.
pub async fn keep(pool: &Pool, upload: &Upload, deadline: Duration) -> Result<Option<bool>, Failure> {
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&upload.id, &upload.product, &upload.original, &upload.media_type, &upload.pod];
    let rows = write::settled(pool, KEEP, &parameters, deadline).await?;
    Ok(rows.first().map(|row| row.get::<_, i64>("product_id") == upload.product && row.get("same")))
}

/// Takes back an upload whose job could not be queued.
///
/// # Errors
/// The database's.
pub async fn take_back(pool: &Pool, id: Uuid, deadline: Duration) -> Result<(), Failure> {
    write::settled(pool, DROP, &[&id], deadline).await.map(drop)
}

/// How far a picture is.
///
/// # Errors
/// The database's.
pub async fn state(pool: &Pool, id: Uuid, deadline: Duration) -> Result<Option<Answer<Picture>>, Failure> {
    let rows = write::asked(pool, STATE, &[&id], deadline).await?;
    Ok(rows.first().map(|row| Answer { node: node(row), rows: picture(row) }))
}

/// The newest pictures of a product that have a thumbnail.
///
/// # Errors
/// The database's.
pub async fn of_product(pool: &Pool, product: i64, deadline: Duration) -> Result<Answer<Vec<Uuid>>, Failure> {
    let rows = write::asked(pool, OF_PRODUCT, &[&product], deadline).await?;
    let ids = rows.iter().filter_map(|row| row.get("id")).collect();
    Ok(Answer { node: rows.first().map_or_else(Node::default, node), rows: ids })
}

/// The worker that finished last within the hour, and when (UTC).
///
/// # Errors
/// The database's.
pub async fn newest_worker(pool: &Pool, deadline: Duration) -> Result<Option<(String, String)>, Failure> {
    let rows = write::asked(pool, NEWEST, &[], deadline).await?;
    Ok(rows.first().map(|row| (row.get("worker"), row.get("at"))))
}

/// The thumbnail, if it is there.
///
/// # Errors
/// The database's.
pub async fn thumbnail(pool: &Pool, id: Uuid, deadline: Duration) -> Result<Option<Vec<u8>>, Failure> {
    Ok(write::asked(pool, THUMBNAIL, &[&id], deadline).await?.first().map(|row| row.get("thumbnail")))
}

/// The product and the bytes of a picture that still wants its thumbnail.
///
/// # Errors
/// The database's.
pub async fn work(pool: &Pool, id: Uuid, deadline: Duration) -> Result<Option<(i64, Vec<u8>)>, Failure> {
    let rows = write::asked(pool, WORK, &[&id], deadline).await?;
    Ok(rows.first().map(|row| (row.get("product_id"), row.get("original"))))
}

/// Keeps what became of a picture, unless that is known already.
///
/// # Errors
/// The database's.
pub async fn finish(
    pool: &Pool,
    id: Uuid,
    made: &Result<Vec<u8>, String>,
    worker: &str,
    deadline: Duration,
) -> Result<(), Failure> {
    let (thumbnail, refused) = (made.as_ref().ok(), made.as_ref().err());
    write::settled(pool, FINISH, &[&id, &thumbnail, &refused, &worker], deadline).await.map(drop)
}

fn node(row: &Row) -> Node {
    Node { address: row.get("node"), replica: row.get("replica"), cluster: row.get("cluster"), lag_seconds: 0.0 }
}

fn picture(row: &Row) -> Picture {
    let refused: Option<String> = row.get("refused");
    let state = match refused {
        Some(reason) => State::Refused { reason },
        None if row.get("ready") => State::Ready,
        None => State::Waiting,
    };
    Picture {
        id: row.get("id"),
        product: row.get("product_id"),
        state,
        pod: row.get("pod"),
        worker: row.get("worker"),
        took_ms: row.get("took_ms"),
    }
}
