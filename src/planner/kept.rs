//! Tiers with data that the spec no longer declares: they stay until their end is approved.
//!
//! Nothing here decides whether it is; it only puts back what was declared when they were accepted.

use super::plan::{Plan, Tier};
use super::recorded::RecordedPlan;
use crate::api::SessionStore;
use crate::domain::{ValidApp, resolve_database, resolve_queue, resolve_sessions};

/// Whether the application declares a tier that holds data.
fn declares(app: &ValidApp, tier: Tier) -> bool {
    match tier {
        Tier::Database => app.database.is_some(),
        Tier::Sessions => app.sessions.as_ref().is_some_and(|sessions| sessions.store == SessionStore::Memory),
        Tier::Queue => app.queue.is_some(),
        _ => true,
    }
}

/// Recorded tiers with data that the application no longer declares.
#[must_use]
pub(super) fn removed(app: &ValidApp, previous: Option<&RecordedPlan>) -> Vec<Tier> {
    let Some(previous) = previous else { return Vec::new() };
    [Tier::Database, Tier::Sessions, Tier::Queue]
        .into_iter()
        .filter(|tier| previous.tier(*tier, tier.component()).is_some() && !declares(app, *tier))
        .collect()
}

/// The application with these tiers as they were accepted.
#[must_use]
pub(super) fn with_kept(app: &ValidApp, previous: Option<&RecordedPlan>, tiers: &[Tier]) -> ValidApp {
    let mut kept = app.clone();
    for tier in tiers {
        match tier {
            Tier::Database => {
                let declared = previous.and_then(|p| p.spec.database.clone()).unwrap_or_default();
                kept.database = resolve_database(&declared).ok();
                kept.spec.database = Some(declared);
            }
            Tier::Sessions => {
                let declared = previous.and_then(|p| p.spec.sessions.clone()).unwrap_or_default();
                kept.sessions = resolve_sessions(&declared).ok();
                kept.spec.sessions = Some(declared);
            }
            Tier::Queue => {
                let declared = previous.and_then(|p| p.spec.queue.clone()).unwrap_or_default();
                kept.queue = resolve_queue(&declared).ok();
                kept.spec.queue = Some(declared);
            }
            _ => {}
        }
    }
    kept
}

/// The application as a plan has it: with the tiers that the plan still has.
#[must_use]
pub fn effective(app: &ValidApp, plan: &Plan, previous: Option<&RecordedPlan>) -> ValidApp {
    let kept: Vec<Tier> = [Tier::Database, Tier::Sessions, Tier::Queue]
        .into_iter()
        .filter(|tier| !declares(app, *tier) && plan.tier(*tier).is_some())
        .collect();
    with_kept(app, previous, &kept)
}
