//! What the operator says of an application. Types only.
//!
//! At most 32 tiers and 16 KiB: reasons are recomputed by the command line, not stored. No field
//! changes with time alone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Most tiers that a status holds.
pub const MAX_TIERS: usize = 32;

/// The observed state of the application.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScaledAppStatus {
    /// Generation of the spec that this status is about; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, PlanAccepted, EnvironmentReady, Degraded and DataSafe.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Highest rung of the ladder that is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
    /// Web pods that are ready, of those that are planned at least, such as `2/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
    /// Database members that are ready, of those that are planned, such as `3/3`; External when somebody else runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Where users reach the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The accepted plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Changes that wait for an approval or a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<ProposedStatus>,
    /// The rungs of the ladder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["rung"]))]
    pub ladder: Vec<LadderStatus>,
    /// The tiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["tier", "name"]))]
    pub tiers: Vec<TierStatus>,
}

/// The accepted plan.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// The ControllerRevision that holds it.
    pub revision: String,
    /// Its hash.
    pub hash: String,
}

/// Changes that wait.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProposedStatus {
    /// Set `spec.changes.approved` to this to approve.
    pub hash: String,
    /// What would change.
    #[schemars(length(max = 32))]
    pub changes: Vec<ProposedChange>,
}

/// One change that waits.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProposedChange {
    /// The tier's object, such as `Database/shop-database`.
    pub object: String,
    /// Its class.
    pub class: ChangeClass,
    /// What changes and why it waits, in a sentence.
    #[schemars(length(max = 512))]
    pub reason: String,
}

/// How much a change disturbs, in rising order.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display,
)]
pub enum ChangeClass {
    /// No restart.
    Online,
    /// Members or bytes are added.
    Growing,
    /// Restarts behind a switchover.
    Rolling,
    /// Members go, by the scale-in contract.
    Shrinking,
    /// Data goes.
    Destructive,
}

/// One rung of the ladder.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LadderStatus {
    /// The rung.
    pub rung: String,
    /// Whether it is on.
    pub on: bool,
    /// What switched it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
}

/// What switched a rung on.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display,
)]
pub enum Trigger {
    /// The spec declares the tier.
    Declared,
    /// The load needs it.
    Capacity,
    /// The availability objective needs it.
    Availability,
    /// The owner pinned it.
    Pinned,
}

/// One tier.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TierStatus {
    /// Edge, Proxy, Web, Worker, Pool, Database, Cache, Sessions, Queue or Objects.
    pub tier: String,
    /// The service's name, or the tier's in small letters.
    pub name: String,
    /// What the plan wants.
    pub planned: PlannedReplicas,
    /// Members that are ready.
    pub ready: i32,
    /// Where it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The resource that binds first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<String>,
    /// Room that the plan leaves at peak, in percent of the tier's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom_percent: Option<i32>,
    /// What it waits for or lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// What is observed of it, coarsely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<TierBands>,
}

/// What is observed of a tier, coarsely: written when it has held for two minutes. Exact values are metrics; what
/// nobody tells has no band.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TierBands {
    /// CPU in use against the planned size: of members with roles the busiest, else the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Band>,
    /// Memory in use against the planned size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Band>,
    /// How far the last replica is behind the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Band>,
    /// How full the fullest declared queue is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Band>,
}

/// A range of values, in rising order.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display,
)]
pub enum Band {
    /// Hardly anything.
    Low,
    /// As planned.
    Normal,
    /// Near the edge.
    High,
    /// At the edge.
    Critical,
}

/// Planned members of a tier.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedReplicas {
    /// Fewest.
    pub min: i32,
    /// Most.
    pub max: i32,
}
