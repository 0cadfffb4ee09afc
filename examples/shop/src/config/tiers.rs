//! The optional tiers: a variable that is absent means that the shop does without. It must never keep a password where `Debug` could print it.

use std::env;
use std::time::Duration;

use super::{ConfigError, database_url, parsed};

/// Where sessions are kept.
#[derive(Clone)]
pub enum SessionStore {
    /// `redis://`: the session tier.
    Redis(redis::Client),
    /// `postgresql://`: a table of the shop's database.
    Database(tokio_postgres::Config),
}

/// Where and with what word the caching proxies are told that a page has changed.
#[derive(Clone)]
pub struct Purge {
    /// `PURGE_URL`.
    pub url: hyper::Uri,
    /// `PURGE_TOKEN`.
    pub token: String,
}

/// The tiers beyond web and database, as far as they are declared.
#[derive(Clone, Default)]
pub struct Tiers {
    /// `CACHE_URL`.
    pub cache: Option<redis::Client>,
    /// `SESSION_URL`.
    pub sessions: Option<SessionStore>,
    /// `SESSION_TTL_SECONDS`: a session lives that long after its last use; a day when nothing is said.
    pub session_ttl: Option<Duration>,
    /// `SESSION_REPLICAS`: how many replicas the session store has; it is asked when nothing is said.
    pub session_replicas: Option<u32>,
    /// `AMQP_URL`.
    pub queue: Option<String>,
    /// `THUMBNAIL_QUEUE`: the queue's name.
    pub queue_name: Option<String>,
    /// `PURGE_URL` with `PURGE_TOKEN`.
    pub purge: Option<Purge>,
    /// `WORKER_FINISH`: how long a worker's job may take after SIGTERM before it goes back; 20 s when nothing is said.
    pub worker_finish: Option<Duration>,
}

/// A day.
pub const SESSION_TTL: Duration = Duration::from_secs(24 * 3600);
/// The queue of the thumbnails where nothing else is said.
pub const THUMBNAILS: &str = "thumbnails";

impl Tiers {
    /// Reads the variables above.
    ///
    /// # Errors
    /// A variable that makes no sense.
    pub fn from_env() -> Result<Self, ConfigError> {
        let purge = match said("PURGE_URL") {
            None => None,
            Some(url) => Some(Purge {
                url: url.parse().map_err(|error: hyper::http::uri::InvalidUri| invalid("PURGE_URL", &error))?,
                token: said("PURGE_TOKEN").unwrap_or_default(),
            }),
        };
        let ttl = parsed("SESSION_TTL_SECONDS", SESSION_TTL.as_secs(), str::parse::<u64>)?.max(1);
        Ok(Self {
            cache: said("CACHE_URL").map(|url| redis_url("CACHE_URL", &url)).transpose()?,
            sessions: said("SESSION_URL").map(|url| session_store(&url)).transpose()?,
            session_ttl: Some(Duration::from_secs(ttl)),
            session_replicas: parsed("SESSION_REPLICAS", None, |text| {
                text.parse().map(Some).map_err(|e: std::num::ParseIntError| e)
            })?,
            queue: said("AMQP_URL").map(|url| amqp_url(&url)).transpose()?,
            queue_name: said("THUMBNAIL_QUEUE"),
            purge,
            worker_finish: parsed("WORKER_FINISH", None, |text| humantime::parse_duration(text).map(Some))?,
        })
    }
}

/// Parses a Redis URL.
///
/// # Errors
/// A URL that is none.
pub fn redis_url(name: &'static str, url: &str) -> Result<redis::Client, ConfigError> {
    redis::Client::open(url).map_err(|_| invalid(name, &"not a redis:// URL"))
}

/// Parses `SESSION_URL`, which may lead to Redis or to PostgreSQL.
///
/// # Errors
/// A URL that is neither.
pub fn session_store(url: &str) -> Result<SessionStore, ConfigError> {
    if url.starts_with("redis://") {
        Ok(SessionStore::Redis(redis_url("SESSION_URL", url)?))
    } else if url.starts_with("postgresql://") || url.starts_with("postgres://") {
        Ok(SessionStore::Database(database_url("SESSION_URL", url)?))
    } else {
        Err(invalid("SESSION_URL", &"neither a redis:// nor a postgresql:// URL"))
    }
}

/// Checks an AMQP URL.
///
/// # Errors
/// A URL that is none, or one that asks for TLS.
pub fn amqp_url(url: &str) -> Result<String, ConfigError> {
    let parsed: Result<lapin::uri::AMQPUri, String> = url.parse();
    match parsed {
        Ok(uri) if uri.scheme == lapin::uri::AMQPScheme::AMQP => Ok(url.to_owned()),
        _ => Err(invalid("AMQP_URL", &"not an amqp:// URL")),
    }
}

pub(super) fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

pub(super) fn invalid(name: &'static str, reason: &impl std::fmt::Display) -> ConfigError {
    ConfigError::Invalid { name, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_may_live_in_either_store() {
        let store = |url| session_store(url).ok();
        assert!(matches!(store("redis://app:pw@sessions:6379/0"), Some(SessionStore::Redis(_))));
        assert!(matches!(store("postgresql://app:pw@pool/app"), Some(SessionStore::Database(_))));
        let error = session_store("http://app:secret@elsewhere").err().unwrap().to_string();
        assert!(error.contains("SESSION_URL") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_queue_by_another_protocol_is_refused() {
        assert!(amqp_url("amqp://app:pw@queue:5672/app").is_ok());
        assert!(amqp_url("amqps://app:pw@queue:5671/app").is_err());
        assert!(amqp_url("redis://queue").is_err());
    }
}
