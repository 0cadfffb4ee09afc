//! What a `StatefulSet` cannot change by itself: its claim templates.
//!
//! Volumes grow by patching each claim, then by replacing the set around its running pods. They
//! never shrink, no set with volumes gets fewer members, and no pod is deleted here.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use crate::api::labels;
use crate::domain::Bytes;

use super::apply::{ApplyError, Target};
use super::error::is_not_found;

/// Path of a claim's size inside a claim or a claim template.
const SIZE: &str = "/spec/resources/requests/storage";

/// Whether a volume is smaller than the set wants it, though the set itself is as it should be.
pub(super) fn has_work(target: &Target<'_>, _live: &DynamicObject) -> bool {
    target.desired.kind.kind == "StatefulSet"
        && templates(&target.desired.object).any(|template| !small_claims(target, template).is_empty())
}

/// Grows the volumes, and takes the set away from around its pods when its templates must change;
/// the next look makes it anew.
pub(super) async fn prepare(target: &Target<'_>, live: &DynamicObject, body: &mut Value) -> Result<(), ApplyError> {
    let mut grows = false;
    keep_members(live, body);
    for template in body["spec"]["volumeClaimTemplates"].as_array_mut().into_iter().flatten() {
        let Some(old) = templates(&live.data).find(|old| name_of(old) == name_of(template)) else { continue };
        match (size_of(template), size_of(old)) {
            (Some(wanted), Some(installed)) if wanted < installed => {
                if let (Some(slot), Some(keep)) = (template.pointer_mut(SIZE), old.pointer(SIZE)) {
                    *slot = keep.clone();
                }
            }
            (Some(wanted), Some(installed)) => grows |= wanted > installed,
            _ => {}
        }
        grow(target, template).await?;
    }
    if grows { Err(take_away(target, live).await) } else { Ok(()) }
}

/// What a member with a volume holds alone is not proven to be elsewhere: whatever is wanted, members are only added.
fn keep_members(live: &DynamicObject, body: &mut Value) {
    let installed = live.data.pointer("/spec/replicas").and_then(Value::as_i64);
    if let (Some(installed), Some(wanted)) = (installed, body["spec"]["replicas"].as_i64())
        && wanted < installed
        && templates(body).next().is_some()
    {
        body["spec"]["replicas"] = installed.into();
    }
}

/// After a refusal: a change of a fixed field of the set replaces it around its pods; any other
/// refusal stays one.
pub(super) async fn replace(target: &Target<'_>, refused: ApplyError) -> ApplyError {
    let fixed = matches!(&refused, ApplyError::ObjectRefused { message, .. }
        if message.contains("updates to statefulset spec for fields other than"));
    if target.desired.kind.kind != "StatefulSet" || !fixed {
        return refused;
    }
    match target.api.get_opt(&target.desired.name).await {
        Ok(Some(live)) => take_away(target, &live).await,
        Ok(None) => ApplyError::BeingDeleted(target.title()),
        Err(error) => target.failed(error),
    }
}

async fn take_away(target: &Target<'_>, live: &DynamicObject) -> ApplyError {
    let params =
        DeleteParams::orphan().preconditions(Preconditions { uid: live.metadata.uid.clone(), resource_version: None });
    match target.api.delete(&target.desired.name, &params).await {
        Ok(_) => ApplyError::BeingDeleted(target.title()),
        Err(error) if is_not_found(&error) => ApplyError::BeingDeleted(target.title()),
        Err(error) => target.failed(error),
    }
}

async fn grow(target: &Target<'_>, template: &Value) -> Result<(), ApplyError> {
    for claim in small_claims(target, template) {
        let size = template.pointer(SIZE).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = claim.name_any();
        let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone()).unwrap_or_default();
        if !may_grow(target, &class).await? {
            return Err(ApplyError::VolumeCannotGrow { claim: name, size, class });
        }
        let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
        let params = PatchParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(target.ctx.client.clone(), &target.observed.namespace);
        claims.patch(&name, &params, &Patch::Merge(&patch)).await.map_err(|e| target.failed(e))?;
        target.ctx.metrics.applied("PersistentVolumeClaim");
    }
    Ok(())
}

async fn may_grow(target: &Target<'_>, class: &str) -> Result<bool, ApplyError> {
    let classes: Api<StorageClass> = Api::all(target.ctx.client.clone());
    let class = classes.get_opt(class).await.map_err(|e| target.failed(e))?;
    Ok(class.is_some_and(|class| class.allow_volume_expansion == Some(true)))
}

/// Claims of a template that ask for less than it.
fn small_claims<'a>(target: &Target<'a>, template: &Value) -> Vec<&'a PersistentVolumeClaim> {
    let Some(wanted) = size_of(template) else { return Vec::new() };
    let prefix = format!("{}-{}-", name_of(template).unwrap_or_default(), target.desired.name);
    let asked = |claim: &PersistentVolumeClaim| {
        let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
        Bytes::parse(&requests.get("storage")?.0)
    };
    let of_set = |claim: &&PersistentVolumeClaim| {
        claim.name_any().strip_prefix(&prefix).is_some_and(|ordinal| ordinal.parse::<u32>().is_ok())
    };
    target
        .observed
        .claims
        .iter()
        .filter(of_set)
        .filter(|claim| claim.metadata.deletion_timestamp.is_none() && asked(claim).is_some_and(|size| size < wanted))
        .collect()
}

fn templates(set: &Value) -> impl Iterator<Item = &Value> {
    set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten()
}

fn name_of(template: &Value) -> Option<&str> {
    template.pointer("/metadata/name").and_then(Value::as_str)
}

fn size_of(template: &Value) -> Option<Bytes> {
    template.pointer(SIZE).and_then(Value::as_str).and_then(Bytes::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(replicas: i64, volumes: bool) -> Value {
        let templates = if volumes { json!([{"metadata": {"name": "data"}}]) } else { json!([]) };
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "shop-queue"},
            "spec": {"replicas": replicas, "volumeClaimTemplates": templates}})
    }

    fn kept(live: i64, wanted: i64, volumes: bool) -> Value {
        let live: DynamicObject = serde_json::from_value(set(live, volumes)).unwrap();
        let mut body = set(wanted, volumes);
        keep_members(&live, &mut body);
        body["spec"]["replicas"].clone()
    }

    #[test]
    fn members_with_volumes_are_only_added() {
        assert_eq!(kept(3, 1, true), 3);
        assert_eq!(kept(1, 3, true), 3);
        assert_eq!(kept(3, 1, false), 1, "a cache or a proxy holds nothing alone");
    }
}
