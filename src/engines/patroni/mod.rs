//! The database as Patroni runs it: what is observed, what is to be done next, and how it is done.
//!
//! Must never restart a member unless all others are healthy, nor end a primary without a standby
//! that has every acknowledged write. Patroni elects; this only asks it for planned changes.

mod act;
mod config;
mod decide;
mod observe;
mod safety;
mod state;
#[cfg(test)]
mod tests;

pub use act::converge;
pub use config::patch;
pub use decide::{How, Step, Wanted, next_step, safe_members};
pub use observe::observe;
pub use safety::{Safety, Truth, is_ready, safety, summary};
pub use state::{DatabaseState, Member, Report, Role};

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as planned.
    Done,
    /// Something is under way, or must come first; call again.
    Waiting {
        /// For what, in words.
        reason: String,
    },
}
