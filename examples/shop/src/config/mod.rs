//! What the shop is told by its environment, checked once at the start. It must never keep a URL in a form that `Debug` could print.

pub mod status;
pub mod tiers;

use std::env;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::SslMode;

/// Why the environment does not do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is absent.
    #[error("{0} is not set: give it a postgresql:// URL")]
    Missing(&'static str),
    /// A variable holds something else than it should; the value is not shown, since it may hold a password.
    #[error("{name} cannot be read: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Limits of one kind of work against the database, in wall-clock time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request may wait for its write, all tries together.
    pub write_deadline: Duration,
    /// How long a request may wait for its read, all tries together.
    pub read_deadline: Duration,
    /// One connection: TCP, log-in and all.
    pub connect: Duration,
    /// One statement of one try.
    pub statement: Duration,
    /// One COMMIT. Longer than a statement: with synchronous replication it rightly takes up to `wal_sender_timeout` (5 s) and one
    /// loop of Patroni (2 s) until another standby is chosen; leaving earlier only piles up waiting sessions on the server.
    pub commit: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            write_deadline: Duration::from_secs(20),
            read_deadline: Duration::from_secs(10),
            connect: Duration::from_secs(2),
            statement: Duration::from_secs(3),
            commit: Duration::from_secs(8),
        }
    }
}

/// The two addresses of one database.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// Where writes go.
    pub write: tokio_postgres::Config,
    /// Where bounded-lag reads go.
    pub read: tokio_postgres::Config,
}

/// Everything `shop serve` and `shop worker` need.
#[derive(Clone)]
pub struct ServeConfig {
    /// TCP port to listen on, all addresses.
    pub port: u16,
    /// Name of this pod as shown in pages and headers.
    pub pod: String,
    /// The two addresses of the database; without one the shop has pages and nothing to sell.
    pub database: Option<DatabaseConfig>,
    /// Connections of each of the two pools.
    pub pool_size: usize,
    /// Time limits.
    pub limits: Limits,
    /// The optional tiers.
    pub tiers: tiers::Tiers,
    /// Whether browsers reach the shop by HTTPS, which its cookie then insists on.
    pub secure: bool,
    /// Where the operator's status is to be read.
    pub status: Option<status::StatusConfig>,
}

impl ServeConfig {
    /// Reads `PORT`, `HOSTNAME`, `PUBLIC_URL`, `DATABASE_URL`, `DATABASE_READ_URL`, `DATABASE_POOL_SIZE`, `WRITE_DEADLINE`,
    /// `READ_DEADLINE` and what [`tiers::Tiers`] and [`status::StatusConfig`] read.
    ///
    /// # Errors
    /// A variable that is missing or makes no sense.
    pub fn from_env() -> Result<Self, ConfigError> {
        let database = match (database("DATABASE_URL")?, database("DATABASE_READ_URL")?) {
            (Some(write), read) => Some(DatabaseConfig { read: read.unwrap_or_else(|| write.clone()), write }),
            (None, None) => None,
            (None, Some(_)) => return Err(ConfigError::Missing("DATABASE_URL")),
        };
        let defaults = Limits::default();
        Ok(Self {
            port: parsed("PORT", 8080, str::parse)?,
            pod: env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "local".to_owned()),
            database,
            tiers: tiers::Tiers::from_env()?,
            status: status::StatusConfig::from_env()?,
            secure: env::var("PUBLIC_URL").is_ok_and(|url| url.starts_with("https://")),
            pool_size: parsed("DATABASE_POOL_SIZE", 10, |text| usize::from_str(text).map(|size| size.clamp(1, 200)))?,
            limits: Limits {
                write_deadline: parsed("WRITE_DEADLINE", defaults.write_deadline, humantime::parse_duration)?,
                read_deadline: parsed("READ_DEADLINE", defaults.read_deadline, humantime::parse_duration)?,
                ..defaults
            },
        })
    }
}

/// Everything `shop migrate` needs.
pub struct MigrateConfig {
    /// The address that is not pooled.
    pub direct: tokio_postgres::Config,
    /// How long to wait for a database that does not answer yet.
    pub patience: Duration,
}

impl MigrateConfig {
    /// Reads `DATABASE_DIRECT_URL` and `MIGRATE_PATIENCE`.
    ///
    /// # Errors
    /// A variable that is missing or makes no sense.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            direct: database("DATABASE_DIRECT_URL")?.ok_or(ConfigError::Missing("DATABASE_DIRECT_URL"))?,
            patience: parsed("MIGRATE_PATIENCE", Duration::from_secs(120), humantime::parse_duration)?,
        })
    }
}

fn parsed<T, E: std::fmt::Display>(
    name: &'static str,
    default: T,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => {
            parse(&text).map_err(|error| ConfigError::Invalid { name, reason: error.to_string() })
        }
        _ => Ok(default),
    }
}

fn database(name: &'static str) -> Result<Option<tokio_postgres::Config>, ConfigError> {
    match env::var(name) {
        Ok(url) if !url.is_empty() => database_url(name, &url).map(Some),
        _ => Ok(None),
    }
}

/// Parses a PostgreSQL URL and gives its connections our name and time limits.
///
/// # Errors
/// A URL that is none, or one that demands TLS: inside the cluster the network policies close the database to all but its callers,
/// and this sample speaks plain TCP.
pub fn database_url(name: &'static str, url: &str) -> Result<tokio_postgres::Config, ConfigError> {
    let mut config = tokio_postgres::Config::from_str(url)
        .map_err(|error| ConfigError::Invalid { name, reason: format!("not a PostgreSQL URL ({error})") })?;
    if matches!(config.get_ssl_mode(), SslMode::Require) {
        let reason =
            "sslmode=require asks for TLS, which this sample does not speak; use sslmode=prefer or disable".to_owned();
        return Err(ConfigError::Invalid { name, reason });
    }
    let limits = Limits::default();
    config
        .application_name("shop")
        .connect_timeout(limits.connect)
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3)
        .tcp_user_timeout(limits.commit);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::database_url;

    #[test]
    fn a_url_that_demands_tls_is_refused_with_a_way_out() {
        let error =
            database_url("DATABASE_URL", "postgresql://app:secret@db/app?sslmode=require").unwrap_err().to_string();
        assert!(error.contains("sslmode=prefer"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_plain_url_gets_our_name_and_time_limits() {
        let config = database_url("DATABASE_URL", "postgresql://app:secret@db:5432/app").unwrap();
        assert_eq!(config.get_application_name(), Some("shop"));
        assert!(config.get_connect_timeout().is_some());
    }
}
