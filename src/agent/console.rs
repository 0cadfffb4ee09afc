//! `PgBouncer`'s console, over the socket in the pod. It speaks the simple query protocol only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// The console answers at once, but for PAUSE.
const ANSWER: Duration = Duration::from_secs(2);

/// The two databases that the pool offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Writes.
    Write,
    /// Reads with a bounded lag.
    Read,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Write, Self::Read];

    /// Its name in the pool.
    #[must_use]
    pub const fn database(self) -> &'static str {
        match self {
            Self::Write => "app",
            Self::Read => "app_ro",
        }
    }
}

/// Why the console could not be used.
#[derive(thiserror::Error, Debug)]
pub enum ConsoleError {
    /// No answer in time.
    #[error("PgBouncer's console does not answer")]
    Silent,
    /// Refused or broken.
    #[error("PgBouncer's console: {0}")]
    Refused(#[from] tokio_postgres::Error),
}

impl ConsoleError {
    fn says(&self, words: &str) -> bool {
        match self {
            Self::Silent => false,
            Self::Refused(error) => error.as_db_error().is_some_and(|e| e.message().contains(words)),
        }
    }
}

/// Where the console is.
#[derive(Clone, Debug)]
pub struct Console {
    socket: PathBuf,
}

impl Console {
    /// The console whose socket lies in a directory.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// A session; `PgBouncer` knows its own uid and asks no password.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn open(&self) -> Result<Session, ConsoleError> {
        let mut config = Config::new();
        config.host_path(&self.socket).port(6432).user("pgbouncer").dbname("pgbouncer");
        let (client, connection) = timeout(ANSWER, config.connect(NoTls)).await.map_err(|_| ConsoleError::Silent)??;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Session { client })
    }

    /// Ends the pause of one side; one that is not paused is as good.
    ///
    /// # Errors
    /// When the console cannot be used.
    pub async fn resume(&self, side: Side) -> Result<(), ConsoleError> {
        match self.open().await?.ask(&format!("RESUME {}", side.database())).await {
            Err(error) if error.says("not paused") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Pauses one side and waits, at most `limit`, until its running transactions have ended.
    /// `false` when some still run: new ones wait all the same.
    ///
    /// # Errors
    /// When the console cannot be used.
    pub async fn pause(&self, side: Side, limit: Duration) -> Result<bool, ConsoleError> {
        let session = self.open().await?;
        let command = format!("PAUSE {}", side.database());
        match timeout(limit, session.client.simple_query(&command)).await.map(|r| r.map_err(ConsoleError::from)) {
            Err(_) => Ok(false),
            Ok(Err(error)) if error.says("already") => Ok(true),
            Ok(result) => result.map(|_| true),
        }
    }
}

/// An open console.
pub struct Session {
    client: Client,
}

impl Session {
    /// Asks one command; its rows.
    ///
    /// # Errors
    /// When the console cannot be used.
    pub async fn ask(&self, command: &str) -> Result<Vec<SimpleQueryRow>, ConsoleError> {
        let messages = timeout(ANSWER, self.client.simple_query(command)).await.map_err(|_| ConsoleError::Silent)??;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }
}
