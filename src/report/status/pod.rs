//! One pod in a line: where it runs, its role, and whether it serves or why it does not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use kube::ResourceExt;
use serde::Serialize;

/// Label that Patroni keeps on its members.
const ROLE: &str = "role";
/// Label of a node's zone, which newer clusters copy to its pods.
const ZONE: &str = "topology.kubernetes.io/zone";

/// A pod, reduced to what people look at.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PodLine {
    /// Its name.
    pub name: String,
    /// Its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The node's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its role, where its labels say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How it is.
    pub state: PodState,
    /// Why it is so, unless it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Restarts of its containers.
    pub restarts: i32,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// How a pod is.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum PodState {
    /// It serves.
    #[strum(to_string = "ready")]
    Ready,
    /// Its containers are on their way.
    #[strum(to_string = "starting")]
    Starting,
    /// It cannot go on by itself: no node, no image, no configuration, or its container ends again and again.
    #[strum(to_string = "stuck")]
    Stuck,
    /// It runs and does not serve.
    #[strum(to_string = "not ready")]
    NotReady,
    /// It is being deleted.
    #[strum(to_string = "leaving")]
    Leaving,
    /// It ended badly.
    #[strum(to_string = "failed")]
    Failed,
    /// It ended well.
    #[strum(to_string = "done")]
    Done,
}

impl PodLine {
    /// From a pod and the zones of the nodes.
    #[must_use]
    pub fn new(pod: &Pod, zones: &BTreeMap<String, String>) -> Self {
        let spec = pod.spec.as_ref();
        let node = spec.and_then(|spec| spec.node_name.clone()).filter(|name| !name.is_empty());
        let status = pod.status.clone().unwrap_or_default();
        let (state, why) = match state(pod, &status) {
            (PodState::Ready, _) => (PodState::Ready, None),
            other => other,
        };
        let label = |key: &str| pod.labels().get(key).cloned();
        Self {
            name: pod.name_any(),
            zone: label(ZONE).or_else(|| zones.get(node.as_ref()?).filter(|zone| !zone.is_empty()).cloned()),
            node,
            role: label(ROLE),
            state,
            why,
            restarts: containers(&status).map(|container| container.restart_count).sum(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
        }
    }
}

fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
}

fn state(pod: &Pod, status: &PodStatus) -> (PodState, Option<String>) {
    let phase = status.phase.as_deref().unwrap_or_default();
    let condition = |name: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == name);
    if pod.metadata.deletion_timestamp.is_some() {
        return (PodState::Leaving, None);
    }
    if phase == "Succeeded" {
        return (PodState::Done, None);
    }
    if phase == "Failed" {
        let ended = containers(status).find_map(|c| ended_badly(&c.name, c.state.as_ref()?.terminated.as_ref()?));
        let own = joined(status.reason.as_deref(), status.message.as_deref());
        return (PodState::Failed, own.or(ended));
    }
    if condition("Ready").is_some_and(|ready| ready.status == "True") {
        return (PodState::Ready, None);
    }
    if let Some(unplaced) = condition("PodScheduled").filter(|placed| placed.status == "False") {
        return (PodState::Stuck, unplaced.message.clone().or_else(|| unplaced.reason.clone()));
    }
    if let Some(why) = containers(status).find_map(stuck) {
        return (PodState::Stuck, Some(why));
    }
    coming(status)
}

/// Why a container does not go on, unless it is only being made.
fn stuck(container: &ContainerStatus) -> Option<String> {
    let name = &container.name;
    let state = container.state.as_ref()?;
    if let Some(ended) = &state.terminated {
        return ended_badly(name, ended);
    }
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|r| !matches!(*r, "ContainerCreating" | "PodInitializing"))?;
    let before = container.last_state.as_ref().and_then(|last| last.terminated.as_ref()).map(end);
    let text = match before {
        Some(before) => format!("container {name}: {reason}, it {before}"),
        None => format!("container {name}: {}", joined(Some(reason), waiting.message.as_deref()).unwrap_or_default()),
    };
    Some(text)
}

fn ended_badly(name: &str, ended: &ContainerStateTerminated) -> Option<String> {
    (ended.exit_code != 0).then(|| format!("container {name} {}", end(ended)))
}

/// `ended with code 137 (OOMKilled)`.
fn end(ended: &ContainerStateTerminated) -> String {
    let reason = ended.reason.as_deref().filter(|reason| !matches!(*reason, "" | "Error" | "Completed"));
    let note = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("ended with code {}{note}", ended.exit_code)
}

/// What of a pod that is on its way is not there yet.
fn coming(status: &PodStatus) -> (PodState, Option<String>) {
    let runs = |container: &&ContainerStatus| container.state.as_ref().is_some_and(|state| state.running.is_some());
    let first = status.init_container_statuses.iter().flatten();
    let held = first.filter(runs).find(|container| container.started != Some(true));
    if let Some(container) = held {
        return (PodState::Starting, Some(format!("init container {} runs", container.name)));
    }
    let main: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    if main.is_empty() || !main.iter().any(runs) {
        return (PodState::Starting, None);
    }
    let names = |of: &dyn Fn(&ContainerStatus) -> bool| -> Vec<&str> {
        main.iter().filter(|container| of(container)).map(|container| container.name.as_str()).collect()
    };
    let starting = names(&|container| container.started == Some(false));
    if !starting.is_empty() {
        return (PodState::Starting, Some(format!("container {} has not started yet", starting.join(", "))));
    }
    let unready = names(&|container| !container.ready);
    let why = if unready.is_empty() {
        "a readiness gate is closed".to_owned()
    } else {
        format!("container {} is not ready", unready.join(", "))
    };
    (PodState::NotReady, Some(why))
}

fn joined(reason: Option<&str>, message: Option<&str>) -> Option<String> {
    let texts: Vec<&str> = [reason, message].into_iter().flatten().filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}
