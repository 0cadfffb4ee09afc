//! The caching proxy between edge and services. Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, Quantity};

/// A caching proxy behind the edge; it keeps only what the services mark public.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proxy {
    /// For how long an answer that is marked public and names no age of its own is fresh; default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationText>,
    /// For how long after that it still serves while the services fail; default 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_if_error_for: Option<DurationText>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<ProxyPin>,
}

/// Sizes of the proxy that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyPin {
    /// Pods, over which the objects are spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64_i64))]
    pub replicas: Option<i32>,
    /// Memory of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}
