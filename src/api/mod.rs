//! The resource `ScaledApp`: spec, status, CEL rules and labels.
//!
//! Nothing but types lives here. A field is served only when the operator acts on it, so strict
//! validation refuses what has no behaviour. Nothing in this room computes, reads or writes.

mod changes;
pub mod crd;
mod cron;
mod external;
pub mod labels;
mod memory;
mod messaging;
mod networking;
mod pods;
mod profile;
mod proxy;
mod scalars;
mod services;
mod status;
mod targets;
mod tiers;

pub use changes::{ChangePolicy, Changes, DeletionPolicy, Mode, Weekday, Window};
pub use cron::CronJob;
pub use external::{DatabaseProvider, External, Objects, Provider, SecretReference};
pub use memory::{Cache, EvictionPolicy, MemberPin, Popularity, SessionStore, Sessions};
pub use messaging::{Queue, QueueDeclaration, QueuePin, Worker, WorkerAutoscaling, WorkerPin};
pub use networking::{EgressPolicy, Ingress, IngressTls, LoadBalancing, NamespacePeer, Network, RateLimit};
pub use pods::{
    ConfigMapVolume, EmptyDirVolume, KeyToPath, Placement, ProjectedKeys, ProjectedSource, ProjectedVolume,
    SecretVolume, TaintEffect, Toleration, TolerationOperator, Volume, VolumeMedium, VolumeMount,
};
pub use profile::{Preset, Profile, ProfileRange, RangedField, ServiceTime};
pub use proxy::{Proxy, ProxyPin};
pub use scalars::{Decimal, DurationText, Quantity, RangeEnd};
pub use services::{Health, LocalObjectName, Migration, Service, ServicePin, ServiceSecurityContext};
pub use status::{
    Band, ChangeClass, LadderStatus, MAX_TIERS, PlanStatus, PlannedReplicas, ProposedChange, ProposedStatus,
    ScaledAppStatus, TierBands, TierStatus, Trigger,
};
pub use targets::{Growth, Latency, Targets};
pub use tiers::{Database, DatabasePin, Durability, Pooling, Reads, Storage};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// The API group of the resource.
pub const GROUP: &str = "scaledapp.dev";
/// The served version of the resource.
pub const VERSION: &str = "v1alpha1";

/// What an application must bear, and what it is made of.
///
/// Everything else - which tiers there are, how many pods, how large - is derived from this.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "scaledapp.dev",
    version = "v1alpha1",
    kind = "ScaledApp",
    plural = "scaledapps",
    shortname = "sapp",
    namespaced,
    status = "ScaledAppStatus",
    derive = "PartialEq",
    doc = "ScaledApp says what an application must bear; the operator derives, sizes and keeps alive the architecture for it.",
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$')").message("metadata.name must start with a letter, hold only lower-case letters, digits and '-', and have at most 30 characters, since it begins the name of every object of the application"),
    printcolumn(name = "Users", type_ = "integer", json_path = ".spec.targets.dailyActiveUsers", description = "Daily active users the owner declared"),
    printcolumn(name = "Rung", type_ = "string", json_path = ".status.rung", description = "Highest rung of the ladder that is on"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the application serves"),
    printcolumn(name = "Web", type_ = "string", json_path = ".status.web", description = "Web pods: ready/planned"),
    printcolumn(name = "Database", type_ = "string", json_path = ".status.database", description = "Database members: ready/planned"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.migrations) || has(self.database)").message("spec.migrations needs spec.database: there is nothing to migrate without one; add 'database: {}' or remove migrations"))]
#[x_kube(validation = Rule::new("!has(self.workers) || self.workers.all(w, !has(w.queue) || (has(self.queue) && has(self.queue.queues) && self.queue.queues.exists(q, q.name == w.queue)))").message("a worker takes its jobs from a queue of spec.queue.queues: add the queue there, or remove the worker's queue"))]
#[x_kube(validation = Rule::new("!has(self.sessions) || !has(self.sessions.store) || self.sessions.store != 'Database' || has(self.database)").message("spec.sessions.store is Database, which needs spec.database: add 'database: {}' or take store Memory"))]
#[x_kube(validation = Rule::new("self.services.all(a, !self.services.exists(b, b.name == a.name + '-pods'))").message("spec.services: a service may not be called as another one with '-pods' behind it, since the pods of that one are found by this name; choose another name"))]
#[x_kube(validation = Rule::new("!has(self.proxy) || self.services.size() == 1 || self.services.exists(s, has(s.paths) && s.paths.size() > 0)").message("spec.proxy needs a service behind it: give one of spec.services its paths, for example paths: [/]"))]
#[x_kube(validation = Rule::new("!has(self.ingress) || self.services.exists(s, has(s.paths) && s.paths.size() > 0) || self.services.size() == 1").message("spec.ingress needs a service that answers it: give one of spec.services its paths, for example paths: [/]"))]
#[x_kube(validation = Rule::new("!has(oldSelf.database) || !has(oldSelf.database.storage) || !has(oldSelf.database.storage.className) || !has(self.database) || has(self.database.external) || (has(self.database.storage) && has(self.database.storage.className) && self.database.storage.className == oldSelf.database.storage.className)").message("spec.database.storage.className cannot change while the database exists: a volume keeps the class it was made with"))]
pub struct ScaledAppSpec {
    /// Apply writes the architecture; Advise plans and observes, and writes nothing but status.
    ///
    /// Absent means Apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Stops every write of the operator for this application except to its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What happens to volumes, their secrets and the newest plan when the ScaledApp is deleted.
    ///
    /// Absent means Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How changes that restart, shrink or destroy are let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// Secrets with which the application's images are pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Option<Vec<LocalObjectName>>,
    /// What the owner promises to the users.
    pub targets: Targets,
    /// How heavy the application is; measured values beat presets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The application's own containers: one entry is a monolith, several are services.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<Service>,
    /// Containers that do jobs in the background, scaled apart from the services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub workers: Option<Vec<Worker>>,
    /// Jobs that come by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub cron_jobs: Option<Vec<CronJob>>,
    /// Jobs that run in order, once for each distinct image and arguments, before a new version rolls out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub migrations: Option<Vec<Migration>>,
    /// How the application is reached from outside; absent means only from inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Who may reach the application and what it may reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// A PostgreSQL database with its connection pool; `{}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// A cache in memory; `{}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// A shared store of sessions; `{}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Sessions>,
    /// A message queue; `{}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// A caching proxy before the services; `{}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// A store of objects that somebody else runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Objects>,
}
