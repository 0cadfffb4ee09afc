//! Writing: server-side apply of the fields that we own, and of nothing that is not ours.
//!
//! Nothing is sent when neither what we want nor what is there changed since the last write. The
//! size of an autoscaled Deployment is seeded once and never owned.

use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use strum::IntoStaticStr;

use crate::api::labels;
use crate::resources::DesiredObject;

use super::children::{self, echo, hash, owns_replicas};
use super::context::{Context, Written};
use super::error::{self, Class, Staged, class_of, is_conflict, is_invalid, message_of};
use super::observe::Observed;
use super::ownership::{self, Owner};
use super::statefulset;

/// Objects of one kind that are written at the same time: a new application has more than a hundred, and its slowest
/// engine should not wait for all of them one after the other.
const PARALLEL: usize = 8;

/// Errors of writing.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum ApplyError {
    /// The name is taken by somebody else.
    #[error("{object} exists and is not this application's ({why}); it is left alone: rename it or the application")]
    ForeignObject {
        /// Kind and name.
        object: String,
        /// Why it is not ours.
        why: String,
    },
    /// The name is taken by what a deleted application left to the garbage collector.
    #[error("{0} of a deleted ScaledApp of the same name is still being collected")]
    FormerObject(String),
    /// What the object is to lead to does not answer yet.
    #[error("{object} changes when {backends} has a ready pod")]
    BackendNotReady {
        /// Kind and name.
        object: String,
        /// The Deployments that have none.
        backends: String,
    },
    /// The object is on its way out.
    #[error("{0} is being deleted and comes back then")]
    BeingDeleted(String),
    /// The API server does not take the object.
    #[error("{object} is refused by the API server: {message}")]
    ObjectRefused {
        /// Kind and name.
        object: String,
        /// The API server's message.
        message: String,
    },
    /// A volume is to grow and its class cannot.
    #[error("volume claim {claim} cannot grow to {size}: storage class {class} does not allow it")]
    VolumeCannotGrow {
        /// The claim.
        claim: String,
        /// The size it should have.
        size: String,
        /// Its class.
        class: String,
    },
    /// A write failed.
    #[error("{object} could not be written: {source}")]
    ApplyFailed {
        /// Kind and name.
        object: String,
        /// Why.
        source: kube::Error,
    },
}

impl Staged for ApplyError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::ForeignObject { .. } | Self::ObjectRefused { .. } | Self::VolumeCannotGrow { .. } => Class::Permanent,
            Self::FormerObject(_) | Self::BeingDeleted(_) | Self::BackendNotReady { .. } => Class::Waiting,
            Self::ApplyFailed { source, .. } => class_of(source),
        }
    }
}

/// Writes objects in their order, some of one kind at a time. What concerns one object only does not stop the others:
/// those problems are returned. What the server answers is what is observed from now on: a roll-out that begins with
/// this write is under way, and the status that follows must not call the tier settled.
///
/// # Errors
/// When the API server cannot be reached or the lease was lost.
pub async fn apply(
    ctx: &Context,
    observed: &mut Observed,
    objects: &[DesiredObject],
) -> Result<Vec<ApplyError>, ApplyError> {
    let mut problems = Vec::new();
    for same_kind in objects.chunk_by(|a, b| (a.stage, a.kind, a.order) == (b.stage, b.kind, b.order)) {
        let mut answers = Vec::new();
        {
            let writes: Vec<_> = same_kind.iter().map(|desired| one(ctx, observed, desired)).collect();
            let mut written = stream::iter(writes).buffered(PARALLEL);
            while let Some(result) = written.next().await {
                match result {
                    Ok(answer) => answers.extend(answer),
                    Err(ApplyError::ApplyFailed { object, source }) if error::is_outage(&source) => {
                        return Err(ApplyError::ApplyFailed { object, source });
                    }
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let kind = same_kind[0].kind.kind;
        observed.children.extend(answers.into_iter().map(|answer| ((kind, answer.name_any()), answer)));
    }
    Ok(problems)
}

/// One object and how it is written.
pub(super) struct Target<'a> {
    pub ctx: &'a Context,
    pub observed: &'a Observed,
    pub desired: &'a DesiredObject,
    pub api: Api<DynamicObject>,
}

impl Target<'_> {
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.desired.kind.kind, self.desired.name)
    }

    pub(super) fn failed(&self, source: kube::Error) -> ApplyError {
        if is_invalid(&source) || error::class_of(&source) == Class::Permanent {
            return ApplyError::ObjectRefused { object: self.title(), message: message_of(&source) };
        }
        ApplyError::ApplyFailed { object: self.title(), source }
    }

    /// The live object, if it is there and ours.
    async fn live(&self) -> Result<Option<DynamicObject>, ApplyError> {
        let known = self.observed.child(&self.desired.kind, &self.desired.name).cloned();
        let live = match known {
            Some(live) => Some(live),
            None => self.api.get_opt(&self.desired.name).await.map_err(|e| self.failed(e))?,
        };
        let Some(live) = live else { return Ok(None) };
        let uid = self.observed.app.metadata.uid.as_deref().unwrap_or_default();
        match ownership::owner_of(&live.metadata, &self.observed.name, uid) {
            Owner::Foreign(why) => return Err(ApplyError::ForeignObject { object: self.title(), why }),
            Owner::Former => return Err(ApplyError::FormerObject(self.title())),
            Owner::Ours => {}
        }
        if live.metadata.deletion_timestamp.is_some() {
            return Err(ApplyError::BeingDeleted(self.title()));
        }
        Ok(Some(live))
    }

    /// What is sent: the builder's fields and the owner.
    fn body(&self) -> Value {
        let mut body = self.desired.object.clone();
        if !self.desired.retained {
            body["metadata"]["ownerReferences"] = json!([ownership::reference(&self.observed.app)]);
        }
        body
    }

    async fn send(&self, body: &Value, manager: &str) -> Result<DynamicObject, ApplyError> {
        let params = PatchParams::apply(manager);
        let params = if manager == labels::FIELD_MANAGER { params.force() } else { params };
        let answer = self.api.patch(&self.desired.name, &params, &Patch::Apply(body)).await;
        self.ctx.metrics.applied(self.desired.kind.kind);
        answer.map_err(|e| self.failed(e))
    }

    /// Hands `spec.replicas` to the seed's manager, so that leaving the field out changes nothing.
    async fn seed(&self, replicas: i64) -> Result<(), ApplyError> {
        let body = json!({
            "apiVersion": self.desired.kind.api_version(),
            "kind": self.desired.kind.kind,
            "metadata": {"name": self.desired.name, "namespace": self.observed.namespace},
            "spec": {"replicas": replicas},
        });
        self.send(&body, labels::SEED_MANAGER).await.map(|_| ())
    }
}

/// Writes one object; the server's answer, where something was sent that may have changed it.
async fn one(ctx: &Context, observed: &Observed, desired: &DesiredObject) -> Result<Option<DynamicObject>, ApplyError> {
    let api = children::api(&ctx.client, &desired.kind, &observed.namespace);
    let target = Target { ctx, observed, desired, api };
    let live = target.live().await?;
    let mut body = target.body();
    if desired.create_only {
        return if live.is_some() { Ok(None) } else { create(&target, &body).await.map(|()| None) };
    }
    let slot = (desired.kind.kind, desired.name.clone());
    let autoscaled = desired.seed_replicas.is_some();
    let wanted = hash(&body);
    if let Some(live) = &live {
        let now = Written { desired: wanted, echo: echo(live, autoscaled) };
        if ctx.remember(&observed.key(), |memory| memory.written.get(&slot) == Some(&now))
            && !statefulset::has_work(&target, live)
        {
            return Ok(None);
        }
        check_backends(&target, live)?;
        body["metadata"]["uid"] = json!(live.metadata.uid);
    }
    if desired.kind.kind == "StatefulSet"
        && let Some(live) = &live
    {
        statefulset::prepare(&target, live, &mut body).await?;
    }
    let written = write(&target, live.as_ref(), &body).await?;
    ctx.remember(&observed.key(), |memory| {
        memory.written.insert(slot, Written { desired: wanted, echo: echo(&written, autoscaled) });
    });
    Ok(Some(written))
}

/// Traffic is never led anew to what has no ready pod. What the live object names already is not asked about.
fn check_backends(target: &Target<'_>, live: &DynamicObject) -> Result<(), ApplyError> {
    if is_part(&target.desired.object["spec"], &live.data["spec"]) {
        return Ok(());
    }
    let is_ready = |name: &str| {
        let deployment = target.observed.child_named("Deployment", name);
        deployment.and_then(|found| children::number(found, "/status/readyReplicas")).unwrap_or(0) > 0
    };
    let names = target.desired.leads_to.iter().map(String::as_str);
    let silent: Vec<&str> = names.filter(|name| !mentions(&live.data["spec"], name) && !is_ready(name)).collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(ApplyError::BackendNotReady { object: target.title(), backends: silent.join(", ") })
}

/// Whether a value has all that is wanted, besides what the server adds.
fn is_part(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|found| is_part(value, found)))
        }
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len() && wanted.iter().zip(live).all(|(value, found)| is_part(value, found))
        }
        _ => wanted == live,
    }
}

/// Whether a name stands anywhere in a value.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text == name,
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, name)),
        _ => false,
    }
}

/// Sends an object; under an autoscaler its size passes from us to the seed's manager first.
async fn write(target: &Target<'_>, live: Option<&DynamicObject>, body: &Value) -> Result<DynamicObject, ApplyError> {
    let Some(seed) = target.desired.seed_replicas else {
        let answer = target.send(body, labels::FIELD_MANAGER).await;
        return match answer {
            Err(refused) if live.is_some() => Err(statefulset::replace(target, refused).await),
            other => other,
        };
    };
    match live {
        None => {
            let mut first = body.clone();
            first["spec"]["replicas"] = json!(seed);
            target.send(&first, labels::FIELD_MANAGER).await?;
            target.seed(i64::from(seed)).await?;
        }
        Some(live) if owns_replicas(live, labels::FIELD_MANAGER) => {
            let now = children::number(live, "/spec/replicas").unwrap_or(i64::from(seed));
            target.seed(now).await?;
        }
        Some(_) => {}
    }
    target.send(body, labels::FIELD_MANAGER).await
}

async fn create(target: &Target<'_>, body: &Value) -> Result<(), ApplyError> {
    let object: DynamicObject =
        serde_json::from_value(body.clone()).map_err(|e| target.failed(kube::Error::SerdeError(e)))?;
    let params = PostParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match target.api.create(&params, &object).await {
        Ok(_) => {
            target.ctx.metrics.applied(target.desired.kind.kind);
            Ok(())
        }
        // Made between our look and our write; the next look says whose it is.
        Err(error) if is_conflict(&error) => Ok(()),
        Err(error) => Err(target.failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_adds_is_no_difference_and_another_backend_is_one() {
        let wanted = json!({"rules": [{"http": {"paths": [{"backend": {"service": {"name": "shop-edge"}}}]}}]});
        let mut live = wanted.clone();
        live["ingressClassName"] = json!("traefik");
        live["rules"][0]["http"]["paths"][0]["pathType"] = json!("Prefix");
        assert!(is_part(&wanted, &live));
        live["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("shop-web");
        assert!(!is_part(&wanted, &live));
        assert!(mentions(&live, "shop-web") && !mentions(&live, "shop"));
        live["rules"] = json!([live["rules"][0], live["rules"][0]]);
        assert!(!is_part(&wanted, &live));
    }
}
