//! Tiers that somebody else runs: the owner's Secrets are read at every look, and nothing is built on what they lack.
//!
//! Reads only, one Secret by its name each; nobody's Secrets are listed or watched for this.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use serde_json::Value;
use strum::{IntoEnumIterator, IntoStaticStr};

use crate::api::{ScaledAppSpec, TierStatus, labels};
use crate::domain::external::reference;
use crate::domain::{Backing, ValidApp};
use crate::resources::external::{Hole, Known};
use crate::resources::{DesiredObject, Externals};

use super::children::number;
use super::context::Context;
use super::decide::Accepted;
use super::error::{Class, Staged, class_of};
use super::observe::Observed;
use super::preflight::{Lack, sentences};

/// Errors of external tiers.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum ExternalError {
    /// A read failed.
    #[error("Secret {secret} could not be read: {source}")]
    SecretUnreadable {
        /// The Secret.
        secret: String,
        /// Why.
        source: kube::Error,
    },
    /// A Secret of the owner's is not there or not complete.
    #[error("nothing is rolled out before the owner's Secrets are complete: {0}")]
    BindingIncomplete(String),
}

impl Staged for ExternalError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::SecretUnreadable { source, .. } => class_of(source),
            Self::BindingIncomplete(_) => Class::Waiting,
        }
    }
}

/// The owner's Secrets of an application, and of what of it still runs.
///
/// # Errors
/// When one cannot be read; one that is not there is no error.
pub async fn look(ctx: &Context, observed: &Observed, app: &ValidApp) -> Result<Externals, ExternalError> {
    let mut asked: BTreeSet<(Backing, String)> =
        app.externals.secrets.iter().map(|(backing, secret)| (*backing, secret.clone())).collect();
    for revision in observed.revisions.newest().into_iter().chain(observed.revisions.rolled()) {
        asked.extend(declared(&revision.plan.spec));
    }
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let mut found = Externals::default();
    for (backing, name) in asked {
        let failed = |source| ExternalError::SecretUnreadable { secret: name.clone(), source };
        let read = match api.get_opt(&name).await.map_err(failed)? {
            Some(secret) => known(backing, &name, secret),
            None => Err(Hole::missing(backing, &name)),
        };
        found.insert(backing, &name, read);
    }
    Ok(found)
}

fn declared(spec: &ScaledAppSpec) -> impl Iterator<Item = (Backing, String)> {
    Backing::iter().filter_map(|backing| Some((backing, reference(spec, backing)?.secret_ref.name.clone())))
}

fn known(backing: Backing, name: &str, secret: Secret) -> Result<Known, Hole> {
    let uid = secret.uid().unwrap_or_default();
    let data = secret.data.unwrap_or_default();
    let text = |(key, ByteString(value))| Some((key, String::from_utf8(value).ok()?));
    Known::read(backing, name, &uid, &data.into_iter().filter_map(text).collect())
}

/// What the owner's Secrets lack for an application.
#[must_use]
pub fn lacks(externals: &Externals, app: &ValidApp) -> Vec<Lack> {
    externals.holes(app).into_iter().map(|hole| Lack { blocks: true, message: hole.to_string() }).collect()
}

/// Why an application may not be rolled out now.
///
/// # Errors
/// When a Secret of the owner's is not complete.
pub fn complete(externals: &Externals, app: &ValidApp) -> Result<(), ExternalError> {
    let lacks = lacks(externals, app);
    if lacks.is_empty() { Ok(()) } else { Err(ExternalError::BindingIncomplete(sentences(&lacks))) }
}

/// Why a plan that was not accepted yet is not built now.
#[must_use]
pub fn held(observed: &Observed, accepted: &Accepted, externals: &Externals) -> Option<ExternalError> {
    observed.revisions.newest().filter(|newest| newest.plan.hash != accepted.plan.hash)?;
    complete(externals, &accepted.app).err()
}

/// Whether a tier of our own still runs that an external one replaces.
#[must_use]
pub fn replaces(observed: &Observed, app: &ValidApp) -> bool {
    Backing::iter().any(|backing| {
        let name = format!("{}-{}", app.name, backing.name());
        app.externals.has(backing) && observed.child_named("StatefulSet", &name).is_some()
    })
}

/// Whether pods may still use the addresses from before: until all of them have the new ones.
#[must_use]
pub fn still_used(observed: &Observed, serve: &[DesiredObject]) -> bool {
    let mut users = serve.iter().filter(|object| object.kind.kind == "Deployment");
    users.any(|wanted| !observed.child(&wanted.kind, &wanted.name).is_some_and(|live| rolled(live, wanted)))
}

/// Whether all pods of a Deployment are of the wanted addresses, and none of an earlier template is left.
fn rolled(live: &DynamicObject, wanted: &DesiredObject) -> bool {
    let path = format!("/spec/template/metadata/annotations/{}", labels::CONFIG_HASH.replace('/', "~1"));
    let count = |path: &str| number(live, path).unwrap_or(0);
    let replicas = count("/status/replicas");
    let mark = live.data.pointer(&path).and_then(Value::as_str);
    mark == wanted.object.pointer(&path).and_then(Value::as_str)
        && number(live, "/status/observedGeneration") >= live.metadata.generation
        && count("/status/updatedReplicas") == replicas
        && count("/status/availableReplicas") == replicas
}

/// The external tiers as the status shows them.
#[must_use]
pub fn status(app: &ValidApp, externals: &Externals) -> Vec<TierStatus> {
    let holes = externals.holes(app);
    let one = |(backing, secret): (&Backing, &String)| {
        let hole = holes.iter().map(ToString::to_string).find(|text| text.contains(&format!("Secret {secret} ")));
        TierStatus {
            tier: backing.to_string(),
            name: backing.name().to_owned(),
            endpoint: externals.known(*backing, secret).map(|known| known.endpoint.clone()),
            message: Some(
                hole.unwrap_or_else(|| format!("External: somebody else runs it, Secret {secret} says where")),
            ),
            ..TierStatus::default()
        }
    };
    app.externals.secrets.iter().map(one).collect()
}
