//! A live application as people look at it: its status and its pods, brought together.
//!
//! Takes objects as they were read, with the present time as an argument. Must never ask a cluster or a clock, and
//! reads of a spec nothing: an application of a newer version is shown too.

mod pod;
mod tree;
mod words;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde::Serialize;

use crate::api::{PlanStatus, ProposedStatus, ScaledAppStatus, TierStatus, labels};

pub use pod::{PodLine, PodState};
pub use tree::status_tree;

/// An application and its pods.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AppView {
    /// Its name.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// Whether it serves, by the operator's word about the newest spec.
    pub ready: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Generation of the spec.
    pub generation: i64,
    /// Generation that the operator has looked at; absent before its first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Highest rung of the ladder that is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
    /// Where users reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The accepted plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// Changes that wait for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed: Option<ProposedStatus>,
    /// The tiers with their pods.
    pub tiers: Vec<TierView>,
    /// Pods of migrations and cron jobs that have not ended well, by component.
    pub jobs: BTreeMap<String, Vec<PodLine>>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A tier and its pods.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TierView {
    /// The tier as the operator tells it.
    #[serde(flatten)]
    pub status: TierStatus,
    /// Its pods.
    pub pods: Vec<PodLine>,
    /// The routers before its members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<PodLine>,
}

/// What was read of an application.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The stored object.
    pub app: &'a DynamicObject,
    /// Its pods.
    pub pods: &'a [Pod],
    /// Zones by the name of the node, as far as they are known.
    pub zones: &'a BTreeMap<String, String>,
    /// What could not be read.
    pub notes: &'a [String],
}

impl AppView {
    /// Brings together what was read.
    ///
    /// # Errors
    /// When the stored status is of another form.
    pub fn new(sources: Sources<'_>) -> Result<Self, serde_json::Error> {
        let app = sources.app;
        let stored = app.data.get("status").filter(|status| !status.is_null()).cloned();
        let status: ScaledAppStatus = stored.map(serde_json::from_value).transpose()?.unwrap_or_default();
        let generation = app.metadata.generation.unwrap_or_default();
        let observed_generation = status.observed_generation.filter(|generation| *generation >= 0);
        let deleting = app.metadata.deletion_timestamp.is_some();
        let serves = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let mut pods: Vec<(&Pod, PodLine)> =
            sources.pods.iter().map(|pod| (pod, PodLine::new(pod, sources.zones))).collect();
        pods.sort_by_cached_key(|(_, line)| natural(&line.name));
        let tiers = status.tiers.into_iter().map(|tier| take(&mut pods, tier)).collect();
        Ok(Self {
            app: app.name_any(),
            namespace: app.namespace().unwrap_or_default(),
            ready: serves && !deleting && observed_generation == Some(generation),
            deleting,
            generation,
            observed_generation,
            rung: status.rung,
            url: status.url,
            plan: status.plan,
            conditions: status.conditions,
            proposed: status.proposed,
            tiers,
            jobs: rest(pods),
            notes: sources.notes.to_vec(),
        })
    }

    /// A condition.
    #[must_use]
    pub fn condition(&self, name: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == name)
    }
}

/// A tier with those of the pods that are its own, which are taken out.
fn take(pods: &mut Vec<(&Pod, PodLine)>, status: TierStatus) -> TierView {
    let component = status.tier.to_lowercase();
    let router = format!("{component}-router");
    let mut view = TierView { status, pods: Vec::new(), routers: Vec::new() };
    for (pod, line) in std::mem::take(pods) {
        let label = |key: &str| pod.labels().get(key).map(String::as_str);
        let of = |key: &str| label(key) == Some(view.status.name.as_str());
        let own = match component.as_str() {
            "web" => of(labels::SERVICE),
            "worker" => of(labels::WORKER),
            _ => true,
        };
        match label(labels::COMPONENT) {
            Some(name) if name == component && own => view.pods.push(line),
            Some(name) if name == router => view.routers.push(line),
            _ => pods.push((pod, line)),
        }
    }
    view
}

/// Pods of no tier, unless they are done.
fn rest(pods: Vec<(&Pod, PodLine)>) -> BTreeMap<String, Vec<PodLine>> {
    let mut jobs: BTreeMap<String, Vec<PodLine>> = BTreeMap::new();
    for (pod, line) in pods.into_iter().filter(|(_, line)| line.state != PodState::Done) {
        let component = pod.labels().get(labels::COMPONENT).map_or("other", String::as_str);
        jobs.entry(component.to_owned()).or_default().push(line);
    }
    jobs
}

/// A name so that member 10 comes after member 9.
fn natural(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem.to_owned(), name[stem.len()..].parse().unwrap_or(0), name.to_owned())
}
