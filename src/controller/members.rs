//! How many members of a tier with volumes there are, whatever plans remember. Reads what was observed; nothing else.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::planner::Tier;
use crate::resources::names;

use super::children::number;
use super::observe::Observed;
use super::ownership::{self, Owner};

/// Whether the tier's `StatefulSet` is there and ours.
#[must_use]
pub fn is_installed(observed: &Observed, tier: Tier) -> bool {
    installed(observed, tier).is_some()
}

/// Members that hold data: of the `StatefulSet`; without one, of the volumes that nobody owns, since a set that comes
/// back without its last members leaves out what only they may hold.
#[must_use]
pub fn present(observed: &Observed, tier: Tier) -> u32 {
    let prefix = names::engine_claims(&observed.name, tier);
    let ordinal = |meta: &ObjectMeta| meta.name.as_deref()?.strip_prefix(&prefix)?.parse::<u32>().ok();
    let stays = |meta: &&ObjectMeta| meta.deletion_timestamp.is_none() && meta.owner_references.is_none();
    let volumes = observed.claims.iter().map(|claim| &claim.metadata).filter(stays).filter_map(ordinal);
    installed(observed, tier).unwrap_or_else(|| volumes.max().map_or(0, |last| last.saturating_add(1)))
}

/// Members that our `StatefulSet` asks for.
fn installed(observed: &Observed, tier: Tier) -> Option<u32> {
    let set = observed.child_named("StatefulSet", &format!("{}-{}", observed.name, tier.component()))?;
    let uid = observed.app.metadata.uid.as_deref().unwrap_or_default();
    (ownership::owner_of(&set.metadata, &observed.name, uid) == Owner::Ours)
        .then(|| number(set, "/spec/replicas").and_then(|count| u32::try_from(count).ok()).unwrap_or(1))
}
