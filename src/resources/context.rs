//! What every builder is given.

use super::Credentials;
use crate::domain::{Environment, ValidApp};
use crate::planner::Plan;

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
