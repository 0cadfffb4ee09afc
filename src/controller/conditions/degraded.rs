//! `Degraded`: the application serves with less than the plan wants.

use super::{Facts, Verdict, join};

/// Everything that the plan wants is there.
pub const WHOLE: &str = "Whole";
/// Members are missing.
pub const MEMBERS_MISSING: &str = "MembersMissing";

pub(super) fn condition(facts: &Facts) -> Verdict {
    if facts.advises || facts.plan.is_none() {
        return Verdict::no(WHOLE, "");
    }
    let missing: Vec<_> = facts.tiers.iter().filter(|tier| tier.ready < tier.wanted).collect();
    if missing.is_empty() {
        return Verdict::no(WHOLE, "");
    }
    Verdict::yes(MEMBERS_MISSING, join(missing.iter().map(|t| t.lack())))
}
