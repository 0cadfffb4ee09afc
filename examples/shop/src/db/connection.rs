//! Pooled connections that know what their server warned about.
//!
//! A connection goes back to its pool only when its user says that it is clean; one that was abandoned, timed out or failed is closed,
//! never reused. Statements are prepared by protocol, once a connection, which PgBouncer follows in transaction pooling.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row, Statement};

use super::failure::Failure;
use crate::config::Limits;

/// A pool of [`Session`]s.
pub type Pool = managed::Pool<Manager>;

/// An idle connection older than this is asked before it is trusted, and has this long to answer.
const TRUSTED_IDLE: Duration = Duration::from_secs(15);
const CHECK: Duration = Duration::from_millis(500);

/// Makes a pool for one address.
///
/// # Errors
/// A size that the pool refuses.
pub fn pool(config: Config, limits: Limits, size: usize) -> Result<Pool, managed::BuildError> {
    Pool::builder(Manager { config, limits }).max_size(size).runtime(Runtime::Tokio1).build()
}

/// After a time-out: closes the idle connections of a pool, which most likely lead to the same silent peer. Without this each of them
/// would cost a time-out of its own.
pub fn distrust(pool: &Pool, failure: &Failure) {
    if matches!(failure, Failure::TimedOut("statement" | "commit")) {
        pool.retain(|_, _| false);
    }
}

/// One server connection with its prepared statements.
pub struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    warnings: Arc<AtomicU64>,
    driver: JoinHandle<()>,
    limits: Limits,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without this a hung server would keep the socket, and PgBouncer the server connection behind it.
        self.driver.abort();
    }
}

impl Session {
    /// Connects, bounded by the connect limit as a whole.
    ///
    /// # Errors
    /// The server did not take us in time.
    pub async fn open(config: &Config, limits: Limits) -> Result<Self, Failure> {
        let (client, mut connection) =
            timeout(limits.connect, config.connect(NoTls)).await.map_err(|_| Failure::TimedOut("connect"))??;
        let warnings = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&warnings);
        // The driver hands messages on in the order of the wire, so a warning is counted before the answer that follows it is seen.
        let driver = tokio::spawn(async move {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notice(notice))) if notice.parsed_severity() == Some(Severity::Warning) => {
                        seen.fetch_add(1, Ordering::SeqCst);
                        tracing::warn!(code = notice.code().code(), message = notice.message(), "the database warned");
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(%error, "database connection ended");
                        break;
                    }
                    None => break,
                }
            }
        });
        Ok(Self { client, statements: HashMap::new(), warnings, driver, limits })
    }

    /// The plain client, for what needs no time limit of ours.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs statements without parameters and without results, within the statement limit.
    ///
    /// # Errors
    /// The database's, or a time-out.
    pub async fn execute_batch(&self, sql: &str) -> Result<(), Failure> {
        timeout(self.limits.statement, self.client.batch_execute(sql))
            .await
            .map_err(|_| Failure::TimedOut("statement"))??;
        Ok(())
    }

    /// The prepared form of `sql`, made at its first use on this connection.
    ///
    /// # Errors
    /// The database's, or a time-out.
    pub async fn prepared(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = timeout(self.limits.statement, self.client.prepare(sql))
            .await
            .map_err(|_| Failure::TimedOut("statement"))??;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Runs one prepared query within the statement limit.
    ///
    /// # Errors
    /// The database's, or a time-out.
    pub async fn query(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared(sql).await?;
        self.run(&statement, parameters).await
    }

    /// Runs one statement that was prepared here, within the statement limit.
    ///
    /// # Errors
    /// The database's, or a time-out.
    pub async fn run(&self, statement: &Statement, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let rows = timeout(self.limits.statement, self.client.query(statement, parameters));
        Ok(rows.await.map_err(|_| Failure::TimedOut("statement"))??)
    }

    /// Commits, and says yes only when the server did so without a warning.
    ///
    /// `WARNING 01000 canceling wait for synchronous replication` comes with a COMMIT that is durable here and maybe nowhere else; `25P01`
    /// with one that had no transaction. Messages are translated and codes may grow, so any warning is a no.
    ///
    /// # Errors
    /// [`Failure::CommitWarned`], the database's, or a time-out; after each of them the transaction may or may not have been committed.
    pub async fn commit(&self) -> Result<(), Failure> {
        let before = self.warnings.load(Ordering::SeqCst);
        timeout(self.limits.commit, self.client.batch_execute("COMMIT"))
            .await
            .map_err(|_| Failure::TimedOut("commit"))??;
        if self.warnings.load(Ordering::SeqCst) == before { Ok(()) } else { Err(Failure::CommitWarned) }
    }
}

/// Opens and checks the connections of one pool.
pub struct Manager {
    config: Config,
    limits: Limits,
}

impl managed::Manager for Manager {
    type Type = Session;
    type Error = Failure;

    async fn create(&self) -> Result<Session, Failure> {
        Session::open(&self.config, self.limits).await
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<Failure> {
        if session.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if metrics.last_used() > TRUSTED_IDLE {
            timeout(CHECK, session.client.simple_query("SELECT 1"))
                .await
                .map_err(|_| RecycleError::message("no answer"))?
                .map_err(Failure::from)?;
        }
        Ok(())
    }
}

/// A borrowed [`Session`] that is closed on drop unless it was handed back as clean.
pub struct Lease(Option<Object<Manager>>);

impl Lease {
    /// Borrows a connection; waits for a free one no longer than `wait`.
    ///
    /// # Errors
    /// None came free in time, or a new one could not be opened.
    pub async fn take(pool: &Pool, wait: Duration) -> Result<Self, Failure> {
        let timeouts = managed::Timeouts { wait: Some(wait), create: None, recycle: None };
        match pool.timeout_get(&timeouts).await {
            Ok(object) => Ok(Self(Some(object))),
            Err(PoolError::Backend(failure)) => Err(failure),
            Err(PoolError::Timeout(_)) => Err(Failure::TimedOut("pool")),
            Err(PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Err(Failure::PoolClosed)
            }
        }
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Failure::PoolClosed`] after it was handed back, which the types of the callers rule out.
    pub fn session(&mut self) -> Result<&mut Session, Failure> {
        self.0.as_deref_mut().ok_or(Failure::PoolClosed)
    }

    /// Hands the connection back: nothing is under way on it.
    pub fn clean(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
