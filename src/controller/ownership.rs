//! Whose an object is, and what a deletion of the application takes with it.
//!
//! What is not ours is never written, whatever its name is.

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde_json::json;
use strum::IntoStaticStr;

use crate::api::{DeletionPolicy, ScaledApp, labels};
use crate::resources::credentials;

use super::context::Context;
use super::error::{Class, Staged, class_of, is_not_found};
use super::observe::Observed;

/// Errors of keeping owner references.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum OwnershipError {
    /// An owner reference could not be written.
    #[error("the owner reference of {object} could not be set: {source}")]
    OwnerReferenceFailed {
        /// Whose.
        object: String,
        /// Why.
        source: kube::Error,
    },
}

impl Staged for OwnershipError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::OwnerReferenceFailed { source, .. } => class_of(source),
        }
    }
}

/// Whose a live object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Ours.
    Ours,
    /// A former `ScaledApp`'s of the same name; it goes with its owner soon.
    Former,
    /// Somebody else's, described.
    Foreign(String),
}

/// Whose an object is: ours when our application controls it, or when nobody does and it carries
/// our labels.
#[must_use]
pub fn owner_of(meta: &ObjectMeta, app: &str, uid: &str) -> Owner {
    let controller = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    match controller {
        Some(owner) if owner.uid == uid => Owner::Ours,
        Some(owner) if owner.kind == ScaledApp::kind(&()) && owner.name == app => Owner::Former,
        Some(owner) => Owner::Foreign(format!("it belongs to {} {}", owner.kind, owner.name)),
        None => {
            let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
            if label(labels::MANAGED_BY) == Some(labels::MANAGED_BY_VALUE) && label(labels::APP) == Some(app) {
                Owner::Ours
            } else {
                Owner::Foreign("it does not carry this application's labels".to_owned())
            }
        }
    }
}

/// The owner reference of children.
#[must_use]
pub fn reference(app: &ScaledApp) -> OwnerReference {
    OwnerReference {
        api_version: ScaledApp::api_version(&()).into_owned(),
        kind: ScaledApp::kind(&()).into_owned(),
        name: app.name_any(),
        uid: app.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Sets or takes away the owner references of what the operator does not apply: the passwords,
/// Patroni's objects and the plan's revisions. Under `Retain` only old revisions have one.
///
/// # Errors
/// When the API server refuses a change.
pub async fn keep(ctx: &Context, observed: &Observed, policy: DeletionPolicy) -> Result<(), OwnershipError> {
    let owner = reference(&observed.app);
    let goes = policy == DeletionPolicy::Delete;
    for (tier, name) in credentials::generated(&observed.name) {
        if let Some(secret) = observed.child_named("Secret", &name) {
            set::<Secret>(ctx, observed, &secret.metadata, goes || !tier.is_stateful(), &owner).await?;
        }
    }
    for object in &observed.patroni {
        set::<ConfigMap>(ctx, observed, &object.metadata, goes, &owner).await?;
    }
    let newest = observed.revisions.newest().map(|revision| revision.name.clone());
    for revision in observed.revisions.all() {
        let goes = goes || Some(&revision.name) != newest.as_ref();
        set::<ControllerRevision>(ctx, observed, &revision.metadata, goes, &owner).await?;
    }
    Ok(())
}

async fn set<K>(
    ctx: &Context,
    observed: &Observed,
    meta: &ObjectMeta,
    wanted: bool,
    owner: &OwnerReference,
) -> Result<(), OwnershipError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let name = meta.name.clone().unwrap_or_default();
    let others: Vec<&OwnerReference> = meta.owner_references.iter().flatten().filter(|o| o.uid != owner.uid).collect();
    let has_it = meta.owner_references.iter().flatten().any(|o| o.uid == owner.uid);
    if has_it == wanted || others.iter().any(|o| o.controller == Some(true)) {
        return Ok(());
    }
    let references: Vec<&OwnerReference> = others.into_iter().chain(wanted.then_some(owner)).collect();
    let patch = json!({"metadata": {"uid": meta.uid, "ownerReferences": references}});
    let params = PatchParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let api: Api<K> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    match api.patch(&name, &params, &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(source) => Err(OwnershipError::OwnerReferenceFailed { object: format!("{} {name}", K::kind(&())), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn meta(owner: Option<(&str, &str, &str)>, labelled: bool) -> ObjectMeta {
        let labels = BTreeMap::from([
            (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_VALUE.to_owned()),
            (labels::APP.to_owned(), "shop".to_owned()),
        ]);
        ObjectMeta {
            labels: labelled.then_some(labels),
            owner_references: owner.map(|(kind, name, uid)| {
                vec![OwnerReference {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    uid: uid.to_owned(),
                    controller: Some(true),
                    ..OwnerReference::default()
                }]
            }),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn an_object_is_ours_by_its_controller_or_by_its_labels() {
        assert_eq!(owner_of(&meta(Some(("ScaledApp", "shop", "1")), false), "shop", "1"), Owner::Ours);
        assert_eq!(owner_of(&meta(None, true), "shop", "1"), Owner::Ours);
        assert_eq!(owner_of(&meta(Some(("ScaledApp", "shop", "0")), true), "shop", "1"), Owner::Former);
        assert!(matches!(owner_of(&meta(None, false), "shop", "1"), Owner::Foreign(_)));
        assert!(matches!(owner_of(&meta(None, true), "other", "1"), Owner::Foreign(_)));
        let stolen = meta(Some(("Deployment", "x", "9")), true);
        assert!(matches!(owner_of(&stolen, "shop", "1"), Owner::Foreign(_)), "labels do not beat a controller");
    }
}
