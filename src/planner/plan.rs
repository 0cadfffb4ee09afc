//! The plan: the JSON contract of `scaledapp plan -o json`, and what builders need beside it.
//!
//! Fields may be added, never renamed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::{ProposedChange, Trigger};
use crate::domain::{Bytes, EngineImages, Millicores};

pub use super::why::{Finding, FindingKind, Reason, Severity};

/// A finished plan.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Name of the application.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// Eight hex digits over what is installed: spec, sizes, rungs, images. Reasons are not part of it.
    pub hash: String,
    /// The day from which growth counts, where the owner declared it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Demand at the declared targets.
    pub demand: DemandFigures,
    /// Demand at the horizon.
    pub demand_at_horizon: DemandFigures,
    /// The rungs, in order.
    pub ladder: Vec<LadderRung>,
    /// The tiers, in the order in which a request passes them.
    pub tiers: Vec<TierPlan>,
    /// What the owner should know; a plan with an `Error` is never written.
    pub findings: Vec<Finding>,
    /// Rough cost of a month.
    pub monthly_cost: MonthlyCost,
    /// Revision of the catalogue that made the plan.
    pub catalogue: String,
    /// Images to build with: the recorded ones until a change of them is approved.
    pub images: EngineImages,
    /// Changes against the previous plan that wait for an approval; the tiers above do not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposal>,
}

/// Demand, in the units of the names.
#[derive(Serialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct DemandFigures {
    pub average_requests_per_second: f64,
    pub peak_requests_per_second: f64,
    pub origin_requests_per_second: f64,
    pub database_reads_per_second: f64,
    pub database_writes_per_second: f64,
    pub cache_operations_per_second: f64,
    pub jobs_per_second: f64,
    pub egress_megabits_per_second: f64,
    pub database_bytes: u64,
}

/// The rungs of the ladder.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter,
)]
pub enum Rung {
    /// Edge load balancer and two or more web pods.
    LoadBalancer,
    /// One primary takes writes, replicas take reads.
    DatabaseReplicas,
    /// Cache over one server.
    Cache,
    /// Caching proxy.
    CachingProxy,
    /// Sessions in a shared store.
    SharedSessions,
    /// Message queue and workers.
    Queue,
    /// Several data centres.
    Regions,
    /// Shards by key.
    Shards,
}

/// One rung with its state.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LadderRung {
    /// The rung.
    pub rung: Rung,
    /// Whether it is on.
    pub on: bool,
    /// What switched it on; absent when it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Why, in one sentence.
    pub because: String,
}

/// The tiers.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumString,
)]
#[allow(missing_docs)]
pub enum Tier {
    Edge,
    Proxy,
    Web,
    Worker,
    Pool,
    Database,
    Cache,
    Sessions,
    Queue,
}

impl Tier {
    /// The value of the component label: the tier in small letters.
    #[must_use]
    pub const fn component(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Proxy => "proxy",
            Self::Web => "web",
            Self::Worker => "worker",
            Self::Pool => "pool",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Sessions => "sessions",
            Self::Queue => "queue",
        }
    }

    /// The component label of the routers before the tier's members, where there are such.
    #[must_use]
    pub const fn router_component(self) -> Option<&'static str> {
        match self {
            Self::Cache => Some("cache-router"),
            Self::Sessions => Some("sessions-router"),
            Self::Queue => Some("queue-router"),
            _ => None,
        }
    }

    /// Whether the tier holds data that is nowhere else.
    #[must_use]
    pub const fn is_stateful(self) -> bool {
        matches!(self, Self::Database | Self::Sessions | Self::Queue)
    }
}

/// The plan of one tier.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TierPlan {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// What runs it, such as `Deployment`, `HAProxy`, `PgBouncer` or `PostgreSQL`.
    pub engine: String,
    /// Pods.
    pub replicas: Replicas,
    /// Size of one pod, all of its containers together.
    pub per_replica: Size,
    /// Size at `replicas.max`.
    pub total: Size,
    /// What the demand needs, before packing.
    pub requirement: Requirement,
    /// The resource that binds first.
    pub bottleneck: Bottleneck,
    /// Room at peak over the requirement, in percent of the total.
    pub headroom_percent: u32,
    /// Roles of the members, of a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// What the builders need of this tier.
    pub settings: TierSettings,
    /// Why each number is what it is.
    pub reasons: Vec<Reason>,
}

/// Fewest and most pods; equal without an autoscaler.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Replicas {
    pub min: u32,
    pub max: u32,
}

/// A size.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Size {
    #[serde(rename = "cpuMillicores")]
    pub cpu: Millicores,
    #[serde(rename = "memoryBytes")]
    pub memory: Bytes,
    #[serde(rename = "storageBytes")]
    pub storage: Bytes,
}

/// What the demand needs of a tier, continuous.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Requirement {
    /// CPU that is busy at peak.
    pub cpu_millicores: f64,
    /// CPU with the room that keeps waiting short: what the packing must offer.
    pub staffed_cpu_millicores: f64,
    pub memory_bytes: f64,
    pub storage_bytes: f64,
}

/// The resource that binds first.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[allow(missing_docs)]
pub enum Bottleneck {
    Cpu,
    Memory,
    Storage,
    Latency,
    Availability,
    Connections,
}

/// Members of a database by role; one primary always, members change roles.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Roles {
    pub primary: u32,
    /// Replicas that acknowledge every write.
    pub synchronous: u32,
    /// Replicas that serve reads, the synchronous ones included.
    pub read: u32,
}

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
    /// Size of the database container; the lag agent gets the rest of `perReplica`.
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
    /// Whether a Sentinel runs in each pod: with three members.
    pub sentinel: bool,
    /// Size of the Redis container; the Sentinel gets the rest of `perReplica`.
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

/// Changes that wait for an approval.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// What `spec.changes.approved` must hold to let them through.
    pub hash: String,
    /// The changes.
    pub changes: Vec<ProposedChange>,
}

/// Rough cost of a month.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct MonthlyCost {
    pub currency: String,
    /// At `replicas.min`.
    pub low: f64,
    /// At `replicas.max`.
    pub high: f64,
}

impl Size {
    /// `count` of this size together.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        let count = u64::from(count);
        Self {
            cpu: Millicores(self.cpu.0.saturating_mul(count)),
            memory: Bytes(self.memory.0.saturating_mul(count)),
            storage: Bytes(self.storage.0.saturating_mul(count)),
        }
    }
}

impl Plan {
    /// The plan of a tier that exists once.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> Option<&TierPlan> {
        self.tiers.iter().find(|t| t.tier == tier)
    }

    /// The plan of a worker.
    #[must_use]
    pub fn worker(&self, name: &str) -> Option<&TierPlan> {
        self.tiers.iter().find(|t| t.tier == Tier::Worker && t.name == name)
    }

    /// The plan of a web service.
    #[must_use]
    pub fn web(&self, service: &str) -> Option<&TierPlan> {
        self.tiers.iter().find(|t| t.tier == Tier::Web && t.name == service)
    }

    /// Whether a finding forbids to write the plan.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }
}
