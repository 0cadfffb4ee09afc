//! What must be asked of a running engine to act safely: who leads, how far behind, what is under way.
//!
//! Decisions are pure functions of what was observed; nothing is remembered between two calls, so
//! that another operator continues where this one died.

pub mod http;
pub mod patroni;
pub mod pool_agent;
pub mod rabbitmq;

/// Why an engine could not be asked or changed. What merely is not ready yet is no error but
/// [`patroni::Outcome::Waiting`].
#[derive(thiserror::Error, Debug)]
pub enum EngineError {
    /// The API server refused.
    #[error("the API server: {0}")]
    Kube(#[from] kube::Error),
    /// A member did not answer as it should.
    #[error("{what}: {source}")]
    Http {
        /// What was asked of whom.
        what: String,
        /// Why it failed.
        source: http::HttpError,
    },
    /// An engine refused.
    #[error("{what}: answered {status}: {body}")]
    Refused {
        /// What was asked of whom.
        what: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
}
