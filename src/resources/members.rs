//! What all tiers of members have in common: how members are found, how many may leave at once, and their volumes.
//!
//! Must never name a member by anything that changes when the tier grows.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSetPersistentVolumeClaimRetentionPolicy;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, Service, ServicePort, ServiceSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Context;
use super::meta::Part;
use crate::api::DeletionPolicy;
use crate::domain::Bytes;

/// Name of a member's volume; its claim's name begins with it.
pub const VOLUME: &str = "data";

/// A TCP port of a Service.
#[must_use]
pub fn service_port(name: &str, port: u16, target: IntOrString) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        target_port: Some(target),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

/// A TCP port of a Service that is the same in the pod.
#[must_use]
pub fn same_port(name: &str, port: u16) -> ServicePort {
    service_port(name, port, IntOrString::Int(i32::from(port)))
}

/// The headless Service by which members find each other before they are ready.
#[must_use]
pub fn headless(context: &Context<'_>, part: &Part<'_>, name: String, ports: Vec<ServicePort>) -> Service {
    let mut service = published(context, part, name, ports);
    if let Some(spec) = &mut service.spec {
        spec.cluster_ip = Some("None".to_owned());
    }
    service
}

/// An address of one member that outlives its pods, so that nobody needs DNS in a failover. Whoever uses it checks the
/// member itself: what the API server thinks of the pod is later.
#[must_use]
pub fn member_service(context: &Context<'_>, part: &Part<'_>, name: String, ports: Vec<ServicePort>) -> Service {
    let pod = ("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
    let mut service = published(context, part, name, ports);
    if let Some(selector) = service.spec.as_mut().and_then(|spec| spec.selector.as_mut()) {
        selector.extend([pod]);
    }
    service
}

fn published(context: &Context<'_>, part: &Part<'_>, name: String, ports: Vec<ServicePort>) -> Service {
    Service {
        metadata: part.meta(context.app, name),
        spec: Some(ServiceSpec {
            selector: Some(part.selector(context.app)),
            publish_not_ready_addresses: Some(true),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// What becomes of the members' volumes: with the application as its owner says, with a member never.
#[must_use]
pub fn retention(context: &Context<'_>) -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    let when_deleted = match context.app.deletion_policy {
        DeletionPolicy::Retain => "Retain",
        DeletionPolicy::Delete => "Delete",
    };
    StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some(when_deleted.to_owned()),
        // A member that left may hold the only copy of something: its volume goes by hand or not at all.
        when_scaled: Some("Retain".to_owned()),
    }
}

/// The template of a member's claim; `class` goes before the operator's own storage class.
#[must_use]
pub fn claim(context: &Context<'_>, part: &Part<'_>, class: Option<String>, storage: Bytes) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(VOLUME.to_owned()),
            labels: Some(part.labels(context.app)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: class.or_else(|| context.environment.storage_class.clone()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(storage.quantity()))])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
