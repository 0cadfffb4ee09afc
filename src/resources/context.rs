//! What every builder is given.

use super::{Credentials, Passwords};
use crate::domain::{Environment, ValidApp};
use crate::planner::{Plan, Tier};

/// Inputs of the builders.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The validated application.
    pub app: &'a ValidApp,
    /// Its plan.
    pub plan: &'a Plan,
    /// The operator's configuration.
    pub environment: &'a Environment,
    /// Generated passwords; `None` leaves every Secret out, as `render` does.
    pub credentials: Option<&'a Credentials>,
}

impl<'a> Context<'a> {
    /// The generated passwords of a tier; `None` where they are not known.
    #[must_use]
    pub fn passwords(&self, tier: Tier) -> Option<&'a Passwords> {
        self.credentials?.of(tier)
    }
}
