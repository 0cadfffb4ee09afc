//! Sessions in Redis. A log-in counts when `WAIT` returned that a replica has it, wherever there is a replica to have it.
//!
//! It must never take the answer to the write for that: replication is asynchronous, and a failover forgets what no replica had.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Kept, Served, Session, SessionError};
use crate::db::retry::Patience;
use crate::link::{Link, LinkError, LinkLimits, server_of};

const LIMITS: LinkLimits = LinkLimits { connect: Duration::from_millis(500), answer: Duration::from_millis(800) };
/// How long one try waits for a replica.
const WAIT_MS: u64 = 1000;
const CLOSE: Duration = Duration::from_secs(3);
const POD: &str = "pod:";

pub(super) struct RedisStore {
    link: Link,
    /// What the owner says; without it the server is asked.
    replicas: Option<u32>,
    /// Where there was a replica once, there has to be one: right after a failover the new master has none yet.
    had_replica: AtomicBool,
}

impl From<LinkError> for SessionError {
    fn from(error: LinkError) -> Self {
        Self::Away(error.to_string())
    }
}

impl RedisStore {
    pub(super) fn new(client: redis::Client, replicas: Option<u32>) -> Self {
        Self { link: Link::new(client, LIMITS), replicas, had_replica: AtomicBool::new(false) }
    }

    pub(super) async fn open(
        &self,
        id: &str,
        session: &Session,
        ttl: Duration,
        deadline: Duration,
    ) -> Result<Kept, SessionError> {
        let mut patience = Patience::new(deadline);
        loop {
            patience.tries += 1;
            let error = match self.open_once(id, session, ttl).await {
                Ok(Some(kept)) => return Ok(kept),
                Ok(None) => SessionError::NotReplicated,
                Err(error) if error.passes() => error.into(),
                Err(error) => return Err(error.into()),
            };
            tracing::info!(%error, attempt = patience.tries, "log-in is not safe yet");
            if !patience.pause().await {
                // It may be on the master: nobody was told of it, and nobody shall find it.
                let _gone = self.link.quick::<()>(redis::pipe().del(key(id)).ignore()).await;
                return Err(error);
            }
        }
    }

    /// Nothing when a replica was expected and none confirmed. On a connection of its own: WAIT would hold up everyone on the shared one, and it
    /// counts for the writes of its own connection only.
    async fn open_once(&self, id: &str, session: &Session, ttl: Duration) -> Result<Option<Kept>, LinkError> {
        let mut connection = self.link.own(Duration::from_millis(WAIT_MS + 500)).await?;
        let expected = self.expected(&mut connection).await?;
        let mut question = redis::pipe();
        question.cmd("HSET").arg(key(id)).arg("customer").arg(session.customer).arg("name").arg(&session.name);
        question.arg("since").arg(session.since);
        for (pod, served) in &session.pods {
            question.arg(format!("{POD}{pod}")).arg(written(*served));
        }
        question.ignore().cmd("EXPIRE").arg(key(id)).arg(ttl.as_secs()).ignore();
        question.cmd("WAIT").arg(1).arg(if expected == Some(0) { 1 } else { WAIT_MS });
        let (confirmed,): (u32,) = question.query_async(&mut connection).await?;
        if confirmed > 0 {
            self.had_replica.store(true, Ordering::Relaxed);
            return Ok(Some(Kept::Replicated { replicas: confirmed }));
        }
        Ok((expected == Some(0)).then_some(Kept::OneMember))
    }

    /// How many replicas there should be; nothing when that cannot be learnt, and then one has to confirm.
    async fn expected(&self, connection: &mut redis::aio::MultiplexedConnection) -> Result<Option<u32>, LinkError> {
        if let Some(replicas) = self.replicas {
            return Ok(Some(replicas));
        }
        if self.had_replica.load(Ordering::Relaxed) {
            return Ok(Some(1));
        }
        let info: Result<String, redis::RedisError> =
            redis::cmd("INFO").arg("replication").query_async(connection).await;
        match info {
            Ok(info) => Ok(connected_replicas(&info)),
            Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, "INFO replication is refused");
                Ok(None)
            }
        }
    }

    pub(super) async fn find(&self, id: &str, patience: Duration) -> Result<Option<Session>, SessionError> {
        let (fields,): (HashMap<String, String>,) = self.link.patient(redis::pipe().hgetall(key(id)), patience).await?;
        Ok(read(&fields))
    }

    pub(super) async fn note(&self, id: &str, pod: &str, served: Served, ttl: Duration) -> Result<(), SessionError> {
        let mut question = redis::pipe();
        question.hset(key(id), format!("{POD}{pod}"), written(served)).ignore();
        // Also bounds what a note after a log-out would bring back; without a customer it is no session.
        question.cmd("EXPIRE").arg(key(id)).arg(ttl.as_secs()).ignore();
        Ok(self.link.quick(&question).await?)
    }

    pub(super) async fn close(&self, id: &str) -> Result<(), SessionError> {
        Ok(self.link.patient::<()>(redis::pipe().del(key(id)).ignore(), CLOSE).await?)
    }

    pub(super) async fn who(&self) -> Result<String, SessionError> {
        let mut question = redis::pipe();
        question.cmd("CLIENT").arg("INFO");
        let (info,): (String,) = self.link.quick(&question).await?;
        Ok(server_of(&info).unwrap_or_else(|| "unnamed".to_owned()))
    }
}

fn key(id: &str) -> String {
    format!("session:{id}")
}

fn written(served: Served) -> String {
    format!("{},{}", served.first, served.last)
}

fn read(fields: &HashMap<String, String>) -> Option<Session> {
    let served = |text: &str| {
        let (first, last) = text.split_once(',')?;
        Some(Served { first: first.parse().ok()?, last: last.parse().ok()? })
    };
    let pods: BTreeMap<String, Served> =
        fields.iter().filter_map(|(name, text)| Some((name.strip_prefix(POD)?.to_owned(), served(text)?))).collect();
    Some(Session {
        customer: fields.get("customer")?.parse().ok()?,
        name: fields.get("name")?.clone(),
        since: fields.get("since")?.parse().ok()?,
        pods,
    })
}

fn connected_replicas(info: &str) -> Option<u32> {
    info.lines().find_map(|line| line.trim().strip_prefix("connected_slaves:")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_without_a_customer_is_no_session() {
        let mut fields = HashMap::from([("pod:web-1".to_owned(), "5,9".to_owned())]);
        assert_eq!(read(&fields), None);
        for (name, value) in [("customer", "3"), ("name", "Ada"), ("since", "4")] {
            fields.insert(name.to_owned(), value.to_owned());
        }
        let session = read(&fields).unwrap();
        assert_eq!((session.customer, session.pods["web-1"]), (3, Served { first: 5, last: 9 }));
    }

    #[test]
    fn the_server_says_how_many_replicas_it_has() {
        assert_eq!(connected_replicas("# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"), Some(2));
        assert_eq!(connected_replicas("role:slave"), None);
    }
}
