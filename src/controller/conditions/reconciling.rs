//! `Reconciling`: work towards the newest spec is under way. False is its resting state, as kstatus wants it.

use super::super::error::Class;
use super::{Facts, Verdict, join};

/// Nothing is under way.
pub const SETTLED: &str = "Settled";
/// Members roll out.
pub const ROLLING_OUT: &str = "RollingOut";
/// The operator holds still.
pub const PAUSED: &str = "Paused";
/// Nothing is written in this mode.
pub const ADVISING: &str = "Advising";

pub(super) fn condition(facts: &Facts) -> Verdict {
    if facts.paused {
        return Verdict::no(PAUSED, "spec.paused is true: nothing is written");
    }
    if facts.advises {
        return Verdict::no(ADVISING, "mode is Advise: nothing is written");
    }
    if let Some(waits) = facts.troubles.iter().find(|t| t.class != Class::Permanent) {
        return Verdict::yes(waits.reason, waits.message.clone());
    }
    let incomplete: Vec<_> = facts.tiers.iter().filter(|tier| !tier.is_complete()).collect();
    if facts.refusal.is_none() && !incomplete.is_empty() && !facts.troubles.iter().any(|t| t.class == Class::Permanent)
    {
        return Verdict::yes(ROLLING_OUT, join(incomplete.iter().map(|t| t.lack())));
    }
    Verdict::no(SETTLED, "")
}
