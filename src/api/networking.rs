//! How the application is reached, and what it may reach. Types only.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The way in from outside the cluster.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ingress {
    /// Class of the Ingress; absent means the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Host names; absent means every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 16),
        inner(
            length(max = 253),
            regex(pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
        )
    )]
    pub hosts: Option<Vec<String>>,
    /// Certificates for the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tls: Option<Vec<IngressTls>>,
    /// Annotations of the Ingress, for its controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: Option<BTreeMap<String, String>>,
    /// How the edge spreads requests over the pods; default LeastRequests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancing: Option<LoadBalancing>,
    /// Most requests of one client; absent means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

/// Most requests of one client: more are answered 429.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second that a client may make for any length of time.
    #[schemars(range(min = 1, max = 100_000_i64))]
    pub requests_per_second: i32,
    /// Requests that it may make at once; default twice requestsPerSecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_i64))]
    pub burst: Option<i32>,
}

/// How the edge spreads requests.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum LoadBalancing {
    /// To the pod with the fewest requests under way.
    #[default]
    LeastRequests,
    /// To each pod in turn.
    RoundRobin,
    /// The first to the pod with the fewest requests under way, a client's others to the same pod, by a cookie.
    Cookie,
}

/// A certificate for some hosts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressTls {
    /// Hosts of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    pub hosts: Option<Vec<String>>,
    /// Secret of type kubernetes.io/tls.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// Network policies of the application.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Open lets the services reach anything; Declared only the application's own tiers and DNS.
    ///
    /// Absent means Open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressPolicy>,
    /// Namespaces from which the edge may be reached; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub ingress_from: Option<Vec<NamespacePeer>>,
    /// Namespaces from which metrics may be read; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub metrics_from: Option<Vec<NamespacePeer>>,
}

/// What the services may reach.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum EgressPolicy {
    /// Everything.
    #[default]
    Open,
    /// The application's own tiers and the cluster's DNS.
    Declared,
}

/// A namespace by its name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespacePeer {
    /// The namespace's name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
}
