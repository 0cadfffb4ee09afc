//! `Ready`: the application serves its users. A missing replica of a tier that still serves only degrades it, and so
//! does a tier without which it still serves; but it becomes ready only when all that it needs is there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Facts, Verdict, join};

/// Every tier serves.
pub const SERVING: &str = "Serving";
/// A tier has no member that is ready.
pub const TIER_DOWN: &str = "TierDown";
/// Members find no node.
pub const UNSCHEDULABLE: &str = "Unschedulable";
/// It comes up for the first time.
pub const STARTING: &str = "Starting";
/// There is nothing that could be built.
pub const NOT_PLANNED: &str = "NotPlanned";
/// Nothing is written in this mode.
pub const ADVISING: &str = "Advising";

pub(super) fn condition(facts: &Facts, old: Option<&Condition>) -> Verdict {
    if facts.plan.is_none() {
        let why = facts.refusal.as_ref().or(facts.troubles.first());
        return Verdict::no(why.map_or(NOT_PLANNED, |t| t.reason), why.map_or(String::new(), |t| t.message.clone()));
    }
    if facts.advises {
        return Verdict::no(ADVISING, "mode is Advise: the plan is in the status, nothing is written");
    }
    let essential = || facts.tiers.iter().filter(|tier| tier.is_essential());
    let down: Vec<_> = essential().filter(|tier| tier.is_down()).collect();
    let idle = facts.database.as_ref().is_some_and(|database| !database.serves);
    let incomplete: Vec<_> = essential().filter(|tier| !tier.is_complete()).collect();
    let stuck = incomplete.iter().any(|tier| tier.unschedulable.is_some());
    let was_ready = old.is_some_and(|old| old.status == "True");
    let same_spec = old.and_then(|old| old.observed_generation) == Some(facts.generation);
    if stuck && (!down.is_empty() || !was_ready || !same_spec) {
        return Verdict::no(UNSCHEDULABLE, join(incomplete.iter().map(|t| t.lack())));
    }
    if !down.is_empty() {
        let first_trouble = facts.troubles.first().map(|t| t.message.clone());
        return Verdict::no(
            if was_ready { TIER_DOWN } else { STARTING },
            join(down.iter().map(|t| t.lack()).chain(first_trouble)),
        );
    }
    if idle {
        let summary = facts.database.as_ref().and_then(|database| database.summary.clone());
        return Verdict::no(
            if was_ready { TIER_DOWN } else { STARTING },
            format!("the database takes no writes: {}", summary.unwrap_or_else(|| "no primary is known".to_owned())),
        );
    }
    if let Some(lack) = facts.queue.as_ref().filter(|queue| !queue.serves).map(|queue| &queue.lack) {
        let lack = lack.clone().unwrap_or_default();
        let reason = if was_ready { TIER_DOWN } else { STARTING };
        return Verdict::no(reason, format!("the queue confirms nothing: {lack}"));
    }
    // A queue that is not on all of its members yet confirms what one node alone may hold.
    let first =
        incomplete.iter().map(|tier| tier.lack()).chain(facts.queue.as_ref().and_then(|queue| queue.lack.clone()));
    let first: Vec<String> = first.collect();
    if !was_ready && !first.is_empty() {
        return Verdict::no(STARTING, join(first));
    }
    if facts.tiers.is_empty() {
        return Verdict::no(STARTING, "nothing is written yet");
    }
    Verdict::yes(SERVING, "every tier serves")
}
