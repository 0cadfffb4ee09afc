//! The memory of accepted plans: immutable `ControllerRevisions`, the last five.
//!
//! The newest accepted one is what a refused spec falls back to; the newest *rolled* one is what
//! the application's own pods run while a migration of a newer one is pending or failed. Both
//! survive a restart. A revision's data never changes; only its number and marks do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::{Resource, ResourceExt};
use serde_json::json;
use strum::IntoStaticStr;

use crate::api::{DeletionPolicy, labels};
use crate::planner::RecordedPlan;

use super::context::Context;
use super::error::{Class, Staged, class_of, is_conflict, is_not_found};
use super::observe::Observed;
use super::ownership::{self, Owner};

/// Revisions that are kept.
const KEPT: usize = 5;
/// Annotation: the number under which this revision's services were rolled out.
const ROLLED: &str = "scaledapp.dev/rolled";

/// Errors of remembering.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum RevisionError {
    /// A revision could not be written.
    #[error("the plan's revision {name} could not be written: {source}")]
    RevisionFailed {
        /// Which.
        name: String,
        /// Why.
        source: kube::Error,
    },
    /// The plan cannot be put into JSON.
    #[error("the plan cannot be recorded: {0}")]
    PlanUnwritable(#[from] serde_json::Error),
    /// There is an object of that name which is not ours.
    #[error("a ControllerRevision {0} exists that is not this application's; remove or rename it")]
    ForeignRevision(String),
}

impl Staged for RevisionError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::RevisionFailed { source, .. } => class_of(source),
            Self::PlanUnwritable(_) | Self::ForeignRevision(_) => Class::Permanent,
        }
    }
}

/// One accepted plan.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Name of the object.
    pub name: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Rising with each acceptance.
    pub number: i64,
    /// Whether its services were rolled out under this number.
    pub rolled: bool,
    /// The plan.
    pub plan: RecordedPlan,
}

/// Accepted plans, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Revisions(Vec<Revision>);

impl Revisions {
    /// From the stored objects; those that are not ours or cannot be read are left out.
    #[must_use]
    pub fn read(objects: Vec<ControllerRevision>, app: &str, uid: &str) -> Self {
        let mut all: Vec<Revision> = objects
            .into_iter()
            .filter(|object| ownership::owner_of(&object.metadata, app, uid) == Owner::Ours)
            .filter_map(Revision::read)
            .collect();
        all.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
        Self(all)
    }

    /// All, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Revision] {
        &self.0
    }

    /// The last accepted plan.
    #[must_use]
    pub fn newest(&self) -> Option<&Revision> {
        self.0.last()
    }

    /// The last plan whose services were rolled out.
    #[must_use]
    pub fn rolled(&self) -> Option<&Revision> {
        self.0.iter().rev().find(|revision| revision.rolled)
    }
}

impl Revision {
    fn read(object: ControllerRevision) -> Option<Self> {
        let data = object.data.as_ref()?;
        let plan: RecordedPlan = serde_json::from_value(data.0.clone()).ok()?;
        let number = object.revision;
        let rolled = object.annotations().get(ROLLED).is_some_and(|mark| *mark == number.to_string());
        Some(Self { name: object.name_any(), metadata: object.metadata, number, rolled, plan })
    }
}

/// Remembers an accepted plan, as the newest.
///
/// # Errors
/// When the API server refuses it.
pub async fn record(
    ctx: &Context,
    observed: &mut Observed,
    plan: RecordedPlan,
    policy: DeletionPolicy,
) -> Result<bool, RevisionError> {
    if observed.revisions.newest().is_some_and(|newest| newest.plan.hash == plan.hash) {
        return Ok(false);
    }
    let number = observed.revisions.newest().map_or(1, |newest| newest.number + 1);
    let name = format!("{}-plan-{}", observed.name, plan.hash);
    let failed = |source| RevisionError::RevisionFailed { name: name.clone(), source };
    let api: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let stored = if observed.revisions.all().iter().any(|revision| revision.name == name) {
        let patch = json!({"metadata": {"annotations": {ROLLED: null}}, "revision": number});
        api.patch(&name, &params(), &Patch::Merge(&patch)).await.map_err(failed)?
    } else {
        let object = object(observed, &name, number, &plan, policy)?;
        match create(ctx, observed, &object).await {
            Ok(stored) => stored,
            Err(error) if is_conflict(&error) => return Err(RevisionError::ForeignRevision(name)),
            Err(error) => return Err(failed(error)),
        }
    };
    observed.revisions.0.retain(|revision| revision.name != name);
    observed.revisions.0.extend(Revision::read(stored));
    ctx.metrics.applied("ControllerRevision");
    Ok(true)
}

/// Creates a revision with its text as Go writes it: the server compares the bytes of `data` when
/// a mark is changed later, and would take its own way of writing `<`, `>` and `&` for a change.
async fn create(
    ctx: &Context,
    observed: &Observed,
    object: &ControllerRevision,
) -> Result<ControllerRevision, kube::Error> {
    let text = serde_json::to_string(object).map_err(kube::Error::SerdeError)?;
    let params = PostParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let url = ControllerRevision::url_path(&(), Some(&observed.namespace));
    let request = Request::new(url).create(&params, as_go_writes(&text).into_bytes());
    ctx.client.request(request.map_err(kube::Error::BuildRequest)?).await
}

/// JSON with the characters escaped that Go's encoder escapes; they occur only inside of strings.
fn as_go_writes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            other => text.push(other),
        }
    }
    text
}

fn object(
    observed: &Observed,
    name: &str,
    number: i64,
    plan: &RecordedPlan,
    policy: DeletionPolicy,
) -> Result<ControllerRevision, serde_json::Error> {
    let app = observed.name.as_str();
    let labels = [
        (labels::NAME, "plan"),
        (labels::INSTANCE, app),
        (labels::COMPONENT, "plan"),
        (labels::PART_OF, app),
        (labels::MANAGED_BY, labels::MANAGED_BY_VALUE),
        (labels::APP, app),
    ];
    let uid = observed.app.uid().unwrap_or_default();
    Ok(ControllerRevision {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(observed.namespace.clone()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some(BTreeMap::from([(labels::RETAINED_FROM.to_owned(), uid)])),
            owner_references: (policy == DeletionPolicy::Delete).then(|| vec![ownership::reference(&observed.app)]),
            ..ObjectMeta::default()
        },
        revision: number,
        data: Some(RawExtension(serde_json::to_value(plan)?)),
    })
}

/// Marks the newest plan as rolled out.
///
/// # Errors
/// When the API server refuses it.
pub async fn mark_rolled(ctx: &Context, observed: &mut Observed) -> Result<(), RevisionError> {
    let Some(newest) = observed.revisions.0.last_mut().filter(|newest| !newest.rolled) else { return Ok(()) };
    let patch = json!({"metadata": {"annotations": {ROLLED: newest.number.to_string()}}});
    let api: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    api.patch(&newest.name, &params(), &Patch::Merge(&patch))
        .await
        .map_err(|source| RevisionError::RevisionFailed { name: newest.name.clone(), source })?;
    newest.rolled = true;
    Ok(())
}

/// Deletes revisions beyond the last five; never the newest one that was rolled out.
///
/// # Errors
/// When the API server refuses it.
pub async fn prune(ctx: &Context, observed: &Observed) -> Result<(), RevisionError> {
    let rolled = observed.revisions.rolled().map(|revision| revision.name.as_str());
    let excess = observed.revisions.0.len().saturating_sub(KEPT);
    let api: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    for revision in observed.revisions.0.iter().take(excess).filter(|r| Some(r.name.as_str()) != rolled) {
        match api.delete(&revision.name, &DeleteParams::background()).await {
            Ok(_) => {}
            Err(error) if is_not_found(&error) => {}
            Err(source) => return Err(RevisionError::RevisionFailed { name: revision.name.clone(), source }),
        }
    }
    Ok(())
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_go_escapes_are_escaped_and_mean_the_same() {
        let value = json!({"args": ["a < b && c > d"]});
        let text = as_go_writes(&value.to_string());
        assert_eq!(text, r#"{"args":["a \u003c b \u0026\u0026 c \u003e d"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
