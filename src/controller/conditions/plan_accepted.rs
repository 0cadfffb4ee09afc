//! `PlanAccepted`: the newest spec is what is built.

use super::{Facts, Verdict};

/// It is.
pub const ACCEPTED: &str = "Accepted";
/// It was not planned yet.
pub const NOT_PLANNED: &str = "NotPlanned";

pub(super) fn condition(facts: &Facts) -> Verdict {
    match (&facts.refusal, &facts.plan) {
        (Some(refusal), Some(plan)) => Verdict::no(refusal.reason, format!("{}; plan {plan} is kept", refusal.message)),
        (Some(refusal), None) => Verdict::no(refusal.reason, refusal.message.clone()),
        (None, Some(plan)) => Verdict::yes(ACCEPTED, format!("plan {plan}")),
        (None, None) => Verdict::unknown(NOT_PLANNED, ""),
    }
}
