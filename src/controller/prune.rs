//! Removing what is no longer wanted: objects of ours that no builder returns any more.
//!
//! Never what is retained, never what is not ours, never a migration that still runs.

use std::collections::BTreeSet;

use kube::api::{DeleteParams, Preconditions};
use strum::IntoStaticStr;

use crate::resources::{KINDS, credentials, names};

use super::children;
use super::context::Context;
use super::error::{Class, Staged, class_of, is_conflict, is_not_found};
use super::migrate::{JobState, state_of};
use super::observe::Observed;
use super::ownership::{self, Owner};

/// Errors of removing.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum PruneError {
    /// An object could not be removed.
    #[error("{object}, which is no longer wanted, could not be removed: {source}")]
    PruneFailed {
        /// Kind and name.
        object: String,
        /// Why.
        source: kube::Error,
    },
}

impl Staged for PruneError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::PruneFailed { source, .. } => class_of(source),
        }
    }
}

/// Removes children that are not in `wanted`, in the reverse order of the registry.
///
/// # Errors
/// When the API server refuses a removal.
pub async fn prune(
    ctx: &Context,
    observed: &Observed,
    wanted: &BTreeSet<(&'static str, String)>,
) -> Result<(), PruneError> {
    let uid = observed.app.metadata.uid.as_deref().unwrap_or_default();
    for kind in KINDS.iter().rev() {
        for ((_, name), object) in observed.children.iter().filter(|((k, _), _)| *k == kind.kind) {
            let slot = (kind.kind, name.clone());
            let runs = kind.kind == "Job" && state_of(object) == JobState::Running;
            if wanted.contains(&slot)
                || runs
                || object.metadata.deletion_timestamp.is_some()
                || is_retained(observed, wanted, kind.kind, name)
                || ownership::owner_of(&object.metadata, &observed.name, uid) != Owner::Ours
            {
                continue;
            }
            let only_this = Preconditions { uid: object.metadata.uid.clone(), resource_version: None };
            let params = DeleteParams::background().preconditions(only_this);
            match children::api(&ctx.client, kind, &observed.namespace).delete(name, &params).await {
                Ok(_) => {}
                Err(error) if is_not_found(&error) || is_conflict(&error) => {}
                Err(source) => {
                    return Err(PruneError::PruneFailed { object: format!("{} {name}", kind.kind), source });
                }
            }
            ctx.remember(&observed.key(), |memory| memory.written.remove(&slot));
        }
    }
    Ok(())
}

/// What no builder returns and yet is wanted: generated passwords while their tier is there, those of tiers with
/// volumes for ever, and the identity of the database.
fn is_retained(observed: &Observed, wanted: &BTreeSet<(&'static str, String)>, kind: &'static str, name: &str) -> bool {
    match kind {
        "Secret" => credentials::generated(&observed.name).any(|(tier, secret)| {
            let binding = format!("{}-{}", observed.name, tier.component());
            secret == name && (tier.is_stateful() || wanted.contains(&("Secret", binding)))
        }),
        "ConfigMap" => names::patroni_objects(&observed.name).iter().any(|object| object == name),
        _ => false,
    }
}
