//! What can go wrong on the way to the database, and which of it passes by itself.
//!
//! It must never call a refusal of the statement itself passing: that would only repeat it until the deadline.

use tokio_postgres::error::SqlState;

/// One failed try.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A step took longer than its limit; the step is named.
    #[error("time-out: {0}")]
    TimedOut(&'static str),
    /// There is none: `DATABASE_URL` is not set.
    #[error("this shop has no database")]
    NotDeclared,
    /// A value could not be written as JSON or read from it.
    #[error("unreadable: {0}")]
    Shape(serde_json::Error),
    /// The pool is shut.
    #[error("the connection pool is closed")]
    PoolClosed,
    /// COMMIT was answered together with a warning: not acknowledged.
    #[error("COMMIT was answered with a warning")]
    CommitWarned,
    /// What the driver or the server said.
    #[error("{}", text(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl Failure {
    /// A short, bounded word for logs and metrics: the SQLSTATE where there is one.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::TimedOut(step) => format!("timeout_{step}"),
            Self::NotDeclared => "not_declared".to_owned(),
            Self::Shape(_) => "shape".to_owned(),
            Self::PoolClosed => "pool_closed".to_owned(),
            Self::CommitWarned => "commit_warned".to_owned(),
            Self::Database(error) => {
                error.code().map_or_else(|| "connection".to_owned(), |code| code.code().to_owned())
            }
        }
    }

    /// Whether another try on a new connection may do better.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::NotDeclared | Self::Shape(_) | Self::PoolClosed | Self::CommitWarned => false,
            Self::Database(error) => match error.as_db_error() {
                Some(refusal) => code_passes(refusal.code(), refusal.message()),
                // Without the server's word: a connection that failed passes, a value that does not fit its column never will.
                None => {
                    error.is_closed()
                        || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
                }
            },
        }
    }

    /// Whether the schema is not there (yet).
    #[must_use]
    pub fn schema_missing(&self) -> bool {
        matches!(self, Self::Database(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE))
    }
}

fn text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refusal) => format!("{} ({})", refusal.message(), refusal.code().code()),
        None => std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
    }
}

/// What PgBouncer says while it has no server; it comes as 08P01, and the texts keep this true should that change.
const POOLER_SAYS: [&str; 5] = [
    "server login has been failing",
    "query_wait_timeout",
    "pgbouncer is shutting down",
    "server conn crashed",
    "no more connections allowed",
];

fn code_passes(code: &SqlState, message: &str) -> bool {
    let code = code.code();
    let passing = [
        "25006", // read-only: a demoted primary
        "26000", // a prepared statement that this server does not know
        "40001", "40P01", // serialisation, deadlock
        "53300", // too many connections
        "55P03", "57014", // lock and statement time-outs of the server
        "0A000", // a cached plan that a migration outdated
    ];
    code.starts_with("08")
        || code.starts_with("57P0")
        || passing.contains(&code)
        || POOLER_SAYS.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failovers_and_poolers_pass() {
        for code in ["57P01", "57P02", "57P03", "57P04", "57P05", "08006", "08P01", "25006", "40001", "53300"] {
            assert!(code_passes(&SqlState::from_code(code), ""), "{code}");
        }
        for message in [
            "server login has been failing, try again later (server_login_retry)",
            "query_wait_timeout",
            "pgbouncer is shutting down",
        ] {
            assert!(code_passes(&SqlState::from_code("58000"), message), "{message}");
        }
    }

    #[test]
    fn refusals_do_not_pass() {
        for code in ["23505", "23503", "42P01", "42601", "28P01", "22003"] {
            assert!(!code_passes(&SqlState::from_code(code), "no"), "{code}");
        }
        assert!(!Failure::CommitWarned.passes());
    }
}
