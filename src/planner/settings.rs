//! What builders need of each tier beside pods and sizes: the settings of its engine.
//!
//! Only words and numbers; each is decided, and given its reason, in the tier's own file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::Size;
use crate::domain::Bytes;

/// What the builders need of a tier.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", untagged)]
pub enum TierSettings {
    /// Of the edge.
    Edge(EdgeSettings),
    /// Of a web service.
    Web(WebSettings),
    /// Of the pool.
    Pool(PoolSettings),
    /// Of the database.
    Database(DatabaseSettings),
    /// Of the cache and of the session store.
    Redis(RedisSettings),
    /// Of the queue.
    Queue(QueueSettings),
    /// Of a worker.
    Worker(WorkerSettings),
    /// Of the caching proxy.
    Proxy(ProxySettings),
}

/// Settings of the edge.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EdgeSettings {
    /// Most connections of one edge pod.
    pub max_connections: u32,
    /// Requests under way that the edge lets through to one web pod, by service name; more wait in the edge.
    pub max_connections_per_pod: BTreeMap<String, u32>,
    /// Most pods of each service that the edge can address (its slots), by service name: replicas.max and a surge.
    pub slots: BTreeMap<String, u32>,
    /// How long a request may wait for a pod, in milliseconds.
    pub queue_timeout_ms: u64,
    /// Memory of each edge pod for copies of the caching proxy's answers, in MiB; none without a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microcache_mib: Option<u32>,
}

/// Settings of a web service.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WebSettings {
    /// CPU use that the autoscaler aims at, in percent of the request.
    pub target_cpu_percent: u32,
    /// Whether there is an autoscaler: min below max.
    pub autoscaled: bool,
    /// Pods that a roll-out may add at once.
    pub surge: u32,
    /// Fewest pods that stay during voluntary disruptions is replicas.min minus this.
    pub max_unavailable: u32,
}

/// Settings of the pool; the caps hold at the autoscalers' maximum plus surge.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PoolSettings {
    /// Server connections that one pod may open for writes.
    pub write_connections: u32,
    /// Server connections that one pod may open for reads.
    pub read_connections: u32,
    /// Client connections that one pod accepts.
    pub max_client_connections: u32,
    /// Pods that a roll-out may add at once.
    pub surge: u32,
    /// Size of the `PgBouncer` container; the router and the agent get the rest of `perReplica`.
    pub pgbouncer: Size,
    /// Size of the router container.
    pub router: Size,
    /// Size of the agent container.
    pub agent: Size,
}

/// Settings of the database.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSettings {
    /// `max_connections` of `PostgreSQL`.
    pub max_connections: u32,
    /// `shared_buffers`.
    #[serde(rename = "sharedBuffersBytes")]
    pub shared_buffers: Bytes,
    /// `effective_cache_size`.
    #[serde(rename = "effectiveCacheSizeBytes")]
    pub effective_cache_size: Bytes,
    /// `work_mem`.
    #[serde(rename = "workMemBytes")]
    pub work_mem: Bytes,
    /// `maintenance_work_mem`.
    #[serde(rename = "maintenanceWorkMemBytes")]
    pub maintenance_work_mem: Bytes,
    /// `max_wal_size`.
    #[serde(rename = "maxWalSizeBytes")]
    pub max_wal_size: Bytes,
    /// Whether commits wait for a synchronous standby; only with three or more members.
    pub synchronous: bool,
    /// Patroni's `ttl`, in seconds.
    pub ttl_seconds: u32,
    /// Patroni's `loop_wait`, in seconds.
    pub loop_wait_seconds: u32,
    /// Patroni's `retry_timeout`, in seconds.
    pub retry_timeout_seconds: u32,
    /// Size of the database container; the lag agent and the exporter get the rest of `perReplica`.
    pub postgres: Size,
    /// Size of the lag agent's container.
    pub agent: Size,
}

/// Settings of a cache or session store.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RedisSettings {
    /// `maxmemory`.
    pub max_memory_bytes: u64,
    /// `maxmemory-policy`; `noeviction` for sessions.
    pub eviction_policy: String,
    /// Whether every write is in a log on a volume.
    pub persistent: bool,
    /// `io-threads`.
    pub io_threads: u32,
    /// Whether a Sentinel runs in each pod: with three members.
    pub sentinel: bool,
    /// Size of the Redis container; the Sentinel and the exporter get the rest of `perReplica`.
    pub redis: Size,
    /// Size of the Sentinel container; nothing without one.
    pub sentinel_size: Size,
    /// Pods of the router.
    pub router_replicas: u32,
    /// Size of one pod of the router.
    pub router: Size,
    /// Most connections of one pod of the router.
    pub router_max_connections: u32,
}

/// Settings of the queue.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct QueueSettings {
    /// `total_memory_available_override_value`: what the broker may count on.
    pub memory_available_bytes: u64,
    /// `vm_memory_high_watermark.absolute`: above it publishers wait.
    pub memory_high_watermark_bytes: u64,
    /// `disk_free_limit.absolute`: below it publishers wait.
    pub disk_free_limit_bytes: u64,
    /// `raft.wal_max_size_bytes`.
    pub wal_max_size_bytes: u64,
    /// `consumer_timeout`: a job that takes longer goes back to the queue.
    pub consumer_timeout_ms: u64,
    /// Members that hold each message.
    pub quorum: u32,
    /// Pods of the router.
    pub router_replicas: u32,
    /// Size of one pod of the router.
    pub router: Size,
    /// Most connections of one pod of the router.
    pub router_max_connections: u32,
}

/// Settings of a worker.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSettings {
    /// Whether there is an autoscaler.
    pub autoscaled: bool,
    /// CPU use that the autoscaler aims at, in percent of the request.
    pub target_cpu_percent: u32,
    /// Fewest pods that stay during voluntary disruptions is replicas.min minus this.
    pub max_unavailable: u32,
    /// Pods that a roll-out may add at once.
    pub surge: u32,
    /// How long a pod that is told to stop may go on with its job.
    pub finish_seconds: u32,
    /// Jobs that may wait for each pod so that the last one still ends within `maxDelay`.
    pub backlog_per_worker: u64,
}

/// Settings of the caching proxy.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProxySettings {
    /// Memory for objects, of one pod.
    pub storage_bytes: u64,
    /// Memory for answers that are not kept, of one pod.
    pub transient_bytes: u64,
    /// For how long an answer without an age of its own is fresh.
    pub ttl_seconds: u64,
    /// For how long after that it is served while it is fetched anew.
    pub grace_seconds: u64,
    /// For how long after that it is served while the services fail.
    pub stale_if_error_seconds: u64,
    /// Pods that the edge can address, `replicas.max` or more.
    pub slots: u32,
    /// Most connections of one pod.
    pub max_connections: u32,
}

impl TierSettings {
    /// Pods of the routers before the tier's members.
    #[must_use]
    pub const fn router_pods(&self) -> u32 {
        match self {
            Self::Redis(settings) => settings.router_replicas,
            Self::Queue(settings) => settings.router_replicas,
            _ => 0,
        }
    }

    /// All routers before the tier's members together.
    #[must_use]
    pub fn routers(&self) -> Size {
        match self {
            Self::Redis(settings) => settings.router.times(settings.router_replicas),
            Self::Queue(settings) => settings.router.times(settings.router_replicas),
            _ => Size::default(),
        }
    }
}
