//! `Degraded`: the application serves with less than the plan wants.

use super::{Facts, Verdict, join};

/// Everything that the plan wants is there.
pub const WHOLE: &str = "Whole";
/// Members are missing.
pub const MEMBERS_MISSING: &str = "MembersMissing";
/// The queue has its members, and yet something is not as it should be.
pub const QUEUE_IMPAIRED: &str = "QueueImpaired";

pub(super) fn condition(facts: &Facts) -> Verdict {
    if facts.advises || facts.plan.is_none() {
        return Verdict::no(WHOLE, "");
    }
    let missing: Vec<_> = facts.tiers.iter().filter(|tier| tier.is_short()).collect();
    let queue = facts.queue.as_ref().and_then(|queue| queue.lack.clone());
    if missing.is_empty() {
        return queue.map_or_else(|| Verdict::no(WHOLE, ""), |lack| Verdict::yes(QUEUE_IMPAIRED, lack));
    }
    Verdict::yes(MEMBERS_MISSING, join(missing.iter().map(|t| t.lack()).chain(queue)))
}
