//! One shared connection to a Redis tier that is given up early and made anew at once.
//!
//! A time-out closes it, as does an answer that only a demoted or starting server gives: the address leads to another server by then.
//! It must never keep a request waiting for a reconnection that another request may make: whoever comes next tries by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::db::retry::Patience;

/// How long a tier that failed is passed over by those who can do without it.
const PASSED_OVER: Duration = Duration::from_millis(500);

/// Time limits of one link.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// TCP and log-in.
    pub connect: Duration,
    /// One question, its waiting for a connection included.
    pub answer: Duration,
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// It failed a moment ago, and was not asked again yet.
    #[error("it failed a moment ago")]
    PassedOver,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// What the driver or the server said.
    #[error("{0}")]
    Redis(#[from] RedisError),
}

impl LinkError {
    /// Whether another try on a new connection may do better.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::PassedOver | Self::TimedOut => true,
            Self::Redis(error) => {
                error.is_io_error()
                    || error.is_unrecoverable_error()
                    || matches!(
                        error.code(),
                        Some(
                            "READONLY"
                                | "LOADING"
                                | "MASTERDOWN"
                                | "NOREPLICAS"
                                | "CLUSTERDOWN"
                                | "TRYAGAIN"
                                | "UNBLOCKED"
                        )
                    )
            }
        }
    }
}

/// A shared connection, or the lack of one.
pub struct Link {
    client: Client,
    limits: LinkLimits,
    current: Mutex<Option<(u64, MultiplexedConnection)>>,
    made: AtomicU64,
    started: Instant,
    passed_over_until: AtomicU64,
}

impl Link {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(client: Client, limits: LinkLimits) -> Self {
        Self {
            client,
            limits,
            current: Mutex::new(None),
            made: AtomicU64::new(0),
            started: Instant::now(),
            passed_over_until: AtomicU64::new(0),
        }
    }

    /// Asks once, now; for what can be done without. After a failure it is not asked for half a second.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn quick<T: FromRedisValue>(&self, question: &Pipeline) -> Result<T, LinkError> {
        if self.now() < self.passed_over_until.load(Ordering::Relaxed) {
            return Err(LinkError::PassedOver);
        }
        let answer = self.once(question).await;
        if answer.as_ref().is_err_and(LinkError::passes) {
            self.passed_over_until.store(self.now() + millis(PASSED_OVER), Ordering::Relaxed);
        }
        answer
    }

    /// Asks until there is an answer or the deadline has passed; for what can be asked twice.
    ///
    /// # Errors
    /// The last one.
    pub async fn patient<T: FromRedisValue>(&self, question: &Pipeline, deadline: Duration) -> Result<T, LinkError> {
        let mut patience = Patience::new(deadline);
        loop {
            patience.tries += 1;
            match self.once(question).await {
                Err(error) if error.passes() && patience.pause().await => {
                    tracing::debug!(%error, attempt = patience.tries, "asked again");
                }
                answer => return answer,
            }
        }
    }

    /// A connection of one's own, for commands that hold up whatever comes after them.
    ///
    /// # Errors
    /// None could be made in time.
    pub async fn own(&self, answer: Duration) -> Result<MultiplexedConnection, LinkError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limits.connect))
            .set_response_timeout(Some(answer));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        Ok(timeout(self.limits.connect * 2, connecting).await.map_err(|_| LinkError::TimedOut)??)
    }

    async fn once<T: FromRedisValue>(&self, question: &Pipeline) -> Result<T, LinkError> {
        let mut used = None;
        let whole = async {
            let (number, mut connection) = self.shared().await?;
            used = Some(number);
            Ok(question.query_async(&mut connection).await?)
        };
        let answer = timeout(self.limits.answer, whole).await.unwrap_or(Err(LinkError::TimedOut));
        if let (Err(error), Some(number)) = (&answer, used)
            && error.passes()
        {
            self.give_up(number).await;
        }
        answer
    }

    async fn shared(&self) -> Result<(u64, MultiplexedConnection), LinkError> {
        let mut current = self.current.lock().await;
        if let Some((number, connection)) = &*current {
            return Ok((*number, connection.clone()));
        }
        let connection = self.own(self.limits.answer).await?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        *current = Some((number, connection.clone()));
        Ok((number, connection))
    }

    async fn give_up(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(present, _)| *present == number) {
            *current = None;
        }
    }

    fn now(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The server at the other end, as `CLIENT INFO` names it.
#[must_use]
pub fn server_of(client_info: &str) -> Option<String> {
    let address = client_info.split_whitespace().find_map(|word| word.strip_prefix("laddr="))?;
    Some(address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_named_by_its_own_side_of_the_connection() {
        let info = "id=3 addr=10.1.0.9:41234 laddr=10.1.0.5:6379 fd=8 name= db=0";
        assert_eq!(server_of(info).as_deref(), Some("10.1.0.5"));
        assert_eq!(server_of("id=3"), None);
    }

    #[test]
    fn a_demoted_server_passes_and_a_refusal_does_not() {
        let said = |line: &str| LinkError::from(redis::make_extension_error(line.to_owned(), None));
        assert!(said("READONLY").passes());
        assert!(said("NOREPLICAS").passes());
        assert!(!said("NOPERM").passes());
        assert!(LinkError::TimedOut.passes());
    }
}
