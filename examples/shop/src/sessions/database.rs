//! Sessions in the database, for owners who want none lost at any price. Read from the primary: a replica may not have them yet.
//!
//! It must never store an id itself, only its hash: who can read the table shall not become its people.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Kept, Served, Session, SessionError};
use crate::db::connection::Pool;
use crate::db::failure::Failure;
use crate::db::write;

const OPEN: &str = "INSERT INTO sessions (id_hash, customer_id, name, since, expires_at, pods) \
    VALUES (encode(sha256(convert_to($1, 'UTF8')), 'hex'), $2, $3, $4, now() + $5 * interval '1 second', $6::text::jsonb) \
    ON CONFLICT (id_hash) DO UPDATE SET expires_at = excluded.expires_at";
const SWEEP: &str = "DELETE FROM sessions WHERE id_hash IN \
    (SELECT id_hash FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)";
const FIND: &str = "SELECT customer_id, name, since, pods::text AS pods FROM sessions \
    WHERE id_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex') AND expires_at > now()";
const NOTE: &str = "UPDATE sessions SET pods = jsonb_set(pods, ARRAY[$2], $3::text::jsonb), \
    expires_at = now() + $4 * interval '1 second' WHERE id_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex')";
const CLOSE: &str = "DELETE FROM sessions WHERE id_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex')";
const WHO: &str = "SELECT coalesce(host(inet_server_addr()), 'local') AS node";
const SHORT: Duration = Duration::from_secs(3);

pub(super) struct DatabaseStore {
    pool: Pool,
}

impl From<Failure> for SessionError {
    fn from(failure: Failure) -> Self {
        Self::Away(failure.to_string())
    }
}

impl DatabaseStore {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub(super) async fn open(
        &self,
        id: &str,
        session: &Session,
        ttl: Duration,
        deadline: Duration,
    ) -> Result<Kept, SessionError> {
        let pods = serde_json::to_string(&session.pods).unwrap_or_else(|_| "{}".to_owned());
        let since = i64::try_from(session.since).unwrap_or(i64::MAX);
        write::settled(
            &self.pool,
            OPEN,
            &[&id, &session.customer, &session.name, &since, &seconds(ttl), &pods],
            deadline,
        )
        .await?;
        if let Err(error) = write::settled(&self.pool, SWEEP, &[], SHORT).await {
            tracing::debug!(%error, "old sessions were not swept");
        }
        Ok(Kept::Database)
    }

    pub(super) async fn find(&self, id: &str, patience: Duration) -> Result<Option<Session>, SessionError> {
        let rows = write::asked(&self.pool, FIND, &[&id], patience).await?;
        Ok(rows.first().map(|row| {
            let pods: BTreeMap<String, Served> = serde_json::from_str(row.get("pods")).unwrap_or_default();
            Session {
                customer: row.get("customer_id"),
                name: row.get("name"),
                since: u64::try_from(row.get::<_, i64>("since")).unwrap_or(0),
                pods,
            }
        }))
    }

    pub(super) async fn note(&self, id: &str, pod: &str, served: Served, ttl: Duration) -> Result<(), SessionError> {
        let served = serde_json::to_string(&served).unwrap_or_else(|_| "{}".to_owned());
        write::settled(&self.pool, NOTE, &[&id, &pod, &served, &seconds(ttl)], SHORT).await?;
        Ok(())
    }

    pub(super) async fn close(&self, id: &str) -> Result<(), SessionError> {
        write::settled(&self.pool, CLOSE, &[&id], SHORT).await?;
        Ok(())
    }

    pub(super) async fn who(&self) -> Result<String, SessionError> {
        let rows = write::asked(&self.pool, WHO, &[], Duration::from_millis(800)).await?;
        Ok(rows.first().map_or_else(String::new, |row| row.get("node")))
    }
}

#[allow(clippy::cast_precision_loss)] // seconds of a lifetime, far below 2^52
fn seconds(ttl: Duration) -> f64 {
    ttl.as_secs() as f64
}
