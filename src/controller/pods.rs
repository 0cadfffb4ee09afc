//! Pods, reduced to what the operator acts on: phase, readiness, deletion, and why one does not
//! run. Patroni writes annotations into pods every few seconds; nothing here sees them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::Api;
use kube::{Client, Resource};
use serde::Deserialize;

/// A pod, reduced.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    /// Metadata.
    #[serde(default, deserialize_with = "reduced")]
    pub metadata: ObjectMeta,
    /// Status.
    #[serde(default)]
    pub status: PodStatusView,
}

/// Status of a pod, reduced.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatusView {
    /// Phase.
    pub phase: String,
    /// Address.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// Conditions.
    pub conditions: Vec<PodConditionView>,
    /// Containers.
    pub container_statuses: Vec<ContainerView>,
}

/// One condition of a pod.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PodConditionView {
    /// Its name.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// Reason.
    pub reason: Option<String>,
    /// Message.
    pub message: Option<String>,
}

/// One container of a pod.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ContainerStateView,
}

/// State of a container.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStateView {
    /// Why it waits.
    pub waiting: Option<WaitingView>,
}

/// Why a container waits.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct WaitingView {
    /// Reason, such as `ImagePullBackOff`.
    pub reason: Option<String>,
    /// Message.
    pub message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReducedMeta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

fn reduced<'de, D: serde::Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let meta = ReducedMeta::deserialize(from)?;
    Ok(ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        labels: meta.labels,
        creation_timestamp: meta.creation_timestamp,
        deletion_timestamp: meta.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl Resource for PodView {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Pods of a namespace.
#[must_use]
pub fn api(client: &Client, namespace: &str) -> Api<PodView> {
    Api::namespaced(client.clone(), namespace)
}

impl PodView {
    fn condition(&self, name: &str) -> Option<&PodConditionView> {
        self.status.conditions.iter().find(|condition| condition.type_ == name)
    }

    /// Whether it serves.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.metadata.deletion_timestamp.is_none() && self.condition("Ready").is_some_and(|c| c.status == "True")
    }

    /// A label's value.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str)
    }

    /// The scheduler's message, when it finds no node.
    #[must_use]
    pub fn unschedulable(&self) -> Option<&str> {
        self.condition("PodScheduled")
            .filter(|c| c.status == "False" && self.metadata.deletion_timestamp.is_none())
            .map(|c| c.message.as_deref().or(c.reason.as_deref()).unwrap_or("Unschedulable"))
    }

    /// Why a container does not start, unless it is only being created.
    #[must_use]
    pub fn blocked(&self) -> Option<String> {
        self.status.container_statuses.iter().find_map(|container| {
            let waiting = container.state.waiting.as_ref()?;
            let reason =
                waiting.reason.as_deref().filter(|r| !matches!(*r, "ContainerCreating" | "PodInitializing"))?;
            // The message of a back-off counts seconds; a status must not change with time alone.
            let message = waiting.message.as_deref().filter(|_| !reason.ends_with("BackOff")).unwrap_or_default();
            Some(format!("container {}: {reason} {message}", container.name).trim_end().to_owned())
        })
    }

    /// Everything of a pod that the operator acts on, in one text: unchanged means nothing to do.
    #[must_use]
    pub fn shape(&self) -> String {
        let gone = self.metadata.deletion_timestamp.is_some();
        let blocked = self.blocked();
        let uid = self.metadata.uid.as_deref();
        format!("{uid:?}{}{}{gone}{:?}{blocked:?}", self.status.phase, self.is_ready(), self.unschedulable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: serde_json::Value) -> PodView {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_annotation_changes_nothing_of_a_pod_that_matters() {
        let before = pod(
            serde_json::json!({"metadata": {"name": "a", "annotations": {"status": "1"}, "resourceVersion": "1"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}),
        );
        let after = pod(
            serde_json::json!({"metadata": {"name": "a", "annotations": {"status": "2"}, "resourceVersion": "2"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}),
        );
        assert_eq!(before.shape(), after.shape());
        assert!(after.metadata.annotations.is_none());
        let unready = pod(serde_json::json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}}));
        assert_ne!(before.shape(), unready.shape());
    }

    #[test]
    fn the_schedulers_message_is_found() {
        let pending = pod(serde_json::json!({"metadata": {"name": "a"}, "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}}));
        assert_eq!(pending.unschedulable(), Some("0/3 nodes are available"));
    }
}
