//! Who is logged in, kept where every pod finds it. A log-in is answered only when the session is where the loss of one member cannot take it,
//! or with a sentence that says that there is only one.
//!
//! It must never keep a session in this process, and never write on every page: a pod is noted once, and then every few seconds.

mod database;
mod redis_store;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::tiers::{SESSION_TTL, SessionStore, Tiers};
use crate::config::{Limits, ServeConfig};
use crate::db::connection;

/// How long a log-in may take: a failover of the store takes some seconds.
const LOG_IN: Duration = Duration::from_secs(8);
/// A pod that was noted that long ago is noted again.
const NOTED_EVERY: u64 = 5;
const DATABASE_CONNECTIONS: usize = 4;

/// One person's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Number of the customer.
    pub customer: i64,
    /// The customer's name.
    pub name: String,
    /// Log-in, in seconds since 1970.
    pub since: u64,
    /// The pods that served it.
    pub pods: BTreeMap<String, Served>,
}

/// When a pod served a session, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// First.
    pub first: u64,
    /// Last, to about five seconds.
    pub last: u64,
}

/// What the store promised of a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Kept {
    /// That many replicas have it.
    Replicated {
        /// What WAIT returned.
        replicas: u32,
    },
    /// The store has one member and no replica.
    OneMember,
    /// The database acknowledged its COMMIT.
    Database,
}

impl Kept {
    /// As the account page says it.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Replicated { replicas: 1 } => {
                "Your session is on two members of the session store: the loss of one keeps you logged in.".to_owned()
            }
            Self::Replicated { replicas } => {
                format!(
                    "Your session is on {} members of the session store: the loss of one keeps you logged in.",
                    replicas + 1
                )
            }
            Self::OneMember => "The session store has one member: its loss would log you out.".to_owned(),
            Self::Database => "Your session is in the database, as safe as an order.".to_owned(),
        }
    }
}

/// Why there is no answer about a session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// `SESSION_URL` is not set.
    #[error("this shop keeps no sessions")]
    Off,
    /// The store does not answer.
    #[error("the session store does not answer: {0}")]
    Away(String),
    /// The store has the session, a replica has not.
    #[error("no replica of the session store confirmed the log-in")]
    NotReplicated,
}

/// The session store, or the lack of one.
pub struct Sessions {
    store: Store,
    /// How long a session lives after its last use.
    pub ttl: Duration,
}

enum Store {
    Off,
    Redis(Box<redis_store::RedisStore>),
    Database(database::DatabaseStore),
}

impl Sessions {
    /// Connects nowhere yet.
    ///
    /// # Errors
    /// A pool size that the pool refuses.
    pub fn new(tiers: &Tiers, limits: Limits) -> Result<Self, deadpool::managed::BuildError> {
        let store = match tiers.sessions.clone() {
            None => Store::Off,
            Some(SessionStore::Redis(client)) => {
                Store::Redis(Box::new(redis_store::RedisStore::new(client, tiers.session_replicas)))
            }
            Some(SessionStore::Database(config)) => {
                Store::Database(database::DatabaseStore::new(connection::pool(config, limits, DATABASE_CONNECTIONS)?))
            }
        };
        Ok(Self { store, ttl: tiers.session_ttl.unwrap_or(SESSION_TTL) })
    }

    /// As [`Self::new`], from all that the shop was told.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of(config: &ServeConfig) -> Result<Self, deadpool::managed::BuildError> {
        Self::new(&config.tiers, config.limits)
    }

    /// Whether there is a store.
    #[must_use]
    pub fn declared(&self) -> bool {
        !matches!(self.store, Store::Off)
    }

    /// Opens a session and says what keeps it; returns its secret id.
    ///
    /// # Errors
    /// [`SessionError`]: the person is not logged in then.
    pub async fn open(&self, customer: i64, name: &str, pod: &str) -> Result<(String, Kept), SessionError> {
        // 244 random bits from the operating system.
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let now = now();
        let pods = BTreeMap::from([(pod.to_owned(), Served { first: now, last: now })]);
        let session = Session { customer, name: name.to_owned(), since: now, pods };
        let kept = match &self.store {
            Store::Off => Err(SessionError::Off),
            Store::Redis(store) => store.open(&id, &session, self.ttl, LOG_IN).await,
            Store::Database(store) => store.open(&id, &session, self.ttl, LOG_IN).await,
        }?;
        Ok((id, kept))
    }

    /// The session with this id, after noting that `pod` served it; waits for a store in failover no longer than `patience`.
    ///
    /// # Errors
    /// [`SessionError`]: whether the person is logged in is not known then.
    pub async fn find(&self, id: &str, pod: &str, patience: Duration) -> Result<Option<Session>, SessionError> {
        if !plausible(id) {
            return Ok(None);
        }
        let found = match &self.store {
            Store::Off => Err(SessionError::Off),
            Store::Redis(store) => store.find(id, patience).await,
            Store::Database(store) => store.find(id, patience).await,
        }?;
        let Some(mut session) = found else { return Ok(None) };
        let now = now();
        let served = session.pods.entry(pod.to_owned()).or_insert(Served { first: now, last: 0 });
        if now.saturating_sub(served.last) >= NOTED_EVERY {
            served.last = now;
            let served = *served;
            let noted = match &self.store {
                Store::Off => Ok(()),
                Store::Redis(store) => store.note(id, pod, served, self.ttl).await,
                Store::Database(store) => store.note(id, pod, served, self.ttl).await,
            };
            if let Err(error) = noted {
                tracing::debug!(%error, "the pod was not noted");
            }
        }
        Ok(Some(session))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`SessionError`]: it lives until its end then.
    pub async fn close(&self, id: &str) -> Result<(), SessionError> {
        if !plausible(id) {
            return Ok(());
        }
        match &self.store {
            Store::Off => Err(SessionError::Off),
            Store::Redis(store) => store.close(id).await,
            Store::Database(store) => store.close(id).await,
        }
    }

    /// The member or node that answers now.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn who(&self) -> Result<String, SessionError> {
        match &self.store {
            Store::Off => Err(SessionError::Off),
            Store::Redis(store) => store.who().await,
            Store::Database(store) => store.who().await,
        }
    }
}

/// An id as [`Sessions::open`] makes them; anything else is not worth a question.
fn plausible(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_ids_are_looked_up() {
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        assert!(plausible(&id));
        for id in ["", "abc", "../../etc/passwd", &"g".repeat(64)] {
            assert!(!plausible(id), "{id}");
        }
    }

    #[tokio::test]
    async fn without_a_store_a_log_in_is_refused_with_a_sentence() {
        let sessions = Sessions::new(&Tiers::default(), Limits::default()).unwrap();
        let error = sessions.open(1, "Ada", "pod").await.unwrap_err();
        assert_eq!(error.to_string(), "this shop keeps no sessions");
    }
}
