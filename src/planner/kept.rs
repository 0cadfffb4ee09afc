//! Tiers with data that the spec no longer declares, or declares to be somewhere else: they stay until their end is
//! approved, and so does an external one that gives way to one of our own.
//!
//! Nothing here decides whether it is; it only puts back what was declared when they were accepted.

use super::plan::{Plan, Tier};
use super::recorded::RecordedPlan;
use crate::api::{ScaledAppSpec, SessionStore};
use crate::domain::external::reference;
use crate::domain::{Backing, ValidApp, resolve_database, resolve_externals, resolve_queue, resolve_sessions};

/// A tier that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// One of our own.
    Own(Tier),
    /// Somebody else's.
    External(Backing),
}

/// What holds data, as our tier and as somebody else's.
const HOLDERS: [(Tier, Backing); 3] =
    [(Tier::Database, Backing::Database), (Tier::Sessions, Backing::Sessions), (Tier::Queue, Backing::Queue)];

/// Whether the application declares a tier of our own that holds data.
fn declares(app: &ValidApp, tier: Tier) -> bool {
    match tier {
        Tier::Database => app.database.is_some(),
        Tier::Sessions => app.sessions.as_ref().is_some_and(|sessions| sessions.store == SessionStore::Memory),
        Tier::Queue => app.queue.is_some(),
        _ => true,
    }
}

/// Whether the application has the tier from us instead of from somebody else. Sessions may be in the database as well.
fn replaces(app: &ValidApp, backing: Backing) -> bool {
    match backing {
        Backing::Database => app.database.is_some(),
        Backing::Sessions => app.sessions.is_some(),
        Backing::Queue => app.queue.is_some(),
        Backing::Cache | Backing::Objects => false,
    }
}

/// Recorded tiers with data that the application no longer declares where they were.
#[must_use]
pub(super) fn removed(app: &ValidApp, previous: Option<&RecordedPlan>) -> Vec<Kept> {
    let Some(previous) = previous else { return Vec::new() };
    let own = |tier: Tier| previous.tier(tier, tier.component()).is_some() && !declares(app, tier);
    let external = |backing| reference(&previous.spec, backing).is_some() && replaces(app, backing);
    HOLDERS
        .into_iter()
        .filter_map(|(tier, backing)| {
            if own(tier) {
                return Some(Kept::Own(tier));
            }
            external(backing).then_some(Kept::External(backing))
        })
        .collect()
}

/// The application with these tiers as they were accepted.
#[must_use]
pub(super) fn with_kept(app: &ValidApp, previous: Option<&RecordedPlan>, tiers: &[Kept]) -> ValidApp {
    let mut kept = app.clone();
    let Some(previous) = previous.map(|plan| &plan.spec) else { return kept };
    for tier in tiers {
        match tier {
            Kept::Own(tier) => keep_own(&mut kept, previous, *tier),
            Kept::External(backing) => keep_external(&mut kept, previous, *backing),
        }
    }
    kept
}

fn keep_own(kept: &mut ValidApp, previous: &ScaledAppSpec, tier: Tier) {
    match tier {
        Tier::Database => {
            let declared = previous.database.clone().unwrap_or_default();
            kept.database = resolve_database(&declared).ok();
            kept.spec.database = Some(declared);
            kept.externals.secrets.remove(&Backing::Database);
        }
        Tier::Sessions => {
            let declared = previous.sessions.clone().unwrap_or_default();
            kept.sessions = resolve_sessions(&declared).ok();
            kept.spec.sessions = Some(declared);
            kept.externals.secrets.remove(&Backing::Sessions);
            kept.externals.session_ttl = None;
        }
        Tier::Queue => {
            let declared = previous.queue.clone().unwrap_or_default();
            kept.queue = resolve_queue(&declared).ok();
            kept.spec.queue = Some(declared);
            kept.externals.secrets.remove(&Backing::Queue);
        }
        _ => {}
    }
}

fn keep_external(kept: &mut ValidApp, previous: &ScaledAppSpec, backing: Backing) {
    let externals = resolve_externals(previous);
    let Some(secret) = externals.secret(backing) else { return };
    kept.externals.secrets.insert(backing, secret.to_owned());
    match backing {
        Backing::Database => {
            kept.database = None;
            kept.spec.database.clone_from(&previous.database);
        }
        Backing::Sessions => {
            kept.sessions = None;
            kept.externals.session_ttl = externals.session_ttl;
            kept.spec.sessions.clone_from(&previous.sessions);
        }
        Backing::Queue => {
            kept.queue = None;
            kept.spec.queue.clone_from(&previous.queue);
        }
        Backing::Cache | Backing::Objects => {}
    }
}

/// The application as a plan has it: with the tiers that the plan still has.
#[must_use]
pub fn effective(app: &ValidApp, plan: &Plan, previous: Option<&RecordedPlan>) -> ValidApp {
    let kept: Vec<Kept> = HOLDERS
        .into_iter()
        .filter_map(|(tier, backing)| {
            if !declares(app, tier) && plan.tier(tier).is_some() {
                return Some(Kept::Own(tier));
            }
            (!app.externals.has(backing) && plan.external(backing).is_some()).then_some(Kept::External(backing))
        })
        .collect();
    with_kept(app, previous, &kept)
}
