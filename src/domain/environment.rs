//! What the operator's owner says about the cluster: declared and coarse, never read live, so that
//! a plan made on a laptop is the plan that the operator makes.

use serde::{Deserialize, Serialize};

use super::{Bytes, Millicores};
use crate::api::Quantity;

/// The operator's configuration, as far as planning and building see it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Environment {
    /// Zones over which pods can be spread; at least 1.
    pub zones: u32,
    /// Largest pod that a node can hold.
    pub largest_pod: LargestPod,
    /// Storage class of volumes; absent means the cluster's default class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Part of the planned requests that rendered pods ask for, in percent; below 100 the plan
    /// stays true and only the requests shrink, for laptops and CI.
    pub request_percent: u32,
    /// DNS domain of the cluster.
    pub cluster_domain: String,
    /// Images of the engines.
    pub images: EngineImages,
}

/// Largest pod that a node can hold.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LargestPod {
    /// CPU, as a Kubernetes quantity.
    pub cpu: Quantity,
    /// Memory, as a Kubernetes quantity.
    pub memory: Quantity,
}

/// References of the engines' images.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EngineImages {
    /// The operator itself, which also runs the sidecars' small jobs.
    pub operator: String,
    /// PostgreSQL with Patroni.
    pub postgres: String,
    /// `PgBouncer`.
    pub pgbouncer: String,
    /// `HAProxy`, as edge and as router.
    pub haproxy: String,
    /// Redis with Sentinel, as cache and as session store.
    pub redis: String,
    /// `RabbitMQ`.
    pub rabbitmq: String,
    /// Varnish.
    pub varnish: String,
}

impl EngineImages {
    /// All of them, by name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &String); 7] {
        [
            ("operator", &self.operator),
            ("postgres", &self.postgres),
            ("pgbouncer", &self.pgbouncer),
            ("haproxy", &self.haproxy),
            ("redis", &self.redis),
            ("rabbitmq", &self.rabbitmq),
            ("varnish", &self.varnish),
        ]
    }
}

impl Default for EngineImages {
    fn default() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let image = |name: &str| format!("localhost/scaledapp/{name}:{version}");
        Self {
            operator: image("operator"),
            postgres: image("postgres"),
            pgbouncer: image("pgbouncer"),
            haproxy: image("haproxy"),
            redis: image("redis"),
            rabbitmq: image("rabbitmq"),
            varnish: image("varnish"),
        }
    }
}

impl Default for Environment {
    /// Three zones of nodes that hold pods of 16 cores and 64 GiB.
    fn default() -> Self {
        Self {
            zones: 3,
            largest_pod: LargestPod { cpu: "16".into(), memory: "64Gi".into() },
            storage_class: None,
            request_percent: 100,
            cluster_domain: "cluster.local".to_owned(),
            images: EngineImages::default(),
        }
    }
}

impl LargestPod {
    /// CPU and memory as numbers; `None` when the configuration holds no valid quantity.
    #[must_use]
    pub fn size(&self) -> Option<(Millicores, Bytes)> {
        Some((Millicores::parse(&self.cpu.0)?, Bytes::parse(&self.memory.0)?))
    }
}
