//! The plan: the JSON contract of `scaledapp plan -o json`, and what builders need beside it.
//!
//! Fields may be added, never renamed.

use serde::{Deserialize, Serialize};

use crate::api::{ProposedChange, Trigger};
use crate::domain::{Backing, Bytes, EngineImages, Millicores};

pub use super::comparison::Comparison;
pub use super::settings::{
    DatabaseSettings, EdgeSettings, PoolSettings, ProxySettings, QueueSettings, RedisSettings, TierSettings,
    WebSettings, WorkerSettings,
};
pub use super::uncertainty::{AtHigh, EndTier, RangeEndValue, Sensitivity, Uncertainty};
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
    /// Why the demand is what it is, in the order of the derivation.
    pub demand_reasons: Vec<Reason>,
    /// The rungs, in order.
    pub ladder: Vec<LadderRung>,
    /// The tiers, in the order in which a request passes them.
    pub tiers: Vec<TierPlan>,
    /// What somebody else runs: no pods of ours, and what the application will ask of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<ExternalPlan>,
    /// What the tiers together give of the promised availability.
    pub availability: PlannedAvailability,
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
    /// How far the plan hangs on values that are not known exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
    /// What was measured against what was declared, where measurements were given; all else is planned with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Comparison>,
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
    /// Dynamic requests under way at peak, by Little's law.
    pub concurrent_requests: f64,
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

    /// Whether more pods bear more load; members of the other tiers all do the same work.
    #[must_use]
    pub const fn spreads(self) -> bool {
        matches!(self, Self::Edge | Self::Proxy | Self::Web | Self::Worker | Self::Pool)
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
    /// Size at `replicas.max`, with the routers before the members.
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
    /// Rough cost of a month.
    pub monthly_cost: CostSpan,
    /// What the builders need of this tier.
    pub settings: TierSettings,
    /// Why each number is what it is.
    pub reasons: Vec<Reason>,
}

/// A tier that somebody else runs.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPlan {
    /// The tier.
    pub tier: Backing,
    /// The tier in small letters.
    pub name: String,
    /// The owner's Secret that says where it is.
    pub secret: String,
    /// What the application will ask of it, each number with its formula.
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

/// Size of the container that shows an engine's figures to Prometheus, beside each member.
pub const EXPORTER: Size = Size { cpu: Millicores(10), memory: Bytes(32 << 20), storage: Bytes(0) };

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
    /// What the busiest pod sends with the spare lost; 0 where it is no question.
    pub network_megabits_per_second: f64,
    /// What the volume of the busiest member does; 0 where it is no question.
    pub volume_operations_per_second: f64,
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
    Network,
    VolumeOperations,
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

/// Changes that wait for an approval.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// What `spec.changes.approved` must hold to let them through.
    pub hash: String,
    /// The changes.
    pub changes: Vec<ProposedChange>,
}

/// Availability as it is planned: tiers in a row, each by its members, never above what the zones give.
#[derive(Serialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAvailability {
    /// The objective.
    pub promised_percent: f64,
    /// What the tiers of the request's way give together.
    pub planned_percent: f64,
    /// What the zones give at most.
    pub zones_percent: f64,
    /// The tiers of which a request needs every one.
    pub parts: Vec<AvailabilityPart>,
}

/// One tier of the chain.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityPart {
    /// The tier.
    pub tier: Tier,
    /// Its name.
    pub name: String,
    /// Members that must be up.
    pub needed: u32,
    /// Members that there are at peak.
    pub members: u32,
    /// The probability of that.
    pub percent: f64,
}

/// Rough cost of a month, with what the users are sent.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MonthlyCost {
    /// ISO 4217 code.
    pub currency: String,
    /// At `replicas.min` and the low prices, today's answers sent.
    pub low: f64,
    /// At `replicas.max` and the high prices, the horizon's answers sent.
    pub high: f64,
    /// The part of it that is traffic to the users.
    pub egress: CostSpan,
    /// Name of the table of prices.
    pub prices: String,
    /// Why each number is what it is.
    pub reasons: Vec<Reason>,
}

/// Rough cost of a month of a part: fewest pods at the low prices to most pods at the high ones.
#[derive(Serialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct CostSpan {
    pub currency: String,
    pub low: f64,
    pub high: f64,
}

impl Size {
    /// This size and another one together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu: Millicores(self.cpu.0.saturating_add(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
            storage: Bytes(self.storage.0.saturating_add(other.storage.0)),
        }
    }

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

impl TierPlan {
    /// Pods that bear the peak alone: those beyond them are the spare.
    #[must_use]
    pub fn needed_pods(&self) -> u32 {
        self.pods_of(self.requirement.staffed_cpu_millicores)
    }

    /// Pods that are busy at the peak: with one fewer some requests would not be answered, and with all that the tier has
    /// they are answered in time.
    #[must_use]
    pub fn busy_pods(&self) -> u32 {
        self.pods_of(self.requirement.cpu_millicores)
    }

    /// Pods that have so much CPU together, of those that there are.
    fn pods_of(&self, millicores: f64) -> u32 {
        let one = (self.per_replica.cpu.0 as f64).max(1.0);
        ((millicores / one - 1e-9).ceil() as u32).clamp(1, self.replicas.max.max(1))
    }
}

impl Plan {
    /// The plan of a tier that exists once.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> Option<&TierPlan> {
        self.tiers.iter().find(|t| t.tier == tier)
    }

    /// A tier that somebody else runs.
    #[must_use]
    pub fn external(&self, backing: Backing) -> Option<&ExternalPlan> {
        self.external.iter().find(|external| external.tier == backing)
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
