//! One vocabulary for everything that goes wrong: a variant's name is the Event's reason and the
//! metric's label, and every error says what is to be done about it.

use std::time::Duration;

use crate::runtime::NotLeading;

use super::apply::ApplyError;
use super::credentials::CredentialsError;
use super::database::DatabaseError;
use super::decide::DecideError;
use super::external::ExternalError;
use super::migrate::MigrateError;
use super::observe::ObserveError;
use super::ownership::OwnershipError;
use super::preflight::PreflightError;
use super::prune::PruneError;
use super::revisions::RevisionError;
use super::status::StatusError;

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Class {
    /// Nothing helps but a change, by the owner or of the cluster.
    Permanent,
    /// It may go away by itself; tried again after a growing pause.
    Transient,
    /// Something that is under way must end first.
    Waiting,
}

/// An error of a stage.
pub trait Staged: std::error::Error {
    /// The variant's name.
    fn reason(&self) -> &'static str;
    /// What is to be done.
    fn class(&self) -> Class;
}

macro_rules! stages {
    ($($variant:ident($error:ty)),* $(,)?) => {
        /// An error of any stage.
        #[derive(Debug, thiserror::Error)]
        #[allow(missing_docs)]
        pub enum Error {
            $(#[error(transparent)] $variant(#[from] $error)),*
        }

        impl Error {
            /// The name by which Events, conditions and metrics know it.
            #[must_use]
            pub fn reason(&self) -> &'static str {
                match self { $(Self::$variant(error) => error.reason()),* }
            }

            /// What is to be done.
            #[must_use]
            pub fn class(&self) -> Class {
                match self { $(Self::$variant(error) => error.class()),* }
            }
        }
    };
}

stages! {
    Observe(ObserveError),
    Decide(DecideError),
    Preflight(PreflightError),
    External(ExternalError),
    Ownership(OwnershipError),
    Revision(RevisionError),
    Credentials(CredentialsError),
    Apply(ApplyError),
    Migrate(MigrateError),
    Database(DatabaseError),
    Prune(PruneError),
    Status(StatusError),
}

/// What the API server's answer means for the next attempt.
#[must_use]
pub fn class_of(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => match status.code {
            400 | 403 | 405 | 422 => Class::Permanent,
            _ => Class::Transient,
        },
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => Class::Permanent,
        _ => Class::Transient,
    }
}

/// Whether the API server could not be reached at all, or the lease is not ours now.
#[must_use]
pub fn is_outage(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// Whether the write was kept back since this replica does not lead.
#[must_use]
pub fn is_not_leading(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Service(inner) if inner.downcast_ref::<NotLeading>().is_some())
}

/// Whether the object is not there.
#[must_use]
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether the object changed or was made meanwhile.
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Whether the API server refuses the object itself.
#[must_use]
pub fn is_invalid(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 422)
}

/// The API server's message, or the error's own.
#[must_use]
pub fn message_of(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Pause before something that failed for the `attempt`th time in a row is tried again: doubling
/// from a quarter of a second, at most [`LONGEST_PAUSE`].
#[must_use]
pub fn pause(attempt: u32) -> Duration {
    Duration::from_millis(250).saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE)
}

/// Longest pause between two attempts, short enough to be back at work soon after an outage.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_short_enough_for_an_outage() {
        assert_eq!(pause(0), Duration::from_millis(250));
        assert_eq!(pause(1), Duration::from_millis(500));
        assert_eq!(pause(40), LONGEST_PAUSE);
    }
}
