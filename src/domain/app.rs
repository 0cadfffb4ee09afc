//! The validated application: every default resolved and traced, every name and number checked.
//!
//! A `ValidApp` is the proof that builders need: what is made from it, the API server accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{
    Backing, Bytes, Measured, Millicores, Millis, Sourced, ValidCache, ValidContainer, ValidExternals, ValidProxy,
    ValidQueue, ValidRange, ValidSessions, ValidWorker,
};
use crate::api::{
    ChangePolicy, DeletionPolicy, Durability, EgressPolicy, Health, IngressTls, LoadBalancing, Mode, Pooling, Preset,
    ScaledAppSpec, Window,
};

/// Name of an application: a DNS label of at most [`AppName::MAX_LENGTH`] characters.
#[derive(Serialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct AppName(pub(super) String);

impl AppName {
    /// With the longest suffix that a tier's objects and pods add, names stay within 63 characters.
    pub const MAX_LENGTH: usize = 30;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An application whose spec was found good, with all defaults resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidApp {
    /// Its name.
    pub name: AppName,
    /// Its namespace.
    pub namespace: String,
    /// Uid of the stored object; `None` on the command line.
    pub uid: Option<String>,
    /// Whether the operator writes.
    pub mode: Mode,
    /// Whether the operator holds still.
    pub paused: bool,
    /// What a deletion leaves.
    pub deletion_policy: DeletionPolicy,
    /// How changes are let through.
    pub changes: ValidChanges,
    /// Names of image pull secrets.
    pub image_pull_secrets: Vec<String>,
    /// The load and the promises.
    pub targets: ValidTargets,
    /// Unit costs.
    pub profile: ValidProfile,
    /// The services, at least one, in the order of the spec; names are distinct.
    pub services: Vec<ValidService>,
    /// The workers, in the order of the spec; names are distinct.
    pub workers: Vec<ValidWorker>,
    /// The jobs that come by the clock, in the order of the spec; names are distinct.
    pub cron_jobs: Vec<ValidCronJob>,
    /// The migrations, in order; only with a database.
    pub migrations: Vec<ValidMigration>,
    /// The way in from outside.
    pub ingress: Option<ValidIngress>,
    /// Network policies.
    pub network: ValidNetwork,
    /// The database that the operator runs.
    pub database: Option<ValidDatabase>,
    /// The cache.
    pub cache: Option<ValidCache>,
    /// The sessions, wherever they are kept.
    pub sessions: Option<ValidSessions>,
    /// The message queue.
    pub queue: Option<ValidQueue>,
    /// The caching proxy.
    pub proxy: Option<ValidProxy>,
    /// The tiers that somebody else runs; each of them is in no field above.
    pub externals: ValidExternals,
    /// What somebody measured of it and no field declares.
    pub measured: Measured,
    /// The spec as it was written, for the plan's revision.
    pub spec: ScaledAppSpec,
}

impl ValidApp {
    /// Whether there is a database, of our own or another's.
    #[must_use]
    pub fn has_database(&self) -> bool {
        self.database.is_some() || self.externals.has(Backing::Database)
    }

    /// Whether a path leads to several services, between which an edge splits the requests.
    #[must_use]
    pub fn splits_requests(&self) -> bool {
        let mut seen = BTreeSet::new();
        self.services.iter().flat_map(|service| &service.paths).any(|path| !seen.insert(path))
    }
}

/// How changes are let through.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidChanges {
    /// What needs an approval.
    pub policy: ChangePolicy,
    /// The approved proposal.
    pub approved: Option<String>,
    /// When restarts of stateful tiers may begin.
    pub window: Option<Window>,
}

/// The load in the form in which it was declared.
#[derive(Clone, Debug, PartialEq)]
pub enum ValidLoad {
    /// Users of a day.
    DailyActiveUsers {
        /// How many.
        users: u64,
        /// Requests of one user on a day.
        requests_per_user_per_day: Sourced<u64>,
    },
    /// Requests a second at peak.
    PeakRequestsPerSecond(u64),
    /// Users at the same moment.
    PeakConcurrentUsers {
        /// How many.
        users: u64,
        /// Pause between two requests of one user, in seconds.
        seconds_between_requests: Sourced<u64>,
    },
}

/// The load and the promises.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidTargets {
    /// The load.
    pub load: ValidLoad,
    /// The day from which growth counts, `YYYY-MM-DD`; informative, since a plan reads no clock.
    pub as_of: Option<String>,
    /// Peak over average load, at least 1.
    pub peak_to_average: Sourced<f64>,
    /// Latency objective.
    pub latency_p99: Sourced<Millis>,
    /// Availability objective as a share, in (0, 1).
    pub availability: Sourced<f64>,
    /// Growth.
    pub growth: ValidGrowth,
}

/// Compound growth.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidGrowth {
    /// Percent a month.
    pub percent_per_month: Sourced<u64>,
    /// Months planned ahead.
    pub horizon_months: Sourced<u64>,
}

/// Unit costs of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidProfile {
    /// Kind of application.
    pub preset: Sourced<Preset>,
    /// CPU time of one dynamic request, in milliseconds.
    pub cpu_ms_per_request: Sourced<f64>,
    /// Time of one dynamic request without load, at the 99th percentile.
    pub service_time_p99: Sourced<Millis>,
    /// Memory of one web pod at work.
    pub memory_per_replica: Sourced<Bytes>,
    /// Mean size of an answer.
    pub response_size: Sourced<Bytes>,
    /// Share of queries that only read, in [0, 1].
    pub read_share: Sourced<f64>,
    /// Share of requests for static files, in [0, 1].
    pub static_share: Sourced<f64>,
    /// Share of the other requests for pages that the services mark public, in [0, 1].
    pub cacheable_share: Sourced<f64>,
    /// Queries for each dynamic request at the origin.
    pub queries_per_request: Sourced<f64>,
    /// Reads that a cache may answer, for each dynamic request at the origin.
    pub cache_reads_per_request: Sourced<f64>,
    /// Bytes that one user adds to the database on a day.
    pub bytes_written_per_user_per_day: Sourced<Bytes>,
    /// Spreads of unit costs, in the order of the spec; each field at most once.
    pub ranges: Vec<ValidRange>,
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidService {
    /// Its name.
    pub name: String,
    /// What runs in its pods.
    pub container: ValidContainer,
    /// Port of the container.
    pub port: u16,
    /// Path prefixes, longest first; empty means internal only.
    pub paths: Vec<String>,
    /// Its part of the dynamic requests, in [0, 1]; the parts of all services add up to 1.
    pub request_share: f64,
    /// Paths of the probes.
    pub health: Health,
    /// Sizes that the owner fixed.
    pub pin: ValidServicePin,
}

/// Sizes of a service that the owner fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidServicePin {
    /// Fewest pods.
    pub min_replicas: Option<u32>,
    /// Most pods.
    pub max_replicas: Option<u32>,
    /// CPU of one pod.
    pub cpu: Option<Millicores>,
    /// Memory of one pod.
    pub memory: Option<Bytes>,
}

/// One job that comes by the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidCronJob {
    /// Its name.
    pub name: String,
    /// When it runs, in five fields.
    pub schedule: String,
    /// IANA time zone of the schedule.
    pub time_zone: String,
    /// What runs.
    pub container: ValidContainer,
    /// After this time a run counts as failed.
    pub timeout: Millis,
}

/// One migration, its image resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidMigration {
    /// Its name.
    pub name: String,
    /// What runs: the first service's image, unless it has its own; and as that service, its user and account.
    pub container: ValidContainer,
    /// After this time it counts as failed.
    pub timeout: Millis,
}

/// The way in.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidIngress {
    /// Class; `None` means the cluster's default.
    pub class_name: Option<String>,
    /// Host names; empty means every host.
    pub hosts: Vec<String>,
    /// Certificates.
    pub tls: Vec<IngressTls>,
    /// Annotations for the controller.
    pub annotations: BTreeMap<String, String>,
    /// How the edge spreads requests.
    pub load_balancing: LoadBalancing,
    /// Most requests of one client; `None` means no limit.
    pub rate_limit: Option<ValidRateLimit>,
}

/// Most requests of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidRateLimit {
    /// Requests a second for any length of time.
    pub requests_per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// Network policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidNetwork {
    /// What services may reach.
    pub egress: EgressPolicy,
    /// Namespaces from which the edge may be reached; `None` means all.
    pub ingress_from: Option<Vec<String>>,
    /// Namespaces from which metrics may be read; `None` means all.
    pub metrics_from: Option<Vec<String>>,
}

/// The database.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidDatabase {
    /// Major version of PostgreSQL.
    pub version: u32,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// For how long a client keeps a server connection.
    pub pooling: Pooling,
    /// A replica further behind gets no reads.
    pub max_lag: Sourced<Millis>,
    /// Storage class; `None` means the environment's.
    pub storage_class: Option<String>,
    /// Sizes that the owner fixed.
    pub pin: ValidDatabasePin,
    /// Members that hold data already though no plan remembers them; a plan has no fewer. No field of the spec:
    /// zero, unless what runs is known.
    pub present: u32,
}

/// Sizes of the database that the owner fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidDatabasePin {
    /// Members.
    pub members: Option<u32>,
    /// CPU of one member.
    pub cpu: Option<Millicores>,
    /// Memory of one member.
    pub memory: Option<Bytes>,
    /// Volume of one member.
    pub storage: Option<Bytes>,
}
