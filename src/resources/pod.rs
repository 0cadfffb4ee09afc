//! What all of our pods have in common: security contexts, requests and limits, probes, spread.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, ExecAction, HTTPGetAction, LocalObjectReference, PodAffinityTerm,
    PodAntiAffinity, PodSecurityContext, Probe, ResourceRequirements, SeccompProfile, SecurityContext, TCPSocketAction,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Context;
use crate::domain::{Bytes, Millicores};
use crate::planner::{EXPORTER, Size};

/// User and group of every engine's process, fixed in the images.
pub const ENGINE_UID: i64 = 10_001;

/// The pod's part of the `restricted` Pod Security Standard, for engines.
#[must_use]
pub fn engine_pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(ENGINE_UID),
        run_as_group: Some(ENGINE_UID),
        fs_group: Some(ENGINE_UID),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    }
}

/// The container's part of the `restricted` Pod Security Standard, with a read-only root.
#[must_use]
pub fn engine_container_security() -> SecurityContext {
    SecurityContext { read_only_root_filesystem: Some(true), ..restricted_container_security() }
}

/// The container's part of the `restricted` Pod Security Standard.
#[must_use]
pub fn restricted_container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        ..SecurityContext::default()
    }
}

/// The seccomp profile of the container runtime.
#[must_use]
pub fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }
}

/// Requests and limits of a container: CPU is only requested, so that a burst is never throttled;
/// memory is limited at its size. `requestPercent` of the environment shrinks requests alone.
#[must_use]
pub fn resources(context: &Context<'_>, size: &Size) -> ResourceRequirements {
    let percent = u64::from(context.environment.request_percent.clamp(1, 100));
    let requested_cpu = Millicores((size.cpu.0 * percent / 100).max(1));
    let requested_memory = Bytes((size.memory.0 * percent / 100).max(1 << 20) >> 20 << 20);
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), Quantity(requested_cpu.quantity())),
            ("memory".to_owned(), Quantity(requested_memory.quantity())),
        ])),
        limits: Some(BTreeMap::from([("memory".to_owned(), Quantity(size.memory.quantity()))])),
        ..ResourceRequirements::default()
    }
}

/// Pull secrets of the application.
#[must_use]
pub fn pull_secrets(context: &Context<'_>) -> Option<Vec<LocalObjectReference>> {
    let names = &context.app.image_pull_secrets;
    (!names.is_empty()).then(|| names.iter().map(|name| LocalObjectReference { name: name.clone() }).collect())
}

/// The container that shows an engine's figures on a port; its command and what it must see are the engine's.
/// A pod without it serves.
#[must_use]
pub fn exporter(context: &Context<'_>, image: &str, port: u16) -> Container {
    Container {
        name: "exporter".to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        ports: Some(vec![ContainerPort {
            name: Some("metrics".to_owned()),
            container_port: port.into(),
            ..ContainerPort::default()
        }]),
        resources: Some(resources(context, &EXPORTER)),
        security_context: Some(engine_container_security()),
        ..Container::default()
    }
}

/// An HTTP probe.
#[must_use]
pub fn http_probe(path: &str, port: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failures),
        timeout_seconds: Some(2),
        ..Probe::default()
    }
}

/// A probe that opens a connection.
#[must_use]
pub fn tcp_probe(port: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction { port: IntOrString::String(port.to_owned()), ..TCPSocketAction::default() }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failures),
        timeout_seconds: Some(2),
        ..Probe::default()
    }
}

/// A probe that runs a command in the container.
#[must_use]
pub fn exec_probe(command: &[&str], period_seconds: i32, timeout_seconds: i32, failures: i32) -> Probe {
    Probe {
        exec: Some(ExecAction { command: Some(command.iter().map(|word| (*word).to_owned()).collect()) }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(timeout_seconds),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// No two of these pods on one node: they would be lost together.
#[must_use]
pub fn apart(selector: &LabelSelector) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![PodAffinityTerm {
                label_selector: Some(selector.clone()),
                topology_key: "kubernetes.io/hostname".to_owned(),
                ..PodAffinityTerm::default()
            }]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    }
}

/// Spread over zones, then over nodes. Stateless pods prefer it; voters require it (`required`).
#[must_use]
pub fn spread(selector: &LabelSelector, required: bool) -> Vec<TopologySpreadConstraint> {
    ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        .into_iter()
        .map(|key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: key.to_owned(),
            when_unsatisfiable: if required { "DoNotSchedule" } else { "ScheduleAnyway" }.to_owned(),
            label_selector: Some(selector.clone()),
            node_taints_policy: Some("Honor".to_owned()),
            match_label_keys: (!required).then(|| vec!["pod-template-hash".to_owned()]),
            ..TopologySpreadConstraint::default()
        })
        .collect()
}
